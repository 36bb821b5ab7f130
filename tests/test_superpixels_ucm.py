"""Official contour maps."""

import h5py
import numpy as np
import pytest
from scipy.io import savemat
from skimage import data

from dgmlib import superpixels
from dgmlib.superpixels import ucm as ucm_module


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


def test_contour_map_in_plain_python(tmp_path, levels, monkeypatch):
    path = save(tmp_path / "a.mat", contour_map(levels), "7")
    compiled = superpixels.labels_from_ucm(path, 33)
    monkeypatch.setattr(ucm_module, "_kruskal", ucm_module._kruskal.py_func)
    np.testing.assert_array_equal(superpixels.labels_from_ucm(path, 33), compiled)


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
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"cut\.mat is not a readable MATLAB file"):
        superpixels.labels_from_ucm(path)
    with pytest.raises(FileNotFoundError):
        superpixels.labels_from_ucm(tmp_path / "none.mat")
    with pytest.raises(ValueError, match="at least one region"):
        superpixels.labels_from_ucm(path, 0)
