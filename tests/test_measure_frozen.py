"""Frozen and tuned backbones: how far C5 differs between images, and what the table shows."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from dgmlib import paths, presets
from dgmlib.measure import candidates
from dgmlib.measure.frozen import DEVIATION, RATES, deviation, measure, render

GREYS = (0, 51, 102)


class Photographs:
    """Three plain pictures, ever brighter."""

    def __init__(self, cache):
        self.cache = cache

    def __len__(self):
        return len(GREYS)

    def __getitem__(self, index):
        return {"image": np.full((64, 64, 3), GREYS[index], np.uint8), "key": str(index)}


class Brightness(nn.Module):
    """Its C5 has two channels: the image's mean brightness, and a constant."""

    mean, std = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)

    def backbone(self, image):
        grey = image.mean((1, 2, 3), keepdim=True).expand(-1, 1, 2, 2)
        return [torch.cat([grey, torch.ones_like(grey)], 1)]


def test_deviation_is_the_mean_over_channels_of_that_between_images(tmp_path):
    expected = np.std([grey / 255 for grey in GREYS], ddof=1) / 2
    assert deviation(Brightness(), Photographs(tmp_path), presets.get("smoke")) == pytest.approx(expected, rel=1e-5)


def test_both_backbones_are_trained_and_scored_on_every_fold(tmp_path, monkeypatch, smoke_data):
    monkeypatch.setattr(candidates, "data_root", lambda preset, workers: smoke_data)
    text = measure("smoke", seeds=2, workers=1, out=tmp_path, runs=tmp_path / "runs")
    table, committed = (pd.read_csv(folder / "frozen.csv") for folder in (tmp_path, paths.RESULTS))
    assert list(table) == list(committed)
    for column in ("backbone", "number"):
        assert set(table[column]) == set(committed[column])
    assert len(table) == len(RATES) * 2 * table["number"].nunique()
    assert table["value"].notna().all()
    assert "2 seeds" in text


def test_scores_are_shown_in_percent_and_deviations_as_they_are():
    rows = [
        {"data": "drawings", "backbone": name, "seed": seed, "number": number, "value": value + seed / 100}
        for name in RATES
        for seed in (0, 1)
        for number, value in (("object/mIoU", 0.5), (DEVIATION, 1.5))
    ]
    text = render(pd.DataFrame(rows))
    assert "| object/mIoU | 50.50 ± 0.71 | 50.50 ± 0.71 |" in text
    assert f"| {DEVIATION} | 1.50 ± 0.01 | 1.50 ± 0.01 |" in text


def test_what_the_results_say_about_it_is_what_the_file_holds():
    table = pd.read_csv(paths.RESULTS / "frozen.csv")
    frozen, tuned = (table[table["backbone"] == name].groupby("number")["value"].mean() for name in RATES)
    text = (paths.RESULTS / "README.md").read_text()
    assert f"took {tuned['seconds'] / frozen['seconds']:.1f} times as long to train and was no better: " in text
    for number, name in (("object/mIoU", "object mIoU"), ("scene/accuracy", "scene accuracy")):
        assert f"{100 * tuned[number]:.1f} instead of {100 * frozen[number]:.1f} in {name}" in text
