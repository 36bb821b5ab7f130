"""Grad-CAM, measured: pointing game, deletion and insertion by hand, and the table of maps and controls."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import VOCABULARY, blocks
from torch import nn

from dgmlib import presets, save_model
from dgmlib.broden import BrodenPlus, Vocabulary
from dgmlib.measure import gradcam
from dgmlib.measure.study import Study
from dgmlib.parsing import PerceptualParser
from dgmlib.reading import Reading


def test_pointing_by_hand():
    cam = np.array([[3.0, 3.0, 9.0], [3.0, 1.0, 0.0]])
    truth = np.array([[True, False, False], [True, False, False]])
    labelled = np.array([[True, True, False], [True, True, True]])  # the largest value lies where nothing is labelled
    assert gradcam.pointing(cam, truth, labelled) == pytest.approx(2 / 3)
    assert gradcam.pointing(np.zeros((2, 3)), truth, labelled) == pytest.approx(2 / 5)  # the object's share


def test_pixels_go_by_value_and_equal_ones_region_by_region():
    regions = np.arange(12).reshape(3, 4) // 2  # six regions of two pixels
    cam = np.where(regions == 4, 1.0, 0.0)
    order = gradcam.removal_order(cam, regions, seed=0)
    assert sorted(order) == list(range(12))
    went = regions.ravel()[order]
    assert went[0] == went[1] == 4
    assert (went[::2] == went[1::2]).all()
    random = [tuple(gradcam.removal_order(0 * cam, regions, seed)) for seed in range(5)]
    assert len(set(random)) > 1
    assert random[0] == tuple(gradcam.removal_order(0 * cam, regions, 0))


class Brightness(nn.Module):
    """Scene 1's logit is the mean of the left half over that of a mean-coloured image, scene 0's is zero."""

    vocabulary = VOCABULARY

    def __init__(self):
        super().__init__()
        self.mean = torch.full((3, 1, 1), 0.5, dtype=torch.float64)

    def forward(self, images, labels, tasks):
        assert len(images) == len(labels)
        logit = 20 * (images[..., :10].mean((1, 2, 3)) - 0.5)
        return {"scene": torch.stack([torch.zeros_like(logit), logit, torch.full_like(logit, -1e9)], 1)}


def test_deletion_and_insertion_by_hand():
    image = torch.ones(1, 3, 10, 20, dtype=torch.float64)
    image[..., 10:] = 0
    regions, left = blocks(10, 20, 10), np.arange(20) < 10
    good = np.broadcast_to(np.where(left, 1.0, 0.0), (10, 20))
    scores = gradcam.curves(Brightness(), image, regions, good, "scene", 1)
    # The left half, which alone matters, has gone after half of the steps.
    remaining = np.clip(1 - 2 * np.linspace(0, 1, gradcam.STEPS + 1), 0, None)
    np.testing.assert_allclose(scores["deletion"], 1 / (1 + np.exp(-10 * remaining)), atol=1e-9)
    assert scores["insertion"][-1] == pytest.approx(scores["deletion"][0])
    assert scores["insertion"][gradcam.STEPS // 2] == pytest.approx(scores["insertion"][-1])
    bad = gradcam.curves(Brightness(), image, regions, 1 - good, "scene", 1)
    area = gradcam.area_under
    assert area(bad["deletion"]) > area(scores["deletion"]) + 0.1
    assert area(bad["insertion"]) < area(scores["insertion"])
    assert area(np.ones(5)) == pytest.approx(1)
    assert area(np.linspace(0, 1, 5)) == pytest.approx(0.5)


def test_classes_are_matched_by_name():
    data = Vocabulary(objects=("-", "car", "lamp", "cat"))
    assert gradcam.model_ids(data, VOCABULARY).tolist() == [0, 3, 0, 1]
    with pytest.raises(ValueError, match="Moon has no object class that the model knows"):
        gradcam.model_ids(Vocabulary(objects=("-", "crater")), VOCABULARY, "Moon")


@pytest.fixture(scope="module")
def measured(smoke_data, tmp_path_factory):
    torch.manual_seed(0)
    smoke, folder = presets.get("smoke"), tmp_path_factory.mktemp("gradcam")
    preset = replace(smoke, model=replace(smoke.model, reading=Reading(start=0.0)))  # its levels are silent
    model = PerceptualParser.from_preset(preset).eval()
    with torch.no_grad():  # it names one scene for every image, rightly for the first
        model.heads["scene"].classifier.bias[BrodenPlus(smoke_data, "val", ("object", "scene"))[0]["scene"]] = 100
    save_model(model, folder / "tiny")
    text = gradcam.measure(Study(folder / "tiny", profile="smoke", data=smoke_data, images=2, workers=1, out=folder))
    assert (folder / "gradcam.md").read_text() == text
    facts = json.loads((folder / "gradcam.json").read_text())["measured"]["tiny on Broden-mini (smoke)"]
    assert (facts["short_side"], facts["steps"]) == (64, 10)
    return pd.read_csv(folder / "gradcam.csv")


def test_the_table_has_every_map_and_the_controls(measured):
    scenes = measured[measured["target"] == gradcam.SCENE]
    named = scenes[scenes["measure"] == gradcam.RIGHT]
    assert named["images"].item() >= 1
    assert 0 < named["value"].item() <= 1
    scenes = scenes[scenes["measure"] != gradcam.RIGHT]
    assert set(scenes["measure"]) == {"deletion", "insertion"}
    assert (scenes["images"] == round(named["value"].item() * named["images"].item())).all()
    levels = {f"level {level}{suffix}" for level in range(1, 5) for suffix in ("", ", shuffled")}
    assert set(scenes["map"]) == {*levels, "F^L", "F^L over superpixels", "constant"}
    assert measured["value"].between(0, 1).all()
    assert (measured.loc[measured["map"] == "constant", "silent"] == 1).all()
    # Silent levels score exactly as the control does.
    silent = scenes[scenes["silent"] == 1].groupby("measure")["value"]
    assert (silent.max() - silent.min() < 1e-6).all()
    assert silent.size().min() >= 5


def test_a_level_is_compared_with_itself_shuffled_and_all_else_with_the_constant():
    scored = {"level 2": (0.5, 0.9), "level 2, shuffled": (0.2, 0.4), "F^L": (0.7, 0.3), "constant": (0.1, 0.2)}
    rows = [
        {"data": "d", "image": i, "target": "t", "map": name, "silent": False, "measure": "pointing", "value": value}
        for name, values in scored.items()
        for i, value in enumerate(values)
    ]
    table = gradcam.average(pd.DataFrame(rows)).set_index("map")
    expected = {"level 2": 0.4, "level 2, shuffled": 0.15, "F^L": 0.35, "constant": 0.0}
    assert table["gain"].to_dict() == pytest.approx(expected)
    assert table.loc["level 2", "gain_error"] == pytest.approx(0.1)  # of 0.3 and 0.5


def test_markdown_has_a_table_for_every_model_and_data(measured):
    assert list(measured)[:3] == ["data", "model", "target"]
    text = gradcam.render(pd.concat([measured.assign(value=0.5), measured.assign(data="other")]))
    assert "**Broden-mini (smoke)**, model tiny" in text
    assert "The true scene is named in 50 % of 1." in text
    assert "**other**, model tiny" in text
    assert "0.500 ± " in text


def test_a_scene_is_known_by_its_name():
    data, model = Vocabulary(("-",), scenes=("street", "kitchen")), Vocabulary(("-",), scenes=("kitchen", "beach"))
    assert [gradcam.true_scene({"scene": i}, data, model) for i in (0, 1, -1)] == [-1, 0, -1]
    assert gradcam.true_scene({}, data, model) == -1
