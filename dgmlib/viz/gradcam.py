"""Heat maps over a photograph (Fig. 7 of the paper)."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from skimage.color import rgb2gray
from skimage.transform import resize
from skimage.util import img_as_float

from dgmlib.viz.style import outlined, panels

COLOURS = colormaps["RdYlBu_r"].resampled(12)  # steps: between two superpixels of one step there is no outline


def heat_maps(photo: ArrayLike, labels: ArrayLike, maps: Mapping[str, ArrayLike]) -> Figure:
    """Grad-CAM over a photograph, from blue (nothing) to red (the panel's largest value).

    Titles say how large a panel's largest value is beside that of the strongest panel, or that there is nothing.

    Args:
        photo: (H, W, 3).
        labels: (H, W) superpixels, -1 for none.
        maps: title -> values that are not negative: (N,) of the superpixels or (H, W) of the pixels, drawn sharply and
            outlined where the colour changes, or (h, w) of a feature map's cells, drawn smoothly.
    """
    arrays = [np.asarray(values, dtype=float) for values in maps.values()]
    strongest = max(values.max() for values in arrays)
    figure, axes = panels(maps, np.shape(photo))
    for axis, values in zip(axes, arrays, strict=True):
        heat(axis, photo, labels, values)
        strength = values.max() / (strongest or 1)
        times = "under 0.1%" if strength < 0.001 else f"{strength:.1%}" if strength < 0.0995 else f"{strength:.0%}"
        said = ": zero everywhere" if strength == 0 else f", {times} as strong" if strength < 1 else ", the strongest"
        axis.set_title(axis.get_title() + (said if len(maps) > 1 or strength == 0 else ""), fontsize=10)
    figure.colorbar(ScalarMappable(cmap=COLOURS), ax=list(axes), shrink=0.7, pad=0.01, label="share of the largest")
    return figure


def heat(axis: Axes, photo: ArrayLike, labels: ArrayLike, values: np.ndarray) -> None:
    """Draw one map, see `heat_maps`."""
    grey, labels = rgb2gray(img_as_float(np.asarray(photo)))[..., None], np.asarray(labels)
    share = values / (values.max() or 1)
    if share.ndim == 2 and share.shape != labels.shape:
        share = resize(share, labels.shape, order=1, mode="edge")
        axis.imshow(0.4 * grey + 0.6 * COLOURS(share)[..., :3])
        return
    if share.ndim == 1:
        share = np.append(share, 0)[labels]  # label -1 reads the appended zero
    steps = np.minimum((share * COLOURS.N).astype(int), COLOURS.N - 1)
    axis.imshow(outlined(0.4 * grey + 0.6 * COLOURS(share)[..., :3], steps, strength=0.5, width=480))
