"""A simulated user who clicks on labelled objects, and the simplest thing that answers clicks without groups.

The user clicks as the standard protocol of interactive segmentation has it: in the middle of the largest region that
is wrong, the object itself at first, positive where something is missing and negative where there is too much. The
middle is the pixel farthest from the region's border.

An object is a connected region of one class, at least `SMALLEST` of the image. Every pixel outside is wrong to select,
unlabelled ones too.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import ndimage
from skimage.segmentation import flood

SMALLEST = 0.01  # of the image's area


def simulate(click: Callable[[int, int, bool], np.ndarray], target: np.ndarray, count: int) -> list[float]:
    """IoU after 1 ... ``count`` clicks of the simulated user.

    Args:
        click: takes x, y and positive; returns the (H, W) bool mask after this click.
        target: (H, W) bool, the object.
        count: how many clicks.
    """
    mask, scores = np.zeros_like(target), []
    while len(scores) < count:
        wrong = next_click(target, mask)
        if wrong is None:
            return scores + [1.0] * (count - len(scores))
        mask = click(*wrong)
        scores.append((mask & target).sum() / (mask | target).sum())
    return scores


def next_click(target: np.ndarray, mask: np.ndarray) -> tuple[int, int, bool] | None:
    """Where the simulated user clicks: (x, y, positive) in the largest wrong region, or None if all is right."""
    regions = []
    for positive, wrong in ((True, target & ~mask), (False, mask & ~target)):
        labels, count = ndimage.label(wrong)
        if count:
            area = np.bincount(labels.ravel())[1:]
            regions.append((area.max(), positive, labels == 1 + area.argmax()))
    if not regions:
        return None
    _, positive, region = max(regions, key=lambda item: item[0])
    x, y = centre(region)
    return x, y, positive


def centre(region: np.ndarray) -> tuple[int, int]:
    """Column and row of the pixel of a region, (H, W) bool, that is farthest from its border and the image's."""
    (box,) = ndimage.find_objects(region.astype(np.uint8))
    distance = ndimage.distance_transform_edt(np.pad(region[box], 1))
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    return int(column - 1 + box[1].start), int(row - 1 + box[0].start)


class ColourFlood:
    """Clicks without groups: each floods the connected pixels whose colour is within a tolerance of the clicked one.

    Where positive and negative floods meet, the click whose colour is closer wins.

    Args:
        lab: (H, W, 3), CIE Lab.
        tolerance: the largest distance in Lab.
    """

    def __init__(self, lab: np.ndarray, tolerance: float):
        self.lab, self.tolerance = lab, tolerance
        self.strongest = {True: np.zeros(lab.shape[:2]), False: np.zeros(lab.shape[:2])}

    def click(self, x: int, y: int, positive: bool = True) -> np.ndarray:
        """Add a click and return the mask, (H, W) bool."""
        distance = np.linalg.norm(self.lab - self.lab[y, x], axis=2)
        inside = flood(distance, (y, x), tolerance=self.tolerance)
        weight = np.where(inside, 1 - distance / (2 * self.tolerance), 0)
        self.strongest[positive] = np.maximum(self.strongest[positive], weight)
        return self.strongest[True] > self.strongest[False]


def objects(labels: np.ndarray, smallest: float = SMALLEST) -> Iterator[np.ndarray]:
    """Connected regions of every class but 0, (H, W) bool, of at least a share ``smallest`` of the image."""
    for value in np.unique(labels[labels > 0]):
        regions, _ = ndimage.label(labels == value)
        area = np.bincount(regions.ravel())[1:]
        for number in 1 + np.flatnonzero(area >= smallest * labels.size):
            yield regions == number


def best_choice(regions: np.ndarray, target: np.ndarray) -> float:
    """Best IoU with an object, (H, W) bool, of any union of regions, (H, W) labels 0..n-1.

    Regions are added by the share that lies in the object, the largest first: the best union is one of these.
    """
    area = np.bincount(regions.ravel())
    inside = np.bincount(regions.ravel(), weights=target.ravel())
    order = np.argsort(-inside / area)
    hits, chosen = inside[order].cumsum(), area[order].cumsum()
    return float((hits / (chosen + target.sum() - hits)).max())
