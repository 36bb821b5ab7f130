"""Loading of the batches that `TrainBatches` draws: scaling, mirroring, padding, superpixels."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from dgmlib.pictures import MEAN
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import MAP_TASKS

from .files import BrodenError
from .sampling import TrainBatches
from .workers import Reader, ReportingLoader

STRIDE = 4  # of the label maps that the losses use
MULTIPLE = 32  # of a batch's height and width: the coarsest feature map's stride


def scaled_shape(height: int, width: int, short_side: int, max_size: int) -> tuple[int, int]:
    """Scale to a short side of ``short_side`` pixels, or less if the long side would exceed ``max_size`` pixels."""
    short, long = min(height, width), max(height, width)
    target, side = (short_side, short) if long * short_side <= max_size * short else (max_size, long)
    return max(height * target // side, 1), max(width * target // side, 1)


def nearest(shape: Sequence[int], new_shape: Sequence[int]) -> list[np.ndarray]:
    """Source rows and columns of nearest-neighbour scaling by pixel centres, from one (height, width) to another."""
    sides = zip(shape, new_shape, strict=True)
    return [(2 * np.arange(new) + 1) * old // (2 * new) for old, new in sides]


def renumber(regions: np.ndarray) -> np.ndarray:
    """Renumber the regions that occur to 0..n-1, keeping their order; (H, W) int32."""
    largest = int(regions.max())
    if largest > 2 * regions.size + 256:  # slower, but with less memory
        return np.unique(regions, return_inverse=True)[1].reshape(regions.shape).astype(np.int32)
    present = np.zeros(largest + 1, dtype=bool)
    present[regions.ravel()] = True
    return (np.cumsum(present, dtype=np.int32) - 1)[regions]


def view(image: np.ndarray, regions: np.ndarray, short_side: int, max_size: int) -> tuple[Tensor, Tensor]:
    """Scale an image (H, W, 3) uint8 and its superpixels (H, W) for evaluation.

    They are scaled as in `scaled_shape`; both sides are then rounded up to a multiple of 32.

    Returns:
        (1, 3, h, w) float32 in [0, 1], bilinear without smoothing as OpenCV's, and (1, h, w) int32 superpixels.
    """
    shape = [-(-side // MULTIPLE) * MULTIPLE for side in scaled_shape(*image.shape[:2], short_side, max_size)]
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    scaled = F.interpolate(pixels, size=shape, mode="bilinear", align_corners=False)
    return scaled, torch.from_numpy(renumber(regions[np.ix_(*nearest(image.shape[:2], shape))]))[None]


def training_sample(
    sample: dict,
    regions: np.ndarray,
    short_side: int,
    flip: bool,
    max_size: int,
    tasks: Sequence[str],
    part_objects: Sequence[int],
) -> dict:
    """Scale and mirror one sample, and bring its label maps to a quarter of that size.

    Sizes are those of `scaled_shape`, and ``regions`` are the sample's superpixels (H, W). Labels of ``tasks`` are
    kept. ``part_objects`` are the ids of the objects with parts, in the order of "part_valid".

    Returns:
        dict of tensors: "image" (h, w, 3) uint8, "regions" (h, w) int32, label maps at a quarter of that size, and
        "part_valid" without the objects whose part pixels vanished there.
    """
    image = sample["image"]
    shape = scaled_shape(*image.shape[:2], short_side, max_size)
    rows, columns = nearest(image.shape[:2], shape)
    if flip:
        image = image[:, ::-1]
        columns = image.shape[1] - 1 - columns
    # A quarter of the scaled map: the centres of its 4 x 4 cells.
    coarse = np.ix_(rows[STRIDE // 2 :: STRIDE], columns[STRIDE // 2 :: STRIDE])
    scaled = Image.fromarray(np.ascontiguousarray(image)).resize(shape[::-1], Image.Resampling.BILINEAR)
    result = {
        "key": sample["key"],
        "source": sample["source"],
        "image": torch.from_numpy(np.array(scaled)),
        "regions": torch.from_numpy(renumber(regions[np.ix_(rows, columns)])),
    }
    for task in (task for task in tasks if task in sample):
        result[task] = torch.as_tensor(sample[task][coarse] if task in MAP_TASKS else sample[task])
    if "part" in result:
        result["object"] = torch.from_numpy(sample["object"][coarse])
        still_there = torch.isin(torch.tensor(part_objects), result["object"][result["part"] > 0].unique())
        result["part_valid"] = torch.from_numpy(sample["part_valid"]) & still_there
    return result


def collate(samples: list[dict]) -> dict:
    """Pad samples of one group, see `training_sample`, to a batch.

    Returns:
        dict with "image" (B, 3, H, W) float32 RGB in [0, 1], padded at the bottom and right to multiples of 32 with
        ImageNet's mean colour; "regions" (B, H, W) int32 superpixels, -1 in the padding; of the keys that every sample
        has, "object", "part", "material" (B, H/4, W/4) int64, 0 ignored; "part_valid" (B, objects with parts) bool;
        "scene" (B,) int64, -1 ignored; "texture" (B,) int64; and the lists "source" and "key".
    """
    sides = [max(sample["regions"].shape[axis] for sample in samples) for axis in (0, 1)]
    height, width = (-(-side // MULTIPLE) * MULTIPLE for side in sides)
    padded = [pad(sample | {"image": sample["image"].permute(2, 0, 1) / 255}, height, width) for sample in samples]
    shared = [key for key in samples[0] if all(key in sample for sample in samples)]  # in the same order in every run
    return default_collate([{key: sample[key] for key in shared} for sample in padded])


def pad(batch: dict, height: int, width: int) -> dict:
    """Pad samples or a batch at the bottom and right: with ImageNet's mean colour, superpixels with -1, labels with 0.

    ``batch`` has "image" (..., 3, h, w), "regions" (..., h, w) and label maps at a quarter of that size, if any;
    ``height`` and ``width`` in pixels are multiples of 32.
    """
    mean, padded = torch.tensor(MEAN).view(3, 1, 1), dict(batch)
    for key, fill, stride in (("image", mean, 1), ("regions", -1, 1), *((task, 0, STRIDE) for task in MAP_TASKS)):
        if key in batch:
            h, w = batch[key].shape[-2:]
            padded[key] = batch[key].new_empty(*batch[key].shape[:-2], height // stride, width // stride)
            padded[key][:] = torch.as_tensor(fill, device=padded[key].device)
            padded[key][..., :h, :w] = batch[key]
    return padded


class _Samples(Reader):
    """Loads the draws of `TrainBatches`."""

    def __init__(self, dataset, workers: int, tasks: Sequence[str], regions: RegionMaps, max_size: int):
        super().__init__(dataset, workers)
        self.tasks, self.regions, self.max_size = tuple(tasks), regions, max_size
        self.part_objects = tuple(dataset.vocabulary.object_parts)

    def load(self, index: int, short_side: int, flip: bool) -> dict:
        """Load one draw."""
        sample = self.dataset[index]
        regions = self.regions(sample["key"], sample["image"])
        return training_sample(sample, regions, short_side, flip, self.max_size, self.tasks, self.part_objects)


def train_loader(
    dataset,
    tasks: Sequence[str],
    batch_size: int,
    short_sides: Sequence[int],
    iterations: int,
    seed: int,
    start: int = 0,
    max_regions: int = 512,
    max_size: int = 1000,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> DataLoader:
    """Load the batches of a training run, ``iterations - start`` of them, in the format of `collate`.

    `TrainBatches` draws them and documents the other arguments. An image has at most ``max_regions`` superpixels,
    cached in ``dataset.cache``, and its long side is scaled to at most ``max_size`` pixels. ``workers`` is the number
    of loading processes, 0 for this one; batches do not depend on it.
    """
    return ReportingLoader(
        _Samples(dataset, workers, tasks, RegionMaps(dataset.cache, max_regions), max_size),
        batch_sampler=TrainBatches(dataset, tasks, batch_size, short_sides, iterations, seed, start, rank, world_size),
        collate_fn=_collate_or_fail,
        num_workers=workers,
        generator=torch.Generator().manual_seed(seed),  # leaves torch's global random state alone
    )


def _collate_or_fail(samples: list) -> dict | BrodenError:
    failed = [sample for sample in samples if isinstance(sample, BrodenError)]
    return failed[0] if failed else collate(samples)
