"""Image -> Lab -> the fine partition that merging starts from."""

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.color import rgb2lab

from ..pictures import Picture, read_picture

#: Smoothing, in pixels, of the flooded gradient. More smoothing loses thin regions, less smoothing finds noise. In
#: pictures of more than a megapixel, where most of what is found is noise, it grows with their side.
FINE_SIGMA = 0.5


def lab_image(image: Picture) -> np.ndarray:
    """Convert anything that `dgmlib.pictures.read_picture` reads to CIE Lab, (H, W, 3) float32."""
    return rgb2lab(read_picture(image) / np.float32(255))


def smooth(lab: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing over the two image axes, truncated at three sigma."""
    return gaussian_filter(lab, (sigma, sigma, 0), truncate=3)


def fine_partition(lab: np.ndarray) -> np.ndarray:
    """Watershed of the Lab gradient: every pixel joins the basin that steepest descent leads to.

    Steepest descent needs no queue: it takes a few array operations, whereas flooding is a loop over pixels. Its basins
    are the same wherever no two neighbours of a pixel are equally low.

    Returns:
        (H, W) int32 labels 0..n-1 in reading order, every region 4-connected.
    """
    sigma = FINE_SIGMA * max(1.0, (lab.shape[0] * lab.shape[1] / 1e6) ** 0.5)
    edged = np.pad(smooth(lab, sigma), ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = edged[2:, 1:-1] - edged[:-2, 1:-1]
    right = edged[1:-1, 2:] - edged[1:-1, :-2]
    slope = (down**2 + right**2).sum(2)
    walled = np.pad(slope, 1, constant_values=np.inf)
    around = np.stack([slope, walled[:-2, 1:-1], walled[2:, 1:-1], walled[1:-1, :-2], walled[1:-1, 2:]])
    choice = around.argmin(0)  # 0 where no neighbour is strictly lower
    width = slope.shape[1]
    pixel = np.arange(slope.size, dtype=np.int32).reshape(slope.shape)
    source, target = [pixel.ravel()], [(pixel + np.array([0, -width, width, -1, 1], np.int32)[choice]).ravel()]
    # A plateau has no descent inside: its pixels join each other and, through its rim, whatever lies below.
    for a, b in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        level = (slope[a] == slope[b]) & ((choice[a] == 0) | (choice[b] == 0))
        source.append(pixel[a][level])
        target.append(pixel[b][level])
    return join(np.concatenate(source), np.concatenate(target), slope.size).reshape(slope.shape)


def join(first: np.ndarray, second: np.ndarray, n: int) -> np.ndarray:
    """Number the connected components that pairs form among n things, in order of their first things: (n,) int32."""
    pairs = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    return connected_components(pairs, directed=False)[1]
