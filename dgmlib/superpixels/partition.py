"""Image -> Lab -> the fine partition that merging starts from."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from skimage.color import rgb2lab
from skimage.segmentation import watershed


def lab_image(image: np.ndarray) -> np.ndarray:
    """CIE Lab of any common image array, (H, W, 3) float32; see `dgmlib.superpixels.segment` for what is accepted."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ValueError(
            f"The image has shape {image.shape}; pass (H, W) or (H, W, C) with 1, 3 or 4 channels."
        )
    if image.size == 0:
        raise ValueError(f"The image has shape {image.shape}; it needs at least one pixel.")
    image = image[..., :3]
    if image.dtype == bool or np.issubdtype(image.dtype, np.unsignedinteger):
        image = image / (1.0 if image.dtype == bool else np.iinfo(image.dtype).max)
    elif np.issubdtype(image.dtype, np.floating):
        if not np.isfinite(image).all():
            raise ValueError("The image holds NaN or infinite values; replace them first.")
        if image.min() < -1e-3 or image.max() > 1 + 1e-3:
            raise ValueError(
                f"The float image spans {image.min():.4g} to {image.max():.4g}; scale it to [0, 1] or pass uint8."
            )
        image = image.clip(0, 1)
    else:
        raise ValueError(f"The image has dtype {image.dtype}; pass unsigned integers or floats in [0, 1].")
    image = np.broadcast_to(image.astype(np.float32), (*image.shape[:2], 3))
    return rgb2lab(image)


def smooth(lab: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing over the two image axes, cut at three sigma."""
    for axis in (0, 1):
        lab = gaussian_filter1d(lab, sigma, axis=axis, truncate=3)
    return lab


def fine_partition(lab: np.ndarray, sigma: float = 0.7) -> np.ndarray:
    """Watershed of the Lab gradient: (H, W) int32 labels 0..n-1, every region 4-connected."""
    padded = np.pad(smooth(lab, sigma), ((1, 1), (1, 1), (0, 0)), mode="edge")
    down = padded[2:, 1:-1] - padded[:-2, 1:-1]
    right = padded[1:-1, 2:] - padded[1:-1, :-2]
    gradient = np.sqrt((down**2 + right**2).sum(2))
    if gradient.max() == gradient.min():  # no minimum to flood from
        return np.zeros(gradient.shape, np.int32)
    return watershed(gradient, connectivity=1).astype(np.int32) - 1
