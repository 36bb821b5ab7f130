"""Official contour maps."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from skimage import data

from dgmlib import superpixels


def contour_map(levels):
    """Literal ucm2 of nested label maps, finest first: a side's value says how many of the maps draw it."""
    height, width = levels[0].shape
    ucm = np.zeros((2 * height + 1, 2 * width + 1))
    for labels in levels:
        for y, x in np.ndindex(height, width):
            if x + 1 < width:
                ucm[2 * y + 1, 2 * x + 2] += labels[y, x] != labels[y, x + 1]
            if y + 1 < height:
                ucm[2 * y + 2, 2 * x + 1] += labels[y, x] != labels[y + 1, x]
    for y, x in np.ndindex(height + 1, width + 1):  # junctions: the highest side that meets there
        around = ucm[max(2 * y - 1, 0) : 2 * y + 2, max(2 * x - 1, 0) : 2 * x + 2]
        ucm[2 * y, 2 * x] = around.max()
    ucm[[0, -1]] = ucm[:, [0, -1]] = len(levels)  # the frame, which readers ignore
    return ucm


@pytest.fixture(scope="module")
def levels():
    return superpixels.segment_hierarchy(data.astronaut()[100:140, 150:200], (60, 20, 5))


def save(path, ucm, version):
    if version == "7.3":
        with h5py.File(path, "w", userblock_size=512) as file:
            file["ucm2"] = ucm.T
    else:
        savemat(path, {"ucm2": ucm})
    return path


@pytest.mark.parametrize("version", ["7", "7.3"])
@pytest.mark.parametrize("scale", [np.float64(0.1), np.float32(0.25), np.uint8(50)])
def test_official_contour_map_round_trip(tmp_path, levels, version, scale):
    path = save(tmp_path / "a.mat", (contour_map(levels) * scale).astype(scale.dtype), version)
    for labels in levels:
        np.testing.assert_array_equal(superpixels.labels_from_ucm(path, labels.max() + 1), labels)
    np.testing.assert_array_equal(superpixels.labels_from_ucm(path), levels[0])


def test_contour_map_with_ties_is_cut_at_exactly_the_count(tmp_path, levels):
    path = save(tmp_path / "a.mat", contour_map(levels), "7")
    previous = superpixels.labels_from_ucm(path, 60)
    for count in (59, 41, 20, 19, 1):
        labels = superpixels.labels_from_ucm(path, count)
        assert labels.max() + 1 == count
        assert len(np.unique(np.stack([labels.ravel(), previous.ravel()]), axis=1).T) == previous.max() + 1
        previous = labels


def test_the_weakest_contour_goes_first_and_of_equal_ones_the_first_read(tmp_path, levels):
    """Kruskal's algorithm pixel by pixel, where the contours of every row stand before those of every column."""
    ucm = contour_map(levels)
    right, down = ucm[1::2, 2:-1:2], ucm[2:-1:2, 1::2]
    sides = [(value, 0, place, (0, 1)) for place, value in np.ndenumerate(right)]
    sides += [(value, 1, place, (1, 0)) for place, value in np.ndenumerate(down)]
    region = np.arange(levels[0].size).reshape(levels[0].shape)
    for value, _, (y, x), (dy, dx) in sorted(sides):
        one, other = region[y, x], region[y + dy, x + dx]
        if one != other and (value == 0 or len(np.unique(region)) > 33):
            region[region == other] = one
    _, first, number = np.unique(region, return_index=True, return_inverse=True)
    expected = first.argsort().argsort()[number].reshape(region.shape)  # in reading order
    ours = superpixels.labels_from_ucm(save(tmp_path / "a.mat", ucm, "7"), 33)
    np.testing.assert_array_equal(ours, expected)


def test_an_image_of_one_pixel_or_of_no_contour_is_one_region(tmp_path):
    for shape in ((3, 3), (3, 9), (9, 7)):
        labels = superpixels.labels_from_ucm(save(tmp_path / "a.mat", np.zeros(shape), "7"))
        np.testing.assert_array_equal(labels, np.zeros((shape[0] // 2, shape[1] // 2)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"ucm": np.zeros((5, 5))}, "no variable 'ucm2'"),
        ({"ucm2": np.zeros((4, 5))}, r"\(4, 5\); it must be"),
        ({"ucm2": np.zeros((3, 3, 3))}, "it must be"),
        ({"ucm2": np.full((5, 5), np.nan)}, "finite numbers"),
        ({"ucm2": -np.ones((5, 5))}, "finite numbers"),
        ({"ucm2": np.array([["text"]], object)}, "it must be"),
    ],
)
def test_malformed_contour_map_is_named(tmp_path, content, message):
    path = tmp_path / "broken.mat"
    savemat(path, content)
    with pytest.raises(ValueError, match=message) as error:
        superpixels.labels_from_ucm(path)
    assert "broken.mat" in str(error.value)


def test_damaged_contour_map_is_named(tmp_path, levels):
    path = save(tmp_path / "cut.mat", contour_map(levels), "7")
    with pytest.raises(ValueError, match="at least one region"):
        superpixels.labels_from_ucm(path, 0)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"cut\.mat is not a readable MATLAB file"):
        superpixels.labels_from_ucm(path)
    with pytest.raises(FileNotFoundError):
        superpixels.labels_from_ucm(tmp_path / "none.mat")
