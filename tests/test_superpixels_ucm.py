"""Official contour maps."""

import itertools

import h5py
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from skimage import data

from dgmlib import superpixels
from dgmlib.broden import BrodenError, train_loader
from dgmlib.data import content, open_data
from dgmlib.evaluation import evaluate
from dgmlib.superpixels import RegionMaps


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


@pytest.fixture
def folder(tmp_path, levels):
    """Two labelled photographs with contour maps beside them."""
    labels = np.repeat([0, 1], 20)[:, None].repeat(50, 1).astype(np.uint8)
    for split, name in itertools.product(("train", "val"), "ab"):
        for kind, pixels in (("images", data.astronaut()[100:140, 150:200]), ("labels", labels)):
            path = tmp_path / split / kind / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        (tmp_path / "ucm2" / split).mkdir(parents=True, exist_ok=True)
        save(tmp_path / "ucm2" / split / f"{name}.mat", contour_map(levels), "5")
    (tmp_path / "names.txt").write_text("road\ncar")
    return tmp_path


def test_contour_maps_beside_the_photographs_are_used_in_training_and_evaluation(folder, levels):
    seen = []

    class Recorder(torch.nn.Module):
        def forward(self, images, regions, tasks):
            seen.append(regions)
            return {"object": torch.zeros(1, 3, 2, 2)}

    (batch,) = train_loader(open_data(folder, "train", ("object",)), ("object",), 2, (40,), 1, 0, max_regions=20)
    evaluate(Recorder(), open_data(folder, "val", ("object",)), ("object",), 40, 20, progress=False)
    expected = levels[1]
    assert [len(regions[regions >= 0].unique()) for regions in (*batch["regions"], *seen)] == [20] * 4
    np.testing.assert_array_equal(RegionMaps(folder, 20)("train/a", data.astronaut()[100:140, 150:200]), expected)


def test_a_contour_map_that_is_missing_or_of_another_image_is_named(folder, levels):
    before = content(folder)
    (folder / "ucm2" / "train" / "a.mat").unlink()
    assert content(folder) != before
    for workers in (0, 1):
        loader = train_loader(
            open_data(folder, "train", ("object",)), ("object",), 2, (40,), 1, 0, max_regions=20, workers=workers
        )
        with pytest.raises(BrodenError, match=r"ucm2/train/a\.mat is not a file; pass a contour map as MCG"):
            list(loader)
        (folder / "ucm2" / "train" / "a.mat").write_text("words")
        with pytest.raises(BrodenError, match=r"^\S*ucm2/train/a\.mat is not a readable MATLAB file"):
            list(loader)
        (folder / "ucm2" / "train" / "a.mat").unlink()
    with pytest.raises(ValueError, match=r"b\.mat is of \(40, 50\) pixels and its image of \(40, 49\); make it anew"):
        RegionMaps(folder, 20)("train/b", data.astronaut()[100:140, 150:199])


def test_a_contour_map_that_was_replaced_is_cut_anew(folder, levels):
    image, maps = data.astronaut()[100:140, 150:200], RegionMaps(folder, 5)
    assert maps("train/a", image).max() == 4
    save(folder / "ucm2" / "train" / "a.mat", contour_map(levels[2:]), "7.3")
    assert maps.read("train/a", image) is None
    np.testing.assert_array_equal(maps("train/a", image), levels[2])
