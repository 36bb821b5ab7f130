"""Fine partition -> region graph -> merge order -> label maps with any number of regions."""

import heapq
import math
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .partition import smooth

#: Weights of the merge cost, fitted on human segmentations.
WEIGHTS = np.array([-6.5147, 0.5542, 0.3447, 0.0676, 0.4133, -0.2618, 0.4065, -0.6184, 0.9532])
EXPONENT = 0.75


class RegionGraph(NamedTuple):
    """Regions and the pairs that touch; every field is a sum over pixels or cracks, so merging adds them up."""

    regions: np.ndarray  # (n, 4) float64: area in pixels, sums of L, a, b
    pairs: np.ndarray  # (E, 2) int64, first < second, sorted
    cracks: np.ndarray  # (E, 4) float64: boundary length in pixel sides, sums of the three contrast cues


def region_graph(labels: np.ndarray, lab: np.ndarray) -> RegionGraph:
    """Count areas, colours, shared boundary and contrast across it for every pair of touching regions."""
    n = int(labels.max()) + 1
    flat = labels.ravel()
    sums = [np.bincount(flat, weights, n) for weights in (None, *lab.reshape(-1, 3).T)]
    regions = np.stack([s.astype(np.float64) for s in sums], 1)

    levels = [lab, smooth(lab, 1.0), smooth(lab, 2.0)]
    keys, cues = [], []
    for first, second in (
        ((..., slice(None, -1)), (..., slice(1, None))),
        ((slice(None, -1),), (slice(1, None),)),
    ):
        a, b = labels[first], labels[second]
        different = a != b
        a, b = a[different].astype(np.int64), b[different].astype(np.int64)
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
        values = []
        for level in levels:
            moved = np.moveaxis(level, 2, 0)
            difference = moved[(slice(None), *first)] - moved[(slice(None), *second)]
            values.append(np.sqrt((difference**2).sum(0))[different])
        cues.append(np.stack(values))
    key, cue = np.concatenate(keys), np.concatenate(cues, 1)
    unique, index = np.unique(key, return_inverse=True)
    e = len(unique)
    cracks = np.stack([np.bincount(index, w, e).astype(np.float64) for w in (None, *cue)], 1)
    pairs = np.stack([unique // n, unique % n], 1).reshape(-1, 2)
    return RegionGraph(regions, pairs, cracks)


@njit(cache=True)
def _cost(a, b, crack, w, exponent):
    lightness = a[1] / a[0] - b[1] / b[0]
    green_red = a[2] / a[0] - b[2] / b[0]
    blue_yellow = a[3] / a[0] - b[3] / b[0]
    chroma2 = green_red * green_red + blue_yellow * blue_yellow
    small, large = min(a[0], b[0]), max(a[0], b[0])
    z = w[0] + w[1] * math.log(math.sqrt(lightness * lightness + chroma2) + 0.01)
    z += w[2] * math.log(math.sqrt(chroma2) + 0.01) + w[3] * math.log(small) + w[4] * math.log(large)
    z += w[5] * math.log(crack[0])
    for k in range(1, 4):
        z += w[5 + k] * math.log(crack[k] / crack[0] + 0.01)
    return small**exponent / (1.0 + math.exp(-z))


@njit(cache=True)
def _merge(regions, pairs, cracks, until, weights, exponent):
    n, e = len(regions), len(pairs)
    ends = pairs.copy()
    # Every region keeps a linked list of its pairs: half-edge 2k belongs to ends[k, 0], 2k + 1 to ends[k, 1].
    head = np.full(n, -1, np.int64)
    tail = np.full(n, -1, np.int64)
    following = np.full(2 * e, -1, np.int64)
    version = np.zeros(e, np.int64)
    alive = np.ones(e, np.bool_)
    heap = [(0.0, 0, 0) for _ in range(0)]
    for k in range(e):
        for side in range(2):
            node = ends[k, side]
            half = 2 * k + side
            if tail[node] < 0:
                head[node] = half
            else:
                following[tail[node]] = half
            tail[node] = half
        heap.append((_cost(regions[ends[k, 0]], regions[ends[k, 1]], cracks[k], weights, exponent), k, 0))
    heapq.heapify(heap)
    shared = np.full(n, -1, np.int64)  # pair that joins the surviving region with that neighbour
    merges = np.empty((max(n - until, 0), 2), np.int64)
    done = 0
    while done < n - until and len(heap) > 0:
        cost, k, seen = heapq.heappop(heap)
        if not alive[k] or version[k] != seen:
            continue
        keep, gone = ends[k, 0], ends[k, 1]
        merges[done, 0], merges[done, 1] = keep, gone
        done += 1
        alive[k] = False
        regions[keep] += regions[gone]
        following[tail[keep]] = head[gone]
        tail[keep] = tail[gone]
        half = head[keep]
        last = -1
        while half >= 0:
            after = following[half]
            pair, side = half // 2, half % 2
            drop = not alive[pair]
            if not drop:
                ends[pair, side] = keep
                other = ends[pair, 1 - side]
                if shared[other] >= 0:
                    cracks[shared[other]] += cracks[pair]
                    alive[pair] = False
                    drop = True
                else:
                    shared[other] = pair
            if drop:
                if last < 0:
                    head[keep] = after
                else:
                    following[last] = after
                if after < 0:
                    tail[keep] = last
            else:
                last = half
            half = after
        half = head[keep]
        while half >= 0:
            pair, side = half // 2, half % 2
            other = ends[pair, 1 - side]
            shared[other] = -1
            version[pair] += 1
            heapq.heappush(
                heap,
                (_cost(regions[keep], regions[other], cracks[pair], weights, exponent), pair, version[pair]),
            )
            half = following[half]
    return merges[:done]


def merge_order(graph: RegionGraph, until: int = 1) -> np.ndarray:
    """Merge the cheapest pair until ``until`` regions are left: (M, 2) int64, first swallows second."""
    regions, pairs, cracks = graph
    return _merge(regions.copy(), pairs, cracks.copy(), until, WEIGHTS, EXPONENT)


def cut(fine: np.ndarray, merges: np.ndarray, count: int) -> np.ndarray:
    """The label map with ``min(count, available)`` regions, renumbered in reading order, int32."""
    n = int(fine.max()) + 1
    first, second = merges[: max(n - count, 0)].T
    joined = coo_array((np.ones(len(first), bool), (first, second)), shape=(n, n))
    component = connected_components(joined, directed=False)[1][fine]
    _, place, inverse = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(place), np.int32)
    rank[np.argsort(place)] = np.arange(len(place), dtype=np.int32)
    return rank[inverse].reshape(fine.shape)
