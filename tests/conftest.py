"""What several test files share."""

import pytest
import torch

from dgmlib import PerceptualParser, mini


@pytest.fixture(scope="session")
def smoke_data(tmp_path_factory):
    """Broden-mini at its smallest, drawn once; superpixel maps are cached inside."""
    return mini.generate(tmp_path_factory.mktemp("data") / "broden-smoke", counts="smoke", workers=1)


@pytest.fixture(scope="session")
def model():
    """A small model with random weights, in evaluation mode; tests leave it as it is."""
    torch.manual_seed(0)
    return PerceptualParser.from_preset("smoke").eval()
