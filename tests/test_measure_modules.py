import json

import pandas as pd
import pytest
import torch
from torch import nn

from dgmlib.measure import modules
from dgmlib.regions import RegionGrid


def test_convolutions_are_counted_as_twice_their_multiplications():
    conv = nn.Conv2d(3, 5, 3, stride=2, padding=1)
    assert modules.count(conv, torch.zeros(2, 3, 8, 6)) == (3 * 5 * 9 + 5, 2 * (2 * 4 * 3) * (3 * 5 * 9))


def test_counting_works_on_meta_tensors():
    with torch.device("meta"):
        assert modules.count(nn.Linear(1000, 1000), torch.zeros(10**6, 1000)).flops == 2 * 10**12


class Pooling(nn.Module):
    def __init__(self, grid):
        super().__init__()
        self.grid = grid

    def forward(self, features):
        return self.grid.unpool(self.grid.pool(features, 0), 0)


def test_sparse_products_are_counted_by_their_entries():
    """Two regions over a 2 x 3 map, the middle column shared: 8 overlaps, pooled and copied back in 7 channels."""
    regions = torch.tensor([[0, 0, 0, 1, 1, 1]] * 4)[None]
    grid = RegionGrid(regions, [(2, 3)])
    counted = modules.count(Pooling(grid), torch.rand(1, 7, 2, 3))
    assert counted == (0, 2 * (2 * 8 * 7))


def test_counting_leaves_the_module_as_it_is():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    modules.count(module, torch.rand(2, 3, 4, 4))
    assert module.training
    assert module[1].training
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


class Doubling(nn.Module):
    """Holds two more tensors of the input's size at its peak."""

    def forward(self, x):
        return (x + 1) * 2


def test_measuring_takes_time_and_peak_memory():
    inputs = {"small": torch.zeros(1_000), "large": torch.zeros(4_000_000)}
    table = modules.timings({name: (Doubling(), [x]) for name, x in inputs.items()}, repeats=2).set_index("module")
    assert (table.seconds > 0).all()
    assert table.megabytes["large"] == pytest.approx(2 * 16, rel=1e-3)
    assert table.megabytes["small"] < 0.1


def test_the_benchmark_writes_ratios_with_their_provenance(tmp_path):
    text = modules.measure(repeats=1, side=64, out=tmp_path)
    table = pd.read_csv(tmp_path / "modules.csv").query("device == 'cpu'").set_index("module")
    assert list(table.index) == ["DGM w/o top-down", "DGM", "OCP (ASP-OC)", "RCCA"]
    assert (table["seconds"] > 0).all()
    assert table.loc["DGM", "time, DGM = 1"] == 1
    seconds = table["time, DGM = 1"] * table.loc["DGM", "seconds"]
    assert seconds.tolist() == pytest.approx(table["seconds"].tolist(), rel=1e-4)
    facts = json.loads((tmp_path / "modules.json").read_text())
    assert (facts["side"], facts["threads"]) == (64, 1)
    assert "64 x 64" in text
