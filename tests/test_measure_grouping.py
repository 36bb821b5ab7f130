"""Groups against labels: closed forms, literal loops, that controls have as many groups, the table and its command."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from broden_tree import picture
from skimage.color import rgb2lab
from skimage.metrics import variation_of_information

from dgmlib import PerceptualParser, Predictor, Vocabulary
from dgmlib.broden import BrodenPlus, FolderDataset
from dgmlib.checkpoints import save_model
from dgmlib.interventions import without_top_down
from dgmlib.measure import grouping
from dgmlib.measure.study import Study
from dgmlib.superpixels.graph import region_means

RNG = np.random.default_rng(0)
QUICK = Study(short_side=64, images=3, workers=1)


def literal_purity(groups, labels):
    pairs = Counter((g, t) for g, t in zip(groups.ravel(), labels.ravel(), strict=True) if t > 0)
    best = {g: max(n for (other, _), n in pairs.items() if other == g) for g, _ in pairs}
    return sum(best.values()) / sum(pairs.values())


def literal_region_iou(groups, labels):
    kept = labels > 0
    best = [
        max(np.mean((groups == g)[kept] & (labels == t)[kept]) / np.mean(((groups == g) | (labels == t))[kept])
            for g in np.unique(groups[kept]))
        for t in np.unique(labels[kept])
    ]  # fmt: skip
    return np.mean(best)


def test_agreement_equals_a_literal_loop_and_scikit_image():
    groups, labels = RNG.integers(0, 7, (20, 30)), RNG.integers(0, 4, (20, 30))
    found = grouping.agreement(groups, labels)
    assert found["purity"] == pytest.approx(literal_purity(groups, labels))
    assert found["region mIoU"] == pytest.approx(literal_region_iou(groups, labels))
    split, merged = variation_of_information(labels[labels > 0], groups[labels > 0])
    assert found["split"] == pytest.approx(split)
    assert found["merged"] == pytest.approx(merged)
    assert found["VI"] == found["split"] + found["merged"]
    assert (found["groups"], found["segments"]) == (7, 3)


def test_agreement_in_closed_form():
    labels = np.repeat([1, 2, 3, 3], 8).reshape(4, 8)  # a quarter, a quarter, a half
    halves = np.repeat([0, 1], 16).reshape(4, 8)
    assert grouping.agreement(labels, labels) == {
        "groups": 3, "segments": 3, "purity": 1, "region mIoU": 1, "boundary F": 1, "merged": 0, "split": 0, "VI": 0
    }  # fmt: skip
    one = grouping.agreement(np.zeros_like(labels), labels)
    assert (one["purity"], one["merged"], one["split"]) == (0.5, pytest.approx(1.5), 0)
    assert (one["region mIoU"], one["boundary F"]) == (pytest.approx((0.25 + 0.25 + 0.5) / 3), 0)
    two = grouping.agreement(halves, labels)
    assert (two["purity"], two["merged"], two["split"]) == (0.75, pytest.approx(0.5), 0)
    assert two["region mIoU"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    fine = grouping.agreement(np.arange(32).reshape(4, 8), labels)
    assert (fine["purity"], fine["merged"], fine["split"]) == (1, 0, pytest.approx(5 - 1.5))


def test_agreement_leaves_out_what_is_not_labelled_and_ignores_numbering():
    groups, labels = RNG.integers(0, 5, (12, 12)), RNG.integers(1, 4, (12, 12))
    labels[:, 6:] = 0
    found = grouping.agreement(groups, labels)
    half = grouping.agreement(groups[:, :6], labels[:, :6])
    assert found == pytest.approx(half)
    assert grouping.agreement(np.array([40, 3, 17, 0, 8])[groups], 10 * labels) == pytest.approx(found)


def test_purity_falls_as_groups_merge():
    labels, groups = RNG.integers(1, 5, (16, 16)), RNG.integers(0, 64, (16, 16))
    scores = [grouping.agreement(groups // merge, labels)["purity"] for merge in (1, 2, 4, 8, 64)]
    assert scores == sorted(scores, reverse=True)


def test_colour_merges_what_has_one_colour_wherever_it_lies():
    regions = np.repeat(np.arange(5), 4)[None].repeat(6, 0)
    colours = np.array([[0.9, 0.1, 0.1], [0.1, 0.2, 0.9], [0.9, 0.12, 0.1], [0.1, 0.2, 0.88], [0.5, 0.9, 0.4]])
    seen = region_means(rgb2lab(colours[regions]), regions)
    three, five, one = grouping.merge_by(seen, regions, (3, 5, 1))
    assert three[0, 0] == three[0, 8] != three[0, 4] == three[0, 12] != three[0, 16]
    assert [len(np.unique(groups)) for groups in (three, five, one)] == [3, 5, 1]


def test_one_region_cannot_be_merged():
    (groups,) = grouping.merge_by(np.full((1, 3), 0.5), np.zeros((4, 4), int), (1,))
    assert (groups == 0).all()


def test_parts_are_pairs_with_the_rest_of_their_object():
    vocabulary = Vocabulary(("-", "car", "house", "sky"), ("-", "wheel", "door"), object_parts={1: (0, 1), 2: (0, 2)})
    objects = np.array([[0, 1, 1, 2, 2, 3]])
    sample = {"object": objects, "part": np.array([[0, 0, 1, 0, 1, 0]]), "part_valid": np.array([True, False])}
    maps = grouping.label_maps(sample, vocabulary)
    np.testing.assert_array_equal(maps["object"], objects)
    part = maps["part"][0]
    assert part[1] != part[2]
    assert (part[[1, 2]] > 0).all()
    assert (part[[0, 3, 4, 5]] == 0).all()  # nobody annotated the house's parts, and the sky has none


def test_parts_of_different_objects_differ():
    vocabulary = Vocabulary(("-", "car", "house"), ("-", "door"), object_parts={1: (0, 1), 2: (0, 1)})
    sample = {"object": np.array([[1, 1, 2, 2]]), "part": np.array([[0, 1, 0, 1]]), "part_valid": np.full(2, True)}
    assert len(np.unique(grouping.label_maps(sample, vocabulary)["part"])) == 4


def test_a_folder_s_classes_may_name_parts(tmp_path):
    picture(tmp_path / "val/images/a.png", np.zeros((1, 5, 3)))
    picture(tmp_path / "val/labels/a.png", np.array([[0, 1, 2, 3, 4]]))
    dataset = FolderDataset(tmp_path, "val", ["-", "building", "sky", "building/window", "car/wheel"])
    maps = grouping.label_maps(dataset[0], dataset.vocabulary)
    np.testing.assert_array_equal(maps["object"], [[0, 1, 2, 1, 3]])
    np.testing.assert_array_equal(np.unique(maps["part"], return_inverse=True)[1].ravel(), [0, 1, 0, 2, 3])


def test_level_one_is_the_superpixels_at_the_image_s_own_size(model, smoke_data):
    image = BrodenPlus(smoke_data, "val", ("object",))[0]["image"]
    scene = Predictor(model, 64)(image)
    regions, levels = scene.regions, [scene.groups(level) for level in range(1, scene.levels + 1)]
    assert len(levels) == 4
    assert all(groups.shape == image.shape[:2] for groups in levels)
    pairs = np.unique(np.stack([regions.ravel(), levels[0].ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(regions)) == len(np.unique(levels[0]))
    counts = [len(np.unique(groups)) for groups in levels]
    assert counts == sorted(counts, reverse=True)


def test_pooled_features_are_what_emgp_starts_from(model):
    image = RNG.integers(0, 256, (96, 128, 3), dtype=np.uint8)
    scene = Predictor(model, 64)(image)
    found = grouping.pooled(scene)
    assert len(found) == scene.regions.max() + 1
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)  # as every node of the graph
    up = Predictor(model, 64)
    with without_top_down(model):
        np.testing.assert_allclose(up(image).grouping.nodes[0][0].numpy(), found, atol=1e-6)


def test_controls_have_as_many_groups_and_level_one_is_the_same_for_all(model, smoke_data):
    dataset = BrodenPlus(smoke_data, "val", ("object", "part"))
    table = grouping.compare({"a": model}, {"drawn": dataset}, QUICK)
    counts = table.pivot_table("groups", ["image", "level"], "method")
    assert (counts["DGM"] == counts[["colour", "features"]].T).T.all(axis=None)
    assert (counts["superpixels"] <= counts["DGM"]).all()
    assert (counts["felzenszwalb"] <= counts["DGM"]).all()
    assert (counts["one group"] == 1).all()
    first = table[(table["level"] == 1) & (table["labels"] == "object")].pivot_table("purity", "image", "method")
    np.testing.assert_allclose(first[["features", "colour"]].T, first[["DGM", "DGM"]].T)
    nodes = table[list(grouping.COLLAPSE)].notna().all(axis=1)
    assert (nodes == ((table["method"] == "DGM") & (table["level"] > 1))).all()
    one = table[table["method"] == "one group"].groupby(["image", "labels"])["purity"].first()
    least = one.reindex(pd.MultiIndex.from_frame(table[["image", "labels"]])).to_numpy()
    assert (table["purity"] >= least - 1e-12).all()  # whatever divides an image is as pure as the whole, or purer


def test_one_label_is_nothing_to_compare_with(model, tmp_path):
    picture(tmp_path / "val/images/a.png", np.zeros((40, 50, 3)))
    picture(tmp_path / "val/labels/a.png", np.ones((40, 50)))
    with pytest.raises(ValueError, match="no image of flat has two labels"):
        grouping.compare({"a": model}, {"flat": FolderDataset(tmp_path, "val", ["-", "sky"])}, QUICK)


def test_a_model_without_groups_is_refused(smoke_data):
    plain = PerceptualParser.from_preset("smoke", dgm=None)
    with pytest.raises(ValueError, match="Deep Grouping Model"):
        grouping.compare({"a": plain}, {"drawn": BrodenPlus(smoke_data, "val", ("object",))}, QUICK)


def rows(image, scores):
    facts = {"groups": 4, "segments": 2, "boundary F": 0.5, "merged": 0.5, "split": 1.0}
    facts |= dict.fromkeys(grouping.COLLAPSE, 0.5)
    for level in (1, 2):
        for method, value in zip(grouping.METHODS, scores, strict=True):
            where = {"data": "d", "model": "m", "labels": "object", "image": image, "level": level, "method": method}
            yield where | facts | {"purity": value, "region mIoU": value / 2, "VI": 4 * (1 - value) / level}


def test_leads_are_taken_image_by_image():
    table = pd.DataFrame([*rows("a", (0.9, 0.8, 0.8, 0.95, 0.7, 0.5)), *rows("b", (0.5, 0.4, 0.4, 0.45, 0.4, 0.3))])
    summary = grouping.summarise(table).set_index(["level", "method", "metric"])
    lead = summary.loc[1, "colour", "DGM ahead, purity"]
    assert lead["mean"] == pytest.approx(0.1)
    assert lead["error"] == pytest.approx(0)  # the same in both images, though these differ a lot
    assert summary.loc[1, "DGM", "purity"]["error"] == pytest.approx(0.4 / math.sqrt(2) / math.sqrt(2))
    assert summary.loc[1, "colour", "DGM ahead, VI"]["mean"] == pytest.approx(0.4)  # positive: less VI
    assert lead["images"] == 2
    assert summary.loc[2, "superpixels", "DGM ahead, region mIoU"]["mean"] == pytest.approx((-0.05 + 0.05) / 4)


def test_the_command_adds_to_the_table(model, smoke_data, tmp_path):
    save_model(model, tmp_path / "tiny")
    tiny = Study(tmp_path / "tiny", profile="smoke", data=smoke_data, images=2, workers=1, out=tmp_path)
    text = grouping.measure(tiny)
    table = pd.read_csv(tmp_path / "grouping.csv")
    assert set(table["model"]) == {"tiny", "tiny untrained"}
    assert set(table["data"]) == {"Broden-mini (smoke)"}
    assert "**Broden-mini (smoke), objects**: 2 images" in text
    assert (tmp_path / "grouping.md").read_text() == text
    save_model(model, tmp_path / "other")
    grouping.measure(replace(tiny, model=tmp_path / "other"))
    both = pd.read_csv(tmp_path / "grouping.csv")
    assert set(both["model"]) == {"tiny", "tiny untrained", "other", "other untrained"}
    grouping.measure(tiny)
    assert len(pd.read_csv(tmp_path / "grouping.csv")) == len(both)


def test_the_trained_curve_is_read_where_the_untrained_network_stands():
    levels = {"m": ((64, 0.9, 0.1), (16, 0.7, 0.3), (4, 0.5, 0.5)), "m untrained": ((64, 0.9, 0.1), (8, 0.4, 0.2))}
    rows = [
        {"data": "d", "labels": "object", "model": model, "level": level, "method": "DGM", "metric": metric, "mean": x}
        for model, of_levels in levels.items()
        for level, values in enumerate(of_levels, 1)
        for metric, x in zip(("groups", "purity", "region mIoU"), values, strict=True)
    ]
    alone = [row | {"data": "alone"} for row in rows if row["model"] == "m"]  # nothing to stand beside
    (row,) = grouping.beside_untrained(pd.DataFrame(rows + alone)).to_dict("records")
    assert (row["data"], row["model"], row["groups"]) == ("d", "m", 8)
    assert (row["purity untrained"], row["region mIoU untrained"]) == (0.4, 0.2)
    assert row["purity trained"] == pytest.approx(0.6)  # 8 lies half way from 4 to 16
    assert row["region mIoU trained"] == pytest.approx(0.4)
