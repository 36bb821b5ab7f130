"""Image -> fine partition -> region graph -> merge order -> label maps with any number of regions.

Merging two regions costs ``P * (min(area) + BOUNDARY * length)``, where P is the learned probability that people see
two things there: the pixels that would end up on the wrong side of a human boundary, plus the boundary that would be
lost. The cheapest pair merges first, so cutting the merge order at any points gives nested label maps.
"""

import heapq
import math
from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np

from ..compiled import compiled
from ..pictures import Picture
from .partition import fine_partition, join, lab_image, smooth

#: Smoothing, in pixels, of the two contrasts that are measured across every boundary.
CUE_SIGMAS = (0.5, 5.0)

#: Cost of a pixel side of lost boundary, in pixels on the wrong side of one. A higher cost trades accuracy for
#: boundary recall. This and the smoothings were chosen on training images that the weights were not fitted to.
BOUNDARY = 2.5

#: Features of the logistic model P, all but the bias as logarithms (see `_features`), and their weights as printed by
#: ``dgmlib superpixels fit``.
FEATURES = (
    "bias", "colour distance", "chroma distance", "larger area", "boundary length", "fine contrast", "coarse contrast",
)  # fmt: skip
WEIGHTS = (-6.730, 0.539, 0.297, 0.455, -0.272, 0.386, 0.699)


class RegionGraph(NamedTuple):
    """Regions and adjacent pairs. Every field is a sum over pixels or pixel sides, so merging adds rows."""

    regions: np.ndarray  # (n, 4) float64: area in pixels, sums of L, a and b
    pairs: np.ndarray  # (E, 2) int64, first < second, sorted
    sides: np.ndarray  # (E, 3) float64: boundary length in pixel sides, sums of both contrasts across it


