"""Image -> Lab -> the fine partition that merging starts from."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.color import rgb2lab

#: Smoothing, in pixels, of the gradient that is flooded. More of it loses thin regions, less of it finds noise.
FINE_SIGMA = 0.5


def lab_image(image: np.ndarray) -> np.ndarray:
    """Convert any common image array to CIE Lab, (H, W, 3) float32; `dgmlib.superpixels.segment` says which."""
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.size == 0 or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise ValueError(f"The image has shape {image.shape}; pass (H, W) or (H, W, C) with 1, 3 or 4 channels.")
    image = image.reshape(*image.shape[:2], -1)[..., :3]
    if np.issubdtype(image.dtype, np.unsignedinteger):
        image = image / np.iinfo(image.dtype).max
    elif not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"The image has dtype {image.dtype}; pass unsigned integers or floats in [0, 1].")
    low, high = image.min(), image.max()
    if not np.isfinite(low + high):
        raise ValueError("The image holds NaN or infinite values; replace them, with numpy.nan_to_num for example.")
    if low < -1e-3 or high > 1 + 1e-3:  # interpolation overshoots by a little, a wrong scale by a lot
        raise ValueError(f"The float image spans {low:.4g} to {high:.4g}; scale it to [0, 1] or pass uint8.")
    image = image.astype(np.float32).clip(0, 1)
    return rgb2lab(np.broadcast_to(image, (*image.shape[:2], 3)))


def smooth(lab: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing over the two image axes, cut at three sigma."""
    for axis in (0, 1):
        lab = gaussian_filter1d(lab, sigma, axis=axis, truncate=3)
    return lab


def fine_partition(lab: np.ndarray) -> np.ndarray:
    """Watershed of the Lab gradient: every pixel joins the basin that steepest descent leads it to.

    Steepest descent needs no queue, so it is a few array operations where flooding is a loop over pixels, and its
    basins are the same wherever no two neighbours of a pixel are equally low.

    Returns:
        (H, W) int32 labels 0..n-1 in reading order, every region 4-connected.
    """
    edged = np.pad(smooth(lab, FINE_SIGMA), ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = edged[2:, 1:-1] - edged[:-2, 1:-1]
    right = edged[1:-1, 2:] - edged[1:-1, :-2]
    return _basins((down**2 + right**2).sum(2))


def _basins(height: np.ndarray) -> np.ndarray:
    rows, columns = height.shape
    walled = np.pad(height, 1, constant_values=np.inf)
    around = np.stack([height, walled[:-2, 1:-1], walled[2:, 1:-1], walled[1:-1, :-2], walled[1:-1, 2:]])
    choice = around.argmin(0)  # 0 where no neighbour is strictly lower
    pixel = np.arange(height.size, dtype=np.int32).reshape(rows, columns)
    source, target = [pixel.ravel()], [(pixel + np.array([0, -columns, columns, -1, 1], np.int32)[choice]).ravel()]
    # A plateau has no way down inside: its pixels join each other, and through its rim whatever lies below.
    for a, b in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        level = (height[a] == height[b]) & ((choice[a] == 0) | (choice[b] == 0))
        source.append(pixel[a][level])
        target.append(pixel[b][level])
    source, target = np.concatenate(source), np.concatenate(target)
    joined = coo_array((np.ones(len(source), np.int8), (source, target)), shape=(height.size,) * 2)
    return connected_components(joined, directed=False)[1].reshape(rows, columns)
