"""Label maps whose ids are classes, with legends."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from dgmlib.viz.style import NONE, PALETTE, panels

#: Names that are no classes, and their greys.
GREYS = {"-": NONE, "no part": "#b4b4b4"}


def segmentation(photo: ArrayLike, maps: Mapping[str, ArrayLike], names: Sequence[str]) -> Figure:
    """Label maps of one task beside the photograph, with one legend of the classes that occur.

    Args:
        photo: (H, W, 3).
        maps: title -> (h, w) class ids, of any resolution.
        names: class names by id; "-" is none, and grey.
    """
    photo = np.asarray(photo)
    figure, axes = panels({"image": photo, **maps}, photo.shape)
    axes[0].imshow(photo)
    colours = class_colours(np.unique(np.concatenate([np.unique(ids) for ids in maps.values()])), names)
    for axis, ids in zip(axes[1:], maps.values(), strict=True):
        paint(axis, np.asarray(ids), colours, photo.shape)
    style = {"loc": "outside right center", "frameon": False, "fontsize": 9, "handlelength": 1.2}
    figure.legend(handles=handles(colours, names), ncols=-(-len(colours) // 10), columnspacing=1, **style)
    return figure


def parsing(photo: ArrayLike, maps: Mapping[str, tuple[ArrayLike, Sequence[str]]]) -> Figure:
    """One label map per task beside the photograph, each with the legend of its own classes below.

    Args:
        photo: (H, W, 3).
        maps: title -> ((h, w) class ids, class names by id); "-" is none, and grey.
    """
    photo = np.asarray(photo)
    figure, axes = panels({"image": photo, **maps}, photo.shape, below=1.3)
    axes[0].imshow(photo)
    for axis, (ids, names) in zip(axes[1:], maps.values(), strict=True):
        colours = class_colours(np.unique(ids), names)
        paint(axis, np.asarray(ids), colours, photo.shape)
        style = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.02), "frameon": False, "fontsize": 8, "ncols": 2}
        axis.legend(handles=handles(colours, names), columnspacing=1, handlelength=1.2, **style)
    return figure


def class_colours(ids: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Colours for the class ids that occur: Okabe-Ito while they last, then matplotlib's twenty, then a rainbow."""
    real = [int(i) for i in ids if names[i] not in GREYS]
    palette = PALETTE
    if len(real) > len(PALETTE):
        palette = [to_hex(c) for c in colormaps["tab20" if len(real) <= 20 else "turbo"].resampled(len(real)).colors]
    colours = dict(zip(real, palette, strict=False))
    return {int(i): colours.get(int(i)) or GREYS[names[i]] for i in ids}


def paint(axis: Axes, ids: np.ndarray, colours: Mapping[int, str], shape: Sequence[int]) -> None:
    """Draw a map of class ids over the extent of the photograph."""
    present, inverse = np.unique(ids, return_inverse=True)
    picture = np.array([to_rgb(colours[i]) for i in present.tolist()])[inverse.reshape(ids.shape)]
    axis.imshow(picture, extent=(0, shape[1], shape[0], 0), interpolation="nearest")


def handles(colours: Mapping[int, str], names: Sequence[str]) -> list[Patch]:
    """Legend entries of the classes that occur."""
    return [Patch(color=c, label="none" if names[i] == "-" else names[i]) for i, c in colours.items()]
