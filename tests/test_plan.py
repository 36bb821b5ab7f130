"""The arithmetic of a plan, on paper, and a plan of the smallest profile."""

import re

import pytest
import torch

from dgmlib import presets
from dgmlib.experiments import Cell
from dgmlib.plan import Cost, forecast, measure, plan

COST = Cost(step=0.36, texture_step=0.036, score=0.1, load=0.9, start=40, stored=10**8, memory=3 * 10**9)


def test_paper_on_paper():
    """200,000 x 0.36 s + 10,000 x 0.036 s + 5000 x 0.1 s + 40 s = 72,900 s = 20.25 hours a cell.

    Ten cells of three seeds are 607.5 hours of work; on two machines of four GPUs, eight at a time, 30 cells take four
    rounds, 81 hours. A batch that loads in 0.9 s while a step takes 0.36 s wants three processes.
    """
    found = forecast(presets.get("paper"), [COST] * 10, [5000] * 10, seeds=3, units=8)
    each = dict.fromkeys(("GB of models", "GB of memory", "loader processes"), 3)
    assert found == pytest.approx({"cells": 30, "hours of work": 607.5, "hours": 81} | each)


def test_whoever_is_first_takes_the_next_cell():
    """Cells of 1, 3 and 1 hours on two units: 1 + 1 beside 3."""
    preset = presets.get("mini")
    costs = [Cost(0, 0, 0, 0, 3600 * hours, 1, 1) for hours in (1, 3, 1)]
    assert forecast(preset, costs, [0] * 3, 1, 2)["hours"] == 3
    assert forecast(preset, costs, [0] * 3, 1, 1)["hours"] == 5


def test_loading_that_is_part_of_a_step_is_not_its_computing():
    """Mini loads in the training process: of 0.3 s a step 0.19 s are loading, which two processes would hide."""
    cost = Cost(0.3, 0, 0, 0.19, 0, 1, 1)
    assert forecast(presets.get("mini"), [cost], [0], 1, 1)["loader processes"] == 2


def test_a_cell_is_measured_by_training_it_for_a_moment(smoke_data, tmp_path):
    cost = measure(Cell(presets.get("smoke"), "DGM", "O+P+S+M+T", 0, smoke_data, tmp_path / "runs"))
    assert 0 < cost.step < 10
    assert 0 < cost.texture_step < cost.step
    assert 0 < cost.load < 10
    assert 0 < cost.score < 10
    assert cost.stored > 10_000
    assert cost.memory > 10**8
    assert not (tmp_path / "runs").exists()


def test_a_plan_in_words(smoke_data, monkeypatch):
    monkeypatch.setattr("dgmlib.plan.measure", lambda cell: COST)
    text = plan("smoke", seeds=2, machines=3, workers=1, data=smoke_data)
    hours = [float(number) for number in re.findall(r"\| Table \d \| \d+ \| [\d.]+ \| ([\d.]+)", text)]
    assert len(hours) == 2
    assert f"Profile smoke, 2 seeds, 3 machines with 1 processes each: {sum(hours):.2f} hours" in text
    assert re.search(r"superpixels of \d+ images, kept once made", text)


@pytest.mark.parametrize(("gpus", "available"), [(4, False), (0, True)])
def test_a_machine_of_another_kind_cannot_be_planned_for(gpus, available, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    with pytest.raises(ValueError, match="plan on a machine like those that will do the work"):
        plan("smoke", gpus=gpus)


@pytest.mark.parametrize("numbers", [{"seeds": -1}, {"machines": 0}, {"workers": 0}])
def test_numbers_of_which_there_is_at_least_one(numbers):
    with pytest.raises(ValueError, match="seeds, machines and workers must be at least 1"):
        plan("smoke", **numbers)
