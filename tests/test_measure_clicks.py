"""Clicks, measured: the simulated user, what it clicks beside, and the table they make."""

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from broden_tree import picture
from tiny import PHOTO

from dgmlib import PerceptualParser, Predictor, load_model, save_model
from dgmlib.broden.folder import FolderDataset
from dgmlib.measure import clicks
from dgmlib.measure.clicks import best_choice, centre, colour_flood, next_click, objects, simulate
from dgmlib.measure.study import Study

RNG = np.random.default_rng(0)


def test_first_click_is_the_pixel_farthest_from_the_border():
    target = np.zeros((20, 30), dtype=bool)
    target[3:8, 10:15] = True
    target[5, 15:29] = True  # a long tail does not move the middle
    assert next_click(target, np.zeros_like(target)) == (12, 5, True)


def test_the_image_s_border_is_a_border():
    assert centre(np.ones((5, 9), dtype=bool)) in {(x, 2) for x in range(2, 7)}


def test_next_click_goes_to_the_largest_wrong_region():
    target = np.zeros((20, 20), dtype=bool)
    target[2:7, 2:7] = True
    mask = target.copy()
    mask[2, 2] = False  # one pixel missing
    mask[12:15, 12:15] = True  # nine too many
    assert next_click(target, mask) == (13, 13, False)
    mask[12:15, 12:15] = False
    assert next_click(target, mask) == (2, 2, True)
    assert next_click(target, target) is None


def test_simulation_counts_the_overlap_after_every_click():
    target = np.zeros((6, 12), dtype=bool)
    target[:, :9] = True
    answers = iter([np.ones((6, 12), dtype=bool), target])
    asked = []

    def click(x, y, positive):
        asked.append(positive)
        return next(answers)

    assert simulate(click, target, 4) == [9 / 12, 1.0, 1.0, 1.0]  # it stops clicking when all is right
    assert asked == [True, False]


def test_objects_are_connected_large_enough_and_labelled():
    labels = np.zeros((10, 20), dtype=int)
    labels[:4, :4] = labels[6:, 10:14] = 3  # one class, two objects
    labels[8, 18] = 5  # half a percent
    labels[0:4, 6:9] = 5
    found = list(objects(labels))
    assert sorted(int(target.sum()) for target in found) == [12, 16, 16]
    assert not any(target[labels == 0].any() for target in found)


def test_best_choice_is_the_best_of_all_choices():
    for _ in range(20):
        regions = np.sort(RNG.integers(0, 6, 60)).reshape(6, 10)
        regions = np.unique(regions, return_inverse=True)[1].reshape(6, 10)
        target = RNG.random((6, 10)) < 0.4
        scores = []
        for chosen in itertools.product([False, True], repeat=int(regions.max()) + 1):
            mask = np.array(chosen)[regions]
            scores.append((mask & target).sum() / (mask | target).sum())
        assert best_choice(regions, target) == pytest.approx(max(scores))


def test_flood_takes_connected_pixels_of_a_similar_colour():
    lab = np.zeros((4, 9, 3))
    lab[:, 3] = 50  # a wall between two equal sides
    lab[0, 0] = 4
    click = colour_flood(lab, tolerance=10)
    mask = click(1, 2, True)
    assert mask.sum() == 12
    assert mask[:, :3].all()
    mask = click(0, 0, False)  # closer in colour only to itself
    assert mask.sum() == 11
    assert not mask[0, 0]


# the table


def test_the_best_setting_is_chosen_for_every_method_and_level():
    tried = pd.DataFrame(
        [("DGM", 2, 0.1, 0.3), ("DGM", 2, 0.5, 0.4), ("DGM", 3, 0.1, 0.2), ("superpixel only", 1, np.nan, 0.1)] * 2,
        columns=["method", "level", "setting", "IoU"],
    )
    assert str(clicks.choose(tried)) == str([("DGM", 2, 0.5), ("DGM", 3, 0.1), ("superpixel only", 1, np.nan)])


@pytest.fixture(scope="module")
def study(model, smoke_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clicks")
    save_model(model, folder / "mine")
    return Study(folder / "mine", profile="smoke", data=smoke_data, images=2, workers=1, out=folder / "results")


@pytest.fixture(scope="module")
def measured(study):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clicks, "THRESHOLDS", (0.3, 0.9))
        patch.setattr(clicks, "TOLERANCES", (5.0, 20.0))
        clicks.measure(study, 1)
    return pd.read_csv(study.out / "clicks.csv")


