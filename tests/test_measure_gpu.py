"""The GPU's script where there is none: it runs through, at a small size, and says so."""

import json

import pandas as pd
import pytest
import torch

from dgmlib.measure import gpu


@pytest.mark.skipif(torch.cuda.is_available(), reason="would take minutes on a GPU")
def test_without_a_gpu_it_runs_small_and_says_so(tmp_path):
    text = gpu.measure(rounds=1, out=tmp_path)
    assert text.startswith("**No GPU**")
    table = pd.read_csv(tmp_path / "gpu.csv").set_index("what")
    assert (table["value"] > 0).all()
    for size in (2, 8):
        assert table.loc[f"UPerNet + DGM over UPerNet, training step, batch {size}", "unit"] == "ratio"
    assert table.loc["DGM, memory", "unit"] == "MB"
    assert "training of smoke" in table.index
    assert json.loads((tmp_path / "gpu.json").read_text())["gpu"] is False


def test_a_short_training_of_preset_real_on_a_data_folder(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr("dgmlib.experiments.Cell.train", lambda cell, **_: trained.append(cell))
    assert gpu._short_training(tmp_path, 30) > 0
    (cell,) = trained
    assert (cell.preset.name, cell.data, cell.system) == ("real", tmp_path, "DGM")
    assert (cell.preset.training.iterations, cell.preset.training.texture_iterations) == (30, 3)
