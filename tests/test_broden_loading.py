"""How draws are carried out: scaling, mirroring, padding."""

import numpy as np
import pytest
import torch
from broden_tree import write_tree
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from dgmlib.broden import TASKS, BrodenPlus, train_loader
from dgmlib.broden.loading import collate, nearest, renumber, scaled_shape, training_sample


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return BrodenPlus(write_tree(tmp_path_factory.mktemp("broden")), "train")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((375, 500), (450, 600)),
        ((500, 375), (600, 450)),
        ((512, 1848), (277, 1000)),
        ((450, 450), (450, 450)),
        ((3, 3000), (1, 1000)),
    ],
)
def test_scaled_shape(shape, expected):
    assert scaled_shape(*shape, 450, 1000) == expected


def on_a_border(size, new_size):
    """Whether a new pixel's centre falls exactly between two old ones, where Pillow's rounding decides."""
    return (2 * np.arange(new_size) + 1) * size % (2 * new_size) == 0


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 60))
def test_nearest_is_pillows(size, new_size):
    row = np.arange(size, dtype=np.uint8)[None]
    pillow = np.asarray(Image.fromarray(row).resize((new_size, 1), Image.Resampling.NEAREST))
    clear = ~on_a_border(size, new_size)
    np.testing.assert_array_equal(row[0, nearest((size,), (new_size,))[0]][clear], pillow[0][clear])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_renumber_keeps_regions_and_order(seed):
    labels = np.random.default_rng(seed).choice([3, 7, 8, 20], (5, 6)).astype(np.int32)
    values, expected = np.unique(labels, return_inverse=True)
    result = renumber(labels)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected.reshape(5, 6))
    assert result.max() == len(values) - 1


def literal_training_labels(labels, shape, flip):
    """unifiedparsing's way: flip, resize to the image's new size, pad to a multiple of 32, resize to a quarter."""
    labels = Image.fromarray((labels[:, ::-1] if flip else labels).astype(np.uint8))
    resized = np.asarray(labels.resize(shape[::-1], Image.Resampling.NEAREST))
    padded = np.zeros([-(-side // 32) * 32 for side in shape], dtype=np.uint8)
    padded[: shape[0], : shape[1]] = resized
    quarter = Image.fromarray(padded).resize([side // 4 for side in padded.shape[::-1]], Image.Resampling.NEAREST)
    return np.asarray(quarter)


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 90), st.integers(20, 90), st.integers(20, 120), st.booleans())
def test_label_maps_equal_the_two_official_resizes(height, width, short_side, flip):
    shape = scaled_shape(height, width, short_side, 150)
    assume(not on_a_border(height, shape[0])[2::4].any() and not on_a_border(width, shape[1])[2::4].any())
    labels = np.random.default_rng(0).integers(0, 9, (height, width))
    sample = {"key": "k", "source": "os", "image": np.zeros((height, width, 3), np.uint8), "material": labels}
    result = training_sample(sample, np.zeros((height, width), np.int32), short_side, flip, 150, ("material",), ())
    batch = collate([result])
    np.testing.assert_array_equal(batch["material"][0], literal_training_labels(labels, shape, flip))


def test_image_labels_and_superpixels_stay_aligned(dataset):
    sample = dataset[0]
    regions = sample["object"].astype(np.int32)  # one region per object: must agree after scaling and mirroring
    for flip in (False, True):
        result = training_sample(sample, regions, 80, flip, 1000, ("object",), ())
        assert result["image"].shape == (80, 112, 3)
        quarter = result["regions"][2::4, 2::4]
        torch.testing.assert_close(quarter.long(), result["object"])
        whole = np.asarray(
            Image.fromarray(sample["image"][:, ::-1] if flip else sample["image"]).resize((112, 80), Image.BILINEAR)
        )
        np.testing.assert_array_equal(result["image"], whole)


def test_an_object_whose_parts_vanish_loses_its_validity(dataset):
    sample = dict(dataset[0])
    sample["part"] = np.zeros_like(sample["part"])
    sample["part"][22:24, 30:32] = 1
    regions = np.zeros(sample["part"].shape, np.int32)
    kept = training_sample(sample, regions, 40, False, 1000, ("part",), (2, 3))
    assert kept["part_valid"].tolist() == [True, False]
    sample["part"][22, 30] = 0  # the one pixel that stride 4 keeps
    lost = training_sample(sample, regions, 40, False, 1000, ("part",), (2, 3))
    assert lost["part_valid"].tolist() == [False, False]
    assert sample["part_valid"].tolist() == [True, False]


def test_collate_pads_to_the_largest_at_the_bottom_and_right(dataset):
    regions = [np.arange(dataset[i]["object"].size, dtype=np.int32).reshape(dataset[i]["object"].shape) for i in (0, 2)]
    samples = [
        training_sample(dataset[i], r, 40, False, 1000, ("object", "part", "scene"), (2, 3))
        for i, r in zip((0, 2), regions, strict=True)
    ]
    batch = collate(samples)
    assert batch["image"].shape == (2, 3, 64, 64)  # 40 x 56 and 48 x 40
    assert batch["image"].dtype == torch.float32
    torch.testing.assert_close(batch["image"][0, :, :40, :56] * 255, samples[0]["image"].permute(2, 0, 1).float())
    torch.testing.assert_close(
        batch["image"][0, :, 40:], torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1).expand(3, 24, 64)
    )
    assert (batch["regions"][0, 40:] == -1).all()
    assert (batch["regions"][1, :, 40:] == -1).all()
    assert batch["regions"].dtype == torch.int32
    assert batch["object"].shape == batch["part"].shape == (2, 16, 16)
    assert not batch["object"][0, 10:].any()
    assert batch["scene"].tolist() == [1, -1]
    assert batch["part_valid"].tolist() == [[True, False], [True, True]]
    assert batch["source"] == ["ade20k", "pascal"]


def assert_same_batches(first, second):
    first, second = list(first), list(second)
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            assert torch.equal(a[key], b[key]) if torch.is_tensor(a[key]) else a[key] == b[key]


def test_batches_do_not_depend_on_the_number_of_workers(dataset):
    def batches(workers, start=0):
        return train_loader(dataset, TASKS, 2, (32, 48), 8, 5, start, max_regions=20, workers=workers)

    assert_same_batches(batches(0), batches(2))
    assert_same_batches(list(batches(0))[5:], batches(2, start=5))


def test_the_loader_leaves_the_global_random_state_alone(dataset):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    list(train_loader(dataset, TASKS, 2, (32,), 3, 5, max_regions=20, workers=1))
    assert torch.equal(before, torch.get_rng_state())


def test_only_the_asked_tasks_are_loaded(dataset):
    keys = {"image", "regions", "key", "source"}
    for batch in train_loader(dataset, ("scene", "object"), 2, (32,), 4, 0, max_regions=20):
        assert set(batch) == keys | {"scene", "object"}
        break
    for batch in train_loader(dataset, ("part",), 2, (32,), 1, 0, max_regions=20):
        assert set(batch) == keys | {"part", "part_valid", "object"}


@pytest.mark.parametrize("regions", [np.array([[0, 255]], np.uint8), np.array([[0, 10**14]])])
def test_renumber_takes_the_largest_number_of_a_type_and_numbers_without_end(regions):
    assert renumber(regions).tolist() == [[0, 1]]
