"""Click propagation against literal loops, its simulated user, and the table they make."""

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from tiny import PHOTO

from dgmlib import BrodenPlus, Grouping, PerceptualParser, Predictor, save_model
from dgmlib.broden.folder import FolderDataset
from dgmlib.explain import Click, ClickSession
from dgmlib.explain import click_benchmark as bench
from dgmlib.explain.clicks import unit_memberships
from dgmlib.explain.measured import untrained
from dgmlib.explain.simulated_clicks import ColourFlood, best_choice, centre, next_click, objects, simulate

RNG = np.random.default_rng(0)


@pytest.fixture
def session(model):
    return Predictor(model, short_side=64)(PHOTO).clicks


def grouping_of(*assignments):
    """A Grouping of one image with the given P^l."""
    sizes = [len(assignments[0]), *(p.shape[1] for p in assignments)]
    masks = [torch.ones(1, n, dtype=torch.bool) for n in sizes]
    nodes = [torch.zeros(1, n, 3, dtype=torch.float64) for n in sizes]
    P = [torch.as_tensor(p)[None] for p in assignments]
    return Grouping(torch.zeros(1, 2, 2), nodes, P, P, masks, torch.zeros(1, sizes[0], sizes[0]), *[None] * 4)


# the propagation


def test_weights_are_up_through_p_and_down_again():
    p1, p2 = RNG.random((6, 3)), RNG.random((3, 2))
    p1, p2 = p1 / p1.sum(0), p2 / p2.sum(0)
    rows = unit_memberships(grouping_of(p1, p2), level=3)
    up = np.zeros((6, 2))  # weight of every superpixel in every node of level 3
    for i, j, k in itertools.product(range(6), range(3), range(2)):
        up[i, k] += p1[i, j] * p2[j, k]
    for i, s in itertools.product(range(6), range(6)):
        down = sum(up[i, k] * up[s, k] for k in range(2))
        own = sum(up[i, k] ** 2 for k in range(2)) * sum(up[s, k] ** 2 for k in range(2))
        assert rows[i] @ rows[s] == pytest.approx(down / own**0.5, abs=1e-12)


def test_tiny_memberships_do_not_underflow_and_none_stays_zero():
    p = np.array([[1e-300, 2e-300], [0.5, 1.0], [0.0, 0.0]])
    rows = unit_memberships(grouping_of(p), level=2)
    assert rows[0] @ rows[1] == pytest.approx(1)
    assert not rows[2].any()


def test_level_one_is_the_superpixel_alone(session):
    weights = session.weights(Click(30, 20, level=1))
    assert np.flatnonzero(weights).tolist() == [session.regions[20, 30]]
    np.testing.assert_array_equal(session.click(30, 20, level=1), session.regions == session.regions[20, 30])


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_clicked_superpixel_weighs_most_and_weights_are_mutual(session, level):
    places = [np.argwhere(session.regions == n)[0][::-1] for n in range(session.regions.max() + 1)]
    weights = np.stack([session.weights(Click(x, y, level=level)) for x, y in places])
    assert (weights.diagonal() == 1).all()
    assert weights.min() >= 0
    assert weights.max() == 1
    np.testing.assert_allclose(weights, weights.T, atol=1e-12)


def test_a_superpixel_that_no_group_holds_is_still_selected_by_its_click(model):
    scene = Predictor(model, short_side=64)(PHOTO)
    with torch.inference_mode():
        scene.grouping.assignments[0][0, 3] = 0
    y, x = np.argwhere(scene.regions == 3)[0]
    np.testing.assert_array_equal(scene.click(x, y, level=2), scene.regions == 3)


# several clicks


def test_mask_by_the_strongest_click_of_each_sign(session):
    session.threshold = 0.9
    clicks = [Click(5, 5, True, 3), Click(60, 40, False, 2), Click(40, 10, True, 1), Click(8, 40, False, 4)]
    for click in clicks:
        session.click(click.x, click.y, click.positive, click.level)
    for i in range(session.regions.max() + 1):
        positive = max(session.weights(c)[i] for c in clicks if c.positive)
        negative = max(session.weights(c)[i] for c in clicks if not c.positive)
        y, x = np.argwhere(session.regions == i)[0]
        assert session.mask[y, x] == (positive > negative and positive >= 0.9)
        assert session.soft_mask[y, x] == (positive if positive > negative else 0)


