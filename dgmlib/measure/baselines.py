"""Baseline superpixel methods of the quality table, each with at most a given number of regions."""

import math

import numpy as np
from scipy.ndimage import label as connected
from skimage.segmentation import felzenszwalb, relabel_sequential, slic, watershed

from dgmlib.superpixels.partition import lab_image, smooth


def slic_at(image: np.ndarray, count: int) -> np.ndarray:
    """Run scikit-image's SLIC, requesting the number of segments that yields the most regions within ``count``."""
    return _largest_within(
        count, lambda n: slic(image, round(n), channel_axis=-1, start_label=0), count / 2, 2 * count, 6
    )


def felzenszwalb_at(image: np.ndarray, count: int) -> np.ndarray:
    """Run Felzenszwalb and Huttenlocher's method at the scale that yields the most regions within ``count``."""
    least = image.shape[0] * image.shape[1] // (5 * count)  # with a smaller minimum size, specks use up the regions
    return _largest_within(count, lambda knob: felzenszwalb(image, 3000 / knob, 0.8, least), 1, 3000, 7)


def watershed_at(image: np.ndarray, count: int) -> np.ndarray:
    """Compact watershed of the smoothed gradient, flooded from a regular grid."""
    gradient = np.sqrt(sum((g**2).sum(2) for g in np.gradient(smooth(lab_image(image), 1.0), axis=(0, 1))))
    blocks = grid(image.shape[:2], count)
    area = np.bincount(blocks.ravel())
    centres = tuple((np.bincount(blocks.ravel(), i.ravel()) / area).astype(int) for i in np.indices(blocks.shape))
    markers = np.zeros(blocks.shape, np.int32)
    markers[centres] = np.arange(1, len(area) + 1)
    return watershed(gradient, markers, connectivity=1, compactness=0.01) - 1


def seeds_like(image: np.ndarray, count: int, sweeps: int = 60, bins: int = 5) -> np.ndarray:
    """Hill-climb SEEDS' energy from a grid: boundary pixels join the neighbour in which their colour is more frequent.

    The original (Van den Bergh et al., 2012) also moves blocks and checks connectivity at every move. Here, the largest
    4-connected part of every region grows back over its fragments at the end.
    """
    lab = smooth(lab_image(image), 1.0)
    low, high = lab.min((0, 1)), lab.max((0, 1))
    steps = ((lab - low) / (high - low + 1e-6) * bins).astype(np.int64).clip(0, bins - 1)
    colour = steps @ np.array([bins * bins, bins, 1])
    labels = grid(colour.shape, count)
    n = labels.max() + 1
    labels, colour = labels.ravel(), colour.ravel()
    pixel = np.arange(labels.size).reshape(lab.shape[:2])
    pairs = [(pixel[1:], pixel[:-1]), (pixel[:, 1:], pixel[:, :-1])]
    directions = [(a.ravel(), b.ravel()) for pair in pairs for a, b in (pair, pair[::-1])]
    for sweep in range(sweeps):
        counts = np.bincount(labels * bins**3 + colour, minlength=n * bins**3).reshape(n, -1)
        share = counts / counts.sum(1, keepdims=True).clip(1)
        # One direction at a time, so that two neighbours never swap labels.
        here, there = directions[sweep % 4]
        edge = labels[here] != labels[there]
        here, there = here[edge], there[edge]
        gain = share[labels[there], colour[here]] > share[labels[here], colour[here]]
        labels[here[gain]] = labels[there[gain]]
    labels = labels.reshape(lab.shape[:2])
    markers = np.zeros(labels.shape, np.int32)
    for region in np.unique(labels):
        parts, _ = connected(labels == region)
        markers[parts == np.bincount(parts.ravel())[1:].argmax() + 1] = region + 1
    return relabel_sequential(watershed(np.zeros(labels.shape), markers, connectivity=1))[0] - 1


def _largest_within(count, method, low, high, steps):
    """Find the result with the most regions, at most ``count``, by bisecting a knob that increases their number."""
    best = None
    for _ in range(steps):
        knob = math.sqrt(low * high)
        labels = method(knob)
        n = labels.max() + 1
        if n > count:
            high = knob
        else:
            low = knob
            if best is None or n > best.max() + 1:
                best = labels
    return method(low) if best is None else best


def grid(shape, count):
    """A regular grid of at most ``count`` nearly square blocks."""
    columns = max(1, min(count, shape[1], math.floor(math.sqrt(count * shape[1] / shape[0]))))
    rows = max(1, count // columns)
    return (np.arange(shape[0]) * rows // shape[0])[:, None] * columns + np.arange(shape[1]) * columns // shape[1]