def region_graph(labels: np.ndarray, lab: np.ndarray) -> RegionGraph:
    """Sum areas, colours, shared boundaries and the contrasts across them.

    Args:
        labels: (H, W) int32, 0..n-1.
        lab: (H, W, 3) float32.
    """
    n, flat = int(labels.max()) + 1, labels.ravel()
    regions = np.stack([np.bincount(flat, weights, n) for weights in (None, *lab.reshape(-1, 3).T)], 1)
    keys, here, there = _sides(labels, n)
    contrasts = []
    for sigma in CUE_SIGMAS:
        channels = (smooth(channel, sigma).ravel() for channel in np.moveaxis(lab, 2, 0))
        contrasts.append(np.sqrt(sum((channel[here] - channel[there]) ** 2 for channel in channels)))
    keys, index = np.unique(keys, return_inverse=True)
    sides = np.stack([np.bincount(index, w, len(keys)) for w in (None, *contrasts)], 1)
    return RegionGraph(regions.astype(np.float64), np.stack([keys // n, keys % n], 1), sides.astype(np.float64))


def _sides(labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the sides of pixels between two regions: a number for the pair of regions, and the two pixels, (m,) each."""
    flat, pixel = labels.ravel(), np.arange(labels.size, dtype=np.int32).reshape(labels.shape)
    beside, below = labels[:, :-1] != labels[:, 1:], labels[:-1] != labels[1:]
    here = np.concatenate([pixel[:, :-1][beside], pixel[:-1][below]])
    there = np.concatenate([pixel[:, 1:][beside], pixel[1:][below]])
    one, other = flat[here].astype(np.int64), flat[there]
    return np.minimum(one, other) * n + np.maximum(one, other), here, there


@compiled
def _features(regions, i, j, sides, k):
    area_i, area_j = regions[i, 0], regions[j, 0]
    lightness = regions[i, 1] / area_i - regions[j, 1] / area_j
    green_red = regions[i, 2] / area_i - regions[j, 2] / area_j
    blue_yellow = regions[i, 3] / area_i - regions[j, 3] / area_j
    chroma = green_red * green_red + blue_yellow * blue_yellow
    length = sides[k, 0]
    return (
        1.0,
        math.log(math.sqrt(lightness * lightness + chroma) + 0.01),  # of the two means, in Lab units
        math.log(math.sqrt(chroma) + 0.01),
        math.log(max(area_i, area_j)),  # in pixels
        math.log(length),  # in pixel sides
        math.log(sides[k, 1] / length + 0.01),  # mean contrasts across the boundary
        math.log(sides[k, 2] / length + 0.01),
    )


@compiled
def pair_features(regions: np.ndarray, pairs: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Compute the `FEATURES` of every pair of a `RegionGraph`: (E, 7) float64."""
    out = np.empty((len(pairs), 7))
    for k in range(len(pairs)):
        out[k] = _features(regions, pairs[k, 0], pairs[k, 1], sides, k)
    return out


@compiled
def _offer(regions, i, j, sides, k, weights, boundary):
    z = 0.0
    for weight, feature in zip(weights, _features(regions, i, j, sides, k)):  # noqa: B905 (numba has no strict=)
        z += weight * feature
    cost = (min(regions[i, 0], regions[j, 0]) + boundary * sides[k, 0]) / (1.0 + math.exp(-z))
    # Bits of positive floats sort like the floats: one integer holds the cost and, to break ties, the pair.
    return (np.int64(np.float32(cost).view(np.int32)) << 32) | k


@compiled
def _unlink(half, node, head, after, before):
    if before[half] >= 0:
        after[before[half]] = after[half]
    else:
        head[node] = after[half]
    if after[half] >= 0:
        before[after[half]] = before[half]


@compiled
def _link(half, node, head, after, before):
    before[half], after[half] = -1, head[node]
    if head[node] >= 0:
        before[head[node]] = half
    head[node] = half


@compiled
def _merge(regions, ends, sides, until, weights, boundary):
    n, e = len(regions), len(ends)
    # Every region keeps a doubly linked list of its pairs: half 2k belongs to ends[k, 0], half 2k + 1 to ends[k, 1].
    head, degree = np.full(n, -1, np.int32), np.zeros(n, np.int32)
    after, before = np.full(2 * e, -1, np.int32), np.full(2 * e, -1, np.int32)
    alive = np.ones(e, np.bool_)
    offers = np.empty(e, np.int64)
    for k in range(e):
        offers[k] = _offer(regions, ends[k, 0], ends[k, 1], sides, k, weights, boundary)
        for side in range(2):
            _link(2 * k + side, ends[k, side], head, after, before)
            degree[ends[k, side]] += 1
    heap = list(offers)
    heapq.heapify(heap)
    merges = np.empty((max(n - until, 0), 2), np.int64)
    done = 0
    while done < len(merges) and len(heap) > 0:
        k = heap[0] & 0xFFFFFFFF
        if not alive[k] or heap[0] != offers[k]:  # absorbed by another pair, or improved since
            heapq.heappop(heap)
            continue
        keep, gone = ends[k, 0], ends[k, 1]
        offers[k] = _offer(regions, keep, gone, sides, k, weights, boundary)
        if offers[k] > heap[0]:  # the two regions have grown since
            heapq.heapreplace(heap, offers[k])
            continue
        if degree[keep] < degree[gone]:
            keep, gone = gone, keep
        merges[done, 0], merges[done, 1] = keep, gone
        done += 1
        for column in range(4):
            regions[keep, column] += regions[gone, column]
        half = head[gone]
        while half >= 0:
            upcoming, pair = after[half], half // 2
            other = ends[pair, 1 - half % 2]
            twin = half ^ 1
            if other != keep:  # does the neighbour already touch the region that stays?
                twin = head[other]
                while twin >= 0 and ends[twin // 2, 1 - twin % 2] != keep:
                    twin = after[twin]
            if twin < 0:
                ends[pair, half % 2] = keep
                _link(half, keep, head, after, before)
                degree[keep] += 1
            else:
                alive[pair] = False
                _unlink(half ^ 1, other, head, after, before)
                degree[other] -= 1
                if other != keep:
                    twin //= 2
                    for column in range(3):
                        sides[twin, column] += sides[pair, column]
                    if offers[pair] < offers[twin]:  # keep the better offer until its turn comes
                        offers[twin] = offers[pair] >> 32 << 32 | twin
                        heapq.heappush(heap, offers[twin])
            half = upcoming
    return merges[:done]


def merge_order(graph: RegionGraph, until: int = 1, weights=WEIGHTS, boundary: float = BOUNDARY) -> np.ndarray:
    """Merge the cheapest pair repeatedly until ``until`` regions are left.

    Compiled by numba. With ``NUMBA_DISABLE_JIT=1`` in the environment, the same lines run as plain Python and NumPy,
    far slower and with the same result.

    Returns:
        (M, 2) int64, in order; the first region of a row absorbs the second.
    """
    regions, pairs, sides = graph
    return _merge(regions.copy(), pairs.astype(np.int32), sides.copy(), until, np.asarray(weights), boundary)


def check_cap(count: int) -> None:
    """Raise a ValueError for a cap on regions that is not a whole number from 1."""
    if not isinstance(count, Integral) or count < 1:
        raise ValueError(f"max_regions is {count!r}; ask for at least one region, in whole numbers.")


def cut(fine: np.ndarray, merges: np.ndarray, count: int) -> np.ndarray:
    """Apply merges until ``count`` regions are left: a label map (H, W) int32 in reading order, as ``fine`` is."""
    available = int(fine.max()) + 1
    first, second = merges[: max(available - count, 0)].T
    return join(first, second, available)[fine]


def segment(image: Picture, max_regions: int = 512) -> np.ndarray:
    """Partition an image into exactly ``min(max_regions, available)`` 4-connected regions.

    Args:
        image: array, PIL picture or path, see `dgmlib.pictures.read_picture`. It is partitioned in 8 bits, so that a
            picture has the same regions in any representation.
        max_regions: maximum number of regions, at least 1. A flat image has fewer and gets them all.

    Returns:
        (H, W) int32 labels 0..n-1, in reading order of their first pixels. Deterministic.

    Raises:
        FileNotFoundError: if there is no file of that name.
        ValueError: if the image cannot be read, or the cap is not a whole number from 1.
    """
    return segment_hierarchy(image, (max_regions,))[0]


def segment_hierarchy(
    image: Picture, counts: Sequence[int] = (512, 256, 128, 64), weights: Sequence[float] = WEIGHTS
) -> list[np.ndarray]:
    """Nested label maps: every region of a coarser map is a union of finer ones.

    Map k equals ``segment(image, counts[k])``; ``weights`` are those of the merge cost, in the order of `FEATURES`.

    Raises:
        FileNotFoundError: as `segment`.
        ValueError: as `segment`, or if there is not a weight for each of the features.
    """
    for count in counts:
        check_cap(count)
    if len(weights) != len(FEATURES):
        raise ValueError(f"weights must be {len(FEATURES)} numbers, one for each of {', '.join(FEATURES)}.")
    lab = lab_image(image)
    fine = fine_partition(lab)
    merges = merge_order(region_graph(fine, lab), min(counts, default=1), weights)
    return [cut(fine, merges, count) for count in counts]
