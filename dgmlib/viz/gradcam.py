"""Heat maps over a photograph (Fig. 7 of the paper)."""

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from skimage.color import rgb2gray
from skimage.transform import resize
from skimage.util import img_as_float

from dgmlib.viz.style import outlined, panels


def heat_maps(photo: ArrayLike, labels: ArrayLike, maps: Mapping[str, ArrayLike]) -> Figure:
    """Grad-CAM over a photograph, from blue (nothing) to red (the panel's largest value).

    Args:
        photo: (H, W, 3).
        labels: (H, W) superpixels, -1 for none.
        maps: title -> values that are not negative: (N,) of the superpixels, drawn with their sharp outlines, or
            (h, w) of a feature map's cells, drawn smoothly. The title of a map that is zero everywhere says so.
    """
    photo, labels = img_as_float(np.asarray(photo)), np.asarray(labels)
    grey = rgb2gray(photo)[..., None]
    colours = colormaps["RdYlBu_r"].resampled(12)  # steps survive the palette of a small PNG
    figure, axes = panels(maps, photo.shape)
    for axis, values in zip(axes, maps.values(), strict=True):
        values = np.asarray(values, dtype=float)
        largest = values.max()
        share = values / (largest or 1)
        sharp = share.ndim == 1
        # Label -1 reads the appended zero.
        share = np.append(share, 0)[labels] if sharp else resize(share, labels.shape, order=1, mode="edge")
        picture = 0.4 * grey + 0.6 * colours(share)[..., :3]
        picture = outlined(picture, labels, strength=0.5) if sharp else picture
        # Drawn without smoothing, outlines stay crisp; those of a large photograph would break into dots.
        axis.imshow(picture, interpolation="nearest" if sharp and labels.shape[1] <= 256 else None)
        axis.set_title(axis.get_title() + (f", largest {largest:.2g}" if largest else ": zero everywhere"))
    figure.colorbar(ScalarMappable(cmap=colours), ax=list(axes), shrink=0.7, pad=0.01, label="share of the largest")
    return figure
