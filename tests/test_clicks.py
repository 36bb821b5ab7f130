"""Click propagation against literal loops."""

import itertools
import json

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import PHOTO

from dgmlib import Grouping, PerceptualParser, Predictor
from dgmlib.explain import Click, ClickSession
from dgmlib.explain.clicks import unit_memberships

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
    return Grouping(torch.zeros(1, 2, 2), nodes, P, P, masks, *[None] * 5)


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


def test_groups_are_those_of_the_label_map(session, model):
    scene = Predictor(model, short_side=64)(session.photograph)
    for level in (1, 2, 3, 4):
        np.testing.assert_array_equal(scene.clicks.groups(level)[scene.regions], scene.groups(level))


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


def test_a_negative_click_in_the_same_place_wins(session):
    session.click(30, 20, True, 2)
    assert session.mask.any()
    assert not session.click(30, 20, False, 2)[session.regions == session.regions[20, 30]].any()


def test_without_positive_clicks_nothing_is_selected(session):
    for session.threshold in (0.5, 0):
        session.reset()
        assert not session.mask.any()
        assert not session.click(3, 3, positive=False, level=1).any()


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


def test_clicks_of_numpy_numbers_are_saved_like_others(session):
    session.click(np.float32(30.7), np.int64(20), np.bool_(True), np.int64(2))
    assert json.loads(session.clicks_json())["clicks"] == [{"x": 30, "y": 20, "positive": True, "level": 2}]


def test_errors_are_sentences(session):
    for x, y in ((72, 0), (0, 48), (-1, 0)):
        with pytest.raises(ValueError, match=r"outside the photograph; x must be 0 to 71 and y 0 to 47\."):
            session.click(x, y)
    with pytest.raises(ValueError, match=r"x must be 0 to 71"):
        session.click(-0.5, 0)
    for level in (0, 5, 1.9):
        with pytest.raises(ValueError, match=rf"level must be .*, not {level}\."):
            session.groups(level)
        with pytest.raises(ValueError, match=rf"level must be 1 \(superpixels\) to 4, not {level}\."):
            session.click(1, 1, level=level)
    assert session.clicks == []
    with pytest.raises(ValueError, match="no Deep Grouping Model"):
        ClickSession(Predictor(PerceptualParser.from_preset("smoke", dgm=None))(PHOTO))