def test_benchmark_measures_every_method_level_and_number_of_clicks(measured):
    rows = measured[measured["method"] != clicks.BOUND]
    assert sorted(rows["clicks"].unique()) == [1, 2, 3, 5]
    ways = rows.groupby("method")["level"].unique().map(list).to_dict()
    climbing = {method: [2, 3, 4] for method in (clicks.DGM, clicks.CORRECTED, clicks.UNTRAINED)}
    assert ways == climbing | {clicks.SUPERPIXEL: [1], clicks.FLOOD: [0]}
    assert (measured["objects"] == measured["objects"].iloc[0]).all()
    assert measured["IoU"].between(0, 1).all()
    first = measured[measured["clicks"] == 1].set_index(["method", "level"])["IoU"]
    (bound,) = measured.loc[measured["method"] == clicks.BOUND, "IoU"]
    assert first[clicks.SUPERPIXEL, 1] <= bound
    settings = dict(zip(zip(rows["method"], rows["level"], strict=True), rows["setting"], strict=True))
    if settings[clicks.DGM, 2] == settings[clicks.CORRECTED, 2]:
        assert first[clicks.DGM, 2] == first[clicks.CORRECTED, 2]  # the first click is the same


def test_markdown_has_a_table_for_every_model_and_data(measured):
    table = pd.concat([measured.assign(model="a"), measured.assign(model="b", data="other")])
    text = clicks.render(table)
    assert "**Broden-mini (smoke)**, model a, " in text
    assert "**other**, model b, " in text
    assert text.count("| superpixel only | 1 | - | 0.") == 2
    assert text.count("| 1 click | 2 clicks | 3 clicks | 5 clicks |") == 2
    assert text.count("| flood by colour | - | ") == 2
    assert clicks.BOUND not in text
    assert len(clicks.wide(measured)) == 1 + 3 * 3 + 1


def test_measuring_writes_and_adds(study, tmp_path, monkeypatch):
    seen = {}

    def fake(models, settings, study, name, dataset):
        seen[name] = dataset.split
        facts = {"data": name, "image": 0, "clicks": 1, "IoU": 0.5}
        return pd.DataFrame([facts | dict(zip(("method", "level", "setting"), one, strict=True)) for one in settings])

    monkeypatch.setattr(clicks, "_scores", fake)
    for folder in ("street", "cars"):
        for kind in ("train/images", "train/labels", "val/images", "val/labels"):
            picture(tmp_path / folder / kind / "a.png", PHOTO[..., 0] // 200)
        (tmp_path / folder / "names.txt").write_text("-\nroad\n")
        text = clicks.measure(replace(study, folders=(tmp_path / folder,), out=tmp_path / "results"))
    assert seen == {"street, choosing": "train", "street": "val", "cars, choosing": "train", "cars": "val"}
    assert "**street**, model mine" in text
    assert (tmp_path / "results" / "clicks.md").read_text() == text
    data = pd.read_csv(tmp_path / "results" / "clicks.csv")["data"]
    assert data.value_counts().to_dict() == {"cars": 12, "street": 12}
    folder = tmp_path / "DGM_seed0-1a2b"
    save_model(load_model(study.model), folder / "model")
    assert "**cars**, model DGM_seed0-1a2b" in clicks.measure(
        replace(study, model=folder / "model", folders=(tmp_path / "cars",), out=tmp_path / "results")
    )
    facts = json.loads((tmp_path / "results" / "clicks.json").read_text())["measured"]
    assert facts["mine on street"]["smallest_object"] == 0.01
    assert len(facts["mine on street"]["weights"]) == 16  # digits of the weights' hash


def test_benchmark_says_what_is_missing(study, tmp_path, monkeypatch):
    save_model(PerceptualParser.from_preset("smoke", dgm=None), tmp_path / "plain")
    with pytest.raises(ValueError, match="plain has no Deep Grouping Model"):
        clicks.measure(replace(study, model=tmp_path / "plain"))
    monkeypatch.setattr(clicks, "objects", lambda labels: iter(()))
    with pytest.raises(ValueError, match=r"\(smoke\), choosing: no object covers 1% of one of 1 images"):
        clicks.measure(study, training_images=1)


@pytest.mark.skipif("DGM_REAL_DATA" not in os.environ, reason="DGM_REAL_DATA does not name the folder of real images")
def test_a_click_on_a_real_frame(model, tmp_path):
    names = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "person", "cyclist", "-"]
    frames = FolderDataset(Path(os.environ["DGM_REAL_DATA"]) / "camvid320", "val", names, cache=tmp_path)
    sample = frames[0]
    target = next(objects(sample["object"]))
    scores = simulate(Predictor(model, short_side=64)(sample["image"]).click, target, 3)
    assert 0 < max(scores) < 1