def test_a_negative_click_in_the_same_place_wins(session):
    session.click(30, 20, True, 2)
    assert session.mask.any()
    assert not session.click(30, 20, False, 2)[session.regions == session.regions[20, 30]].any()


def test_without_positive_clicks_nothing_is_selected(session):
    assert not session.mask.any()
    assert not session.click(3, 3, positive=False, level=1).any()
    assert not session.soft_mask.any()


def test_undo_reset_and_relevel(session):
    first = session.click(30, 20, level=1)
    both = session.click(60, 40, level=1)
    assert (both & ~first).any()
    np.testing.assert_array_equal(session.undo(), first)
    session.relevel(4)
    assert session.clicks == [Click(30, 20, True, 4)]
    with pytest.raises(ValueError, match=r"level must be 1 \(superpixels\) to 4, not 5"):
        session.relevel(5)
    assert session.clicks == [Click(30, 20, True, 4)]  # nothing is lost by a mistake
    session.reset()
    session.undo()
    session.relevel(2)
    assert session.clicks == []
    assert not session.mask.any()


def test_saved_clicks_make_the_same_mask(session, model, tmp_path):
    session.click(30, 20, True, 3)
    session.click(60, 40, False, 2)
    session.save_mask(tmp_path / "mask.png")
    session.save_clicks(tmp_path / "clicks.json")
    saved = json.loads((tmp_path / "clicks.json").read_text())
    assert (saved["width"], saved["height"]) == (72, 48)
    again = Predictor(model, short_side=64)(PHOTO).clicks
    for click in saved["clicks"]:
        again.click(**click)
    np.testing.assert_array_equal(again.mask, session.mask)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "mask.png")), np.where(session.mask, 255, 0))


# images and models


@pytest.mark.parametrize("shape", [(37, 61), (61, 37, 1), (33, 90, 4), (300, 200, 3)])
def test_any_image(model, shape):
    session = Predictor(model, short_side=64)(RNG.random(shape)).clicks
    assert session.regions.shape == shape[:2]
    assert session.photograph.shape == (*shape[:2], 3)
    mask = session.click(shape[1] - 1, shape[0] - 1)  # the last pixel
    assert mask.shape == shape[:2]
    assert mask[-1, -1]


def test_errors_are_sentences(session):
    for x, y in ((72, 0), (0, 48), (-1, 0)):
        with pytest.raises(ValueError, match=r"outside the photograph; x must be 0 to 71 and y 0 to 47\."):
            session.click(x, y)
    for level in (0, 5):
        with pytest.raises(ValueError, match=rf"level must be 1 \(superpixels\) to 4, not {level}\."):
            session.click(1, 1, level=level)
    assert session.clicks == []
    with pytest.raises(ValueError, match="no Deep Grouping Model"):
        ClickSession(Predictor(PerceptualParser.from_preset("smoke", dgm=None))(PHOTO))


# the simulated user


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
    assert [int(target.sum()) for target in found] == [16, 16, 12]
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
    flood = ColourFlood(lab, tolerance=10)
    mask = flood.click(1, 2)
    assert mask.sum() == 12
    assert mask[:, :3].all()
    mask = flood.click(0, 0, positive=False)  # closer in colour only to itself
    assert mask.sum() == 11
    assert not mask[0, 0]


# the table


def test_the_best_setting_is_chosen_for_every_method_and_level():
    tried = pd.DataFrame(
        [("DGM", 2, 0.1, 0.3), ("DGM", 2, 0.5, 0.4), ("DGM", 3, 0.1, 0.2), ("superpixel only", 1, np.nan, 0.1)] * 2,
        columns=["method", "level", "setting", "IoU"],
    )
    assert str(bench.choose(tried)) == str([("DGM", 2, 0.5), ("DGM", 3, 0.1), ("superpixel only", 1, np.nan)])


