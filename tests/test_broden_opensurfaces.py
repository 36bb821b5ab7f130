"""OpenSurfaces: materials in the red channel."""

import pytest
from broden_tree import OS_SHAPE, assert_told
from PIL import Image

from dgmlib.broden.files import UnreadableFileError


def test_materials_are_read_from_the_red_channel(samples):
    material = samples["os/15"]["material"]
    assert (material[10:40, 5:30] == 1).all()
    assert (material[20:40, 30:50] == 2).all()
    assert (material[:5] == 0).all()  # a substance the vocabulary drops
    assert (material > 0).sum() == 30 * 25 + 20 * 20


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_label_picture_that_is_not_rgb(root, mode):
    path = root / "opensurfaces/photos-labels/15.png"
    Image.new(mode, OS_SHAPE[::-1]).save(path)
    assert_told(root, UnreadableFileError, "15.png", f"(mode {mode}.*not 8-bit RGB|16 bits per channel).*rebuild")
