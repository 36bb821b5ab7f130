"""Image -> label maps: the two functions that most people need."""

from collections.abc import Sequence

import numpy as np

from ..pictures import Picture
from .merge import WEIGHTS, cut, merge_order, region_graph
from .partition import fine_partition, lab_image


def segment(image: Picture, max_regions: int = 512) -> np.ndarray:
    """Partition an image into exactly ``min(max_regions, available)`` 4-connected regions.

    Args:
        image: array, PIL picture or path, see `dgmlib.pictures.read_picture`. It is partitioned in 8 bits, so that one
            picture has the same regions in whatever it is held.
        max_regions: the most regions wanted, at least 1. A flat image offers fewer and gets them all.

    Returns:
        (H, W) int32 labels 0..n-1, numbered in the order their first pixels are read. Deterministic.

    Raises:
        ValueError: for an image that cannot be read, and for a cap below 1.
    """
    return segment_hierarchy(image, (max_regions,))[0]


def segment_hierarchy(
    image: Picture, counts: Sequence[int] = (512, 256, 128, 64), weights: Sequence[float] = WEIGHTS
) -> list[np.ndarray]:
    """Nested label maps, one per entry of ``counts``: every region of a coarser map is a union of finer ones.

    Args:
        image: as in `segment`.
        counts: the most regions of each map, each at least 1, in any order.
        weights: of the merge cost, in the order in which `fit` gives them.

    Returns:
        a list of (H, W) int32 label maps; map k equals ``segment(image, counts[k])`` with the same weights.
    """
    for count in counts:
        if count < 1:
            raise ValueError(f"max_regions is {count}; ask for at least one region.")
    lab = lab_image(image)
    fine = fine_partition(lab)
    graph = region_graph(fine, lab)
    merges = merge_order(graph, min(counts), weights)
    return [cut(fine, merges, count) for count in counts]
