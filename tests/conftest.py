"""What several test files share."""

import pytest
import torch
from broden_tree import write_tree
from hypothesis import settings

from dgmlib import PerceptualParser, mini
from dgmlib.broden import BrodenPlus

settings.register_profile("fuzz", max_examples=2000, deadline=None)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def root(tmp_path):
    """A tiny Broden+, see `broden_tree`, to be broken by a test."""
    return write_tree(tmp_path)


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """Every sample of that tree by its key."""
    tree = write_tree(tmp_path_factory.mktemp("broden"))
    return {sample["key"]: sample for split in ("train", "val") for sample in BrodenPlus(tree, split)}


@pytest.fixture(scope="session")
def smoke_data(tmp_path_factory):
    """Broden-mini at its smallest, drawn once; superpixel maps are cached inside."""
    return mini.generate(tmp_path_factory.mktemp("data") / "broden-smoke", counts="smoke", workers=1)


@pytest.fixture(scope="session")
def model():
    """A small model with random weights, in evaluation mode; tests leave it as it is."""
    torch.manual_seed(0)
    return PerceptualParser.from_preset("smoke").eval()
