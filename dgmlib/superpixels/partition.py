"""Image -> Lab -> the fine partition that merging starts from."""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab

from ..compiled import compiled
from ..pictures import Picture, read_picture

#: Smoothing, in pixels, of the flooded gradient. More smoothing loses thin regions, less smoothing finds noise. In
#: pictures of more than a megapixel, where most of what is found is noise, it grows with their side.
FINE_SIGMA = 0.5


def lab_image(image: Picture) -> np.ndarray:
    """Convert anything that `dgmlib.pictures.read_picture` reads to CIE Lab, (H, W, 3) float32."""
    picture = read_picture(image)
    lab = np.empty(picture.shape, np.float32)
    rows = 1 + 2**17 // picture[0].size  # their intermediate results fit in the cache
    for top in range(0, len(lab), rows):
        lab[top : top + rows] = rgb2lab(picture[top : top + rows] / np.float32(255))
    return lab


def smooth(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing of an image (H, W) or (H, W, C) over its two axes, truncated at three sigma."""
    return gaussian_filter(image, sigma, axes=(0, 1), truncate=3)


def fine_partition(lab: np.ndarray) -> np.ndarray:
    """Watershed of the Lab gradient: every pixel joins the basin that steepest descent leads to.

    Unlike flooding, steepest descent needs no queue: one pass over the pixels suffices. Its basins are the same
    wherever no two neighbours of a pixel are equally low.

    Returns:
        (H, W) int32 labels 0..n-1 in reading order, every region 4-connected.
    """
    sigma = FINE_SIGMA * max(1.0, (lab.shape[0] * lab.shape[1] / 1e6) ** 0.5)
    slope = np.zeros(lab.shape[:2], np.float32)
    for channel in np.moveaxis(lab, 2, 0):  # one by one: a third of the memory
        edged = np.pad(smooth(channel, sigma), 1, mode="edge")
        down, right = edged[2:, 1:-1] - edged[:-2, 1:-1], edged[1:-1, 2:] - edged[1:-1, :-2]
        slope += down**2 + right**2
    return _basins(slope)


@compiled
def _basins(slope):
    height, width = slope.shape
    parents = np.arange(height * width, dtype=np.int32)
    for y in range(height):
        for x in range(width):
            lowest, way = slope[y, x], (y, x)
            around = ((max(y - 1, 0), x), (min(y + 1, height - 1), x), (y, max(x - 1, 0)), (y, min(x + 1, width - 1)))
            for place in around:
                if slope[place] < lowest:
                    lowest, way = slope[place], place
            if lowest < slope[y, x]:
                _unite(parents, y * width + x, way[0] * width + way[1])
                continue
            # A plateau has no descent inside: its pixels join each other and, through its rim, whatever lies below.
            for place in around:
                if slope[place] == lowest:
                    _unite(parents, y * width + x, place[0] * width + place[1])
    return _numbered(parents).reshape(height, width)


@compiled
def join(first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """Number the connected components that pairs form among n things, in order of their first things: (n,) int32."""
    parents = np.arange(n, dtype=np.int32)
    for k in range(len(first)):
        _unite(parents, first[k], second[k])
    return _numbered(parents)


@compiled
def _unite(parents, i, j):
    """Join two trees under the smaller root; every walk halves its path."""
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    while parents[j] != j:
        parents[j] = parents[parents[j]]
        j = parents[j]
    parents[max(i, j)] = min(i, j)


@compiled
def _numbered(parents):
    """Replace parents, which never come after their children, by the number of the tree."""
    count = 0
    for i in range(len(parents)):
        if parents[i] == i:
            parents[i], count = count, count + 1
        else:
            parents[i] = parents[parents[i]]
    return parents