def test_random_weights_are_other_weights_and_leave_the_random_state_alone(model):
    state = torch.get_rng_state()
    other = untrained(model, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert other.recipe == model.recipe
    assert not torch.equal(*(net.dgm.projections[0].gconv.linear.weight for net in (other, model)))


@pytest.fixture(scope="module")
def measured(model, smoke_data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "THRESHOLDS", (0.3, 0.9))
        patch.setattr(bench, "TOLERANCES", (5.0, 20.0))
        sets = {"Broden-mini (smoke)": tuple(BrodenPlus(smoke_data, split, ("object",)) for split in ("train", "val"))}
        return bench.click_benchmark(model, sets, 64, images=2, training_images=1)


def test_benchmark_measures_every_method_level_and_number_of_clicks(measured):
    rows = measured[measured["method"] != bench.BOUND]
    assert sorted(rows["clicks"].unique()) == [1, 2, 3, 5]
    ways = rows.groupby("method")["level"].unique().map(list).to_dict()
    climbing = {method: [2, 3, 4] for method in (bench.DGM, bench.CORRECTED, bench.UNTRAINED)}
    assert ways == climbing | {bench.SUPERPIXEL: [1], bench.FLOOD: [0]}
    assert (measured["objects"] == measured["objects"].iloc[0]).all()
    assert measured["IoU"].between(0, 1).all()
    first = measured[measured["clicks"] == 1].set_index(["method", "level"])["IoU"]
    (bound,) = measured.loc[measured["method"] == bench.BOUND, "IoU"]
    assert first[bench.SUPERPIXEL, 1] <= bound
    settings = dict(zip(zip(rows["method"], rows["level"], strict=True), rows["setting"], strict=True))
    if settings[bench.DGM, 2] == settings[bench.CORRECTED, 2]:
        assert first[bench.DGM, 2] == first[bench.CORRECTED, 2]  # the first click is the same


def test_markdown_has_a_table_for_every_model_and_data(measured):
    table = pd.concat([measured.assign(model="a"), measured.assign(model="b", data="other")])
    text = bench.render(table)
    assert "**Broden-mini (smoke)**, model a, " in text
    assert "**other**, model b, " in text
    assert text.count("| superpixel only | 1 | - | 0.") == 2
    assert text.count("| 1 click | 2 clicks | 3 clicks | 5 clicks |") == 2
    assert text.count("| flood by colour | - | ") == 2
    assert bench.BOUND not in text
    assert len(bench.wide(measured)) == 1 + 3 * 3 + 1


def test_measuring_writes_and_adds(model, measured, tmp_path, monkeypatch):
    save_model(model, tmp_path / "mine")
    seen = {}

    def fake(network, sets, *rest):
        seen.update(sets)
        return pd.concat([measured.assign(data=name) for name in sets])

    monkeypatch.setattr(bench, "click_benchmark", fake)
    for folder in ("street", "cars"):
        for split in ("train", "val"):
            for kind in ("images", "labels"):
                (tmp_path / folder / split / kind).mkdir(parents=True)
                Image.fromarray(PHOTO[..., 0] // 200).save(tmp_path / folder / split / kind / "a.png")
        (tmp_path / folder / "names.txt").write_text("-\nroad\n")
        text = bench.measure(tmp_path / "mine", folders=(tmp_path / folder,), out=tmp_path / "results")
    assert list(seen) == ["street", "cars"]
    assert [split.split for split in seen["cars"]] == ["train", "val"]
    assert "**street**, model mine" in text
    assert (tmp_path / "results" / "clicks.md").read_text() == text
    assert len(pd.read_csv(tmp_path / "results" / "clicks.csv")) == 2 * len(measured)
    facts = json.loads((tmp_path / "results" / "clicks.json").read_text())["measured"]
    assert facts["mine on street"]["smallest_object"] == 0.01
    assert len(facts["mine on street"]["weights"]) == 16  # digits of the weights' hash


def test_benchmark_says_what_is_missing(model, smoke_data, monkeypatch):
    sets = {"scenes": (BrodenPlus(smoke_data, "train", ("object",)),) * 2}
    with pytest.raises(ValueError, match="no Deep Grouping Model"):
        bench.click_benchmark(PerceptualParser.from_preset("smoke", dgm=None), sets)
    monkeypatch.setattr(bench, "objects", lambda labels: iter(()))
    with pytest.raises(ValueError, match="scenes, choosing: no object covers 1% of one of 1 images"):
        bench.click_benchmark(model, sets, training_images=1)


@pytest.mark.skipif("DGM_REAL_DATA" not in os.environ, reason="DGM_REAL_DATA does not name the folder of real images")
def test_a_click_on_a_real_frame(model, tmp_path):
    names = [
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
        "-",
    ]
    frames = FolderDataset(Path(os.environ["DGM_REAL_DATA"]) / "camvid320", "val", names, cache=tmp_path)
    sample = frames[0]
    target = next(objects(sample["object"]))
    scores = simulate(Predictor(model, short_side=64)(sample["image"]).click, target, 3)
    assert 0 < max(scores) < 1
