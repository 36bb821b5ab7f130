"""Ratios of calls that take turns, slopes, and the table at its smallest."""

import time

import pandas as pd
import pytest
import torch

from dgmlib import presets, viz
from dgmlib.launch import launch
from dgmlib.measure import speed, turns


def test_calls_take_turns_and_the_first_round_does_not_count():
    order, first = [], []

    def slow():
        order.append("slow")
        began = time.process_time()
        while time.process_time() - began < (0.02 if first else 0.5):
            pass
        first.append(1)

    seconds = turns.in_turn({"slow": slow, "fast": lambda: order.append("fast")}, 3, torch.device("cpu"))
    assert order == ["slow", "fast"] * 4
    assert 0.02 <= seconds["slow"] < 0.25
    assert seconds["fast"] < 0.01


def test_the_slope_of_a_power_law_is_its_power():
    assert speed._slope({size: 3 * size**1.5 for size in (64, 256, 1024)}) == pytest.approx(1.5)


def test_a_training_step_changes_what_is_not_frozen():
    fabric, images = launch("cpu"), turns.batch(2, 64, 96, 20, torch.device("cpu"))
    assert images["regions"].amax((1, 2)).tolist() == [19, 19]
    for name, frozen in (("mini", True), ("smoke", False)):
        model = turns.network(presets.get(name), "DGM", fabric)
        before = {key: value.clone() for key, value in model.named_parameters()}
        turns.training(model, images, fabric, presets.get(name))()
        changed = {key for key, value in model.named_parameters() if not torch.equal(value, before[key])}
        assert any(key.startswith("dgm.") for key in changed)
        assert any(key.startswith("backbone.") for key in changed) != frozen


def test_the_table_sets_what_is_required_beside_what_is(tmp_path):
    smoke = presets.get("smoke")
    sizes = speed.Sizes(((64, 96),), (2, 64, 96), (2, 64, 96), (16, 64), 64, (64, 128), (0.02, 0.05))
    threads = torch.get_num_threads()
    text = speed._measure(smoke, smoke, sizes, 1, tmp_path)
    assert torch.get_num_threads() == threads
    table = pd.read_csv(tmp_path / "speed.csv").set_index(["what", "size"])
    assert (table.loc[table["unit"] != "slope", "value"] > 0).all()
    assert table.loc[("RegionGrid", "64 x 96"), "required"] == 25
    assert table.loc[("forward, smoke", "64 x 96"), "required"] == 1.04
    assert table.loc[("DGM over regions", "16 to 64"), "unit"] == "slope"
    assert list(table.loc["DGM over the side", "unit"]) == ["slope", "s", "s"]
    assert "| segment over megapixels | 0.02 to 0.05 |" in text
    assert len(viz.growth_curves(pd.read_csv(tmp_path / "speed.csv")).axes) == 3
