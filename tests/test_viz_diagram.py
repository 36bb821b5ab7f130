"""Figures 1 and 2 as drawn from a forward pass."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from shown import picture
from tiny import PHOTO

from dgmlib import TASKS, PerceptualParser, Predictor, viz
from dgmlib.viz.diagram import _cut_out, _maps
from dgmlib.viz.style import stored


@pytest.fixture
def scene(model):
    return Predictor(model, short_side=64)(PHOTO)


def written(figure):
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_every_box_bears_the_number_that_the_paper_prints(scene):
    said = " ".join(" ".join(written(viz.diagram(scene))).split())
    for name, number in (("EMGP", "1–3"), ("edges", "4"), ("Projection,", "5–6"), ("readout", "7"), ("TDMP", "8–10")):
        assert f"{name} Eq. {number}" in said
    assert "Re-projection, Eq. 11" in said
    assert f"V^4$, {scene.grouping.nodes[3].shape[1]} nodes" in said
    assert scene.place.name in said


@pytest.mark.parametrize(
    ("tasks", "pyramid", "expected"),
    [
        (TASKS, True, r"objects and parts read all $F^l + \hat{F}^l$, materials and textures $l = 1$, the place $R$"),
        (("object", "material"), False, r"objects and materials read all $F^l + \hat{F}^l$ (Sec. 4)"),
        (("object",), True, r"objects read all $F^l + \hat{F}^l$ (Sec. 4)"),
    ],
)
def test_it_says_what_the_model_s_heads_read(tasks, pyramid, expected, monkeypatch):
    model = PerceptualParser.from_preset("smoke", tasks=tasks).eval()
    monkeypatch.setattr(model.decoder, "is_pyramid", pyramid)
    assert expected in " ".join(written(viz.diagram(Predictor(model, short_side=64)(PHOTO))))


def test_without_top_down_no_messages_are_drawn():
    torch.manual_seed(0)
    scene = Predictor(PerceptualParser.from_preset("smoke", dgm="no_top_down").eval(), short_side=64)(PHOTO)
    said = " ".join(written(viz.diagram(scene)))
    assert "EMGP" in said
    assert "TDMP" not in said
    assert "updated" not in said


def test_who_does_not_see_them_is_told(scene):
    assert stored(viz.diagram(scene), "jpeg")[1]["alt"].startswith("The model as a diagram")
    assert "tree" in stored(viz.tree(scene), "jpeg")[1]["alt"]


def test_pictures_are_those_of_the_forward_pass(scene):
    figure = viz.diagram(scene)
    shown = [picture(axis) for axis in figure.axes if axis.images]
    assert len(shown) == 2 + 4 * 4 + 1 + 2  # photograph and superpixels, four rows of levels, R, two heads
    maps, _ = _maps(scene)
    for level, cells in enumerate(maps):
        assert shown[2 + 4 * level].shape == (*cells.shape[1:], 3)
    np.testing.assert_array_equal(shown[18][:, 0], scene.grouping.readout[0].numpy())


def test_what_runs_once_more_is_what_ran(scene):
    scene.model.train()
    maps, residuals = _maps(scene)
    assert scene.model.training
    scene.model.eval()
    spread = [
        float(r.flatten(1).var(1).sum() / (r.flatten(1).var(1).sum() + f.flatten(1).var(1).sum()))
        for f, r in zip(maps, residuals, strict=True)
    ]
    np.testing.assert_allclose(spread, scene.grouping.residual_share[0].numpy(), atol=0.02)
    assert not scene.model.dgm._forward_hooks


def test_heads_that_are_not_there_are_not_drawn(model):
    scene = Predictor(model, short_side=64, tasks=("material",))(PHOTO)
    assert not {"objects", "parts", "place"} & set(written(viz.diagram(scene)))
    assert viz.rendered(viz.tree(scene), "png").startswith(b"\x89PNG")


def test_without_groups_there_is_nothing_to_draw():
    torch.manual_seed(0)
    scene = Predictor(PerceptualParser.from_preset("smoke", dgm=None).eval(), short_side=64)(PHOTO)
    for draw in (viz.diagram, viz.tree):
        with pytest.raises(ValueError, match="no Deep Grouping Model"):
            draw(scene)


def test_a_tree_goes_from_the_scene_to_superpixels(scene):
    points = [(5, 5), (6, 5), (60, 40)]
    figure = viz.tree(scene, points)
    counts = [int(re.search(r"\n(\d+)", text).group(1)) for text in written(figure) if "$V^" in text]
    assert counts == [len(set(scene.groups(level).flat)) for level in (4, 3, 2, 1)]
    boxes = [axis.get_position(original=True) for axis in figure.axes if axis.images]
    tops = [round(box.y1, 3) for box in boxes]
    _, *rows = sorted(set(tops), reverse=True)
    assert tops.count(rows[0]) == len({scene.groups(4)[y, x] for x, y in points})
    for above, below in pairwise(rows):
        assert tops.count(above) <= tops.count(below) <= 2 * tops.count(above)
    assert len(rows) == 4


def test_a_cut_out_is_the_region_alone():
    photo, inside = np.full((4, 5, 3), 0.5), np.zeros((4, 5), dtype=bool)
    inside[1:3, 1:3] = True
    cut = _cut_out(photo, inside)
    values, times = np.unique(cut[..., 0], return_counts=True)
    assert values.tolist() == [0.35, 0.5, 1.0]
    scale = cut.shape[0] // 6
    assert times[1] == 4 * scale**2
