"""What several test files share."""

import pytest

from dgmlib.broden import mini


@pytest.fixture(scope="session")
def smoke_data(tmp_path_factory):
    """Broden-mini at its smallest, drawn once; superpixel maps are cached inside."""
    return mini.generate(tmp_path_factory.mktemp("data") / "broden-smoke", counts="smoke", workers=1)
