"""Fig. 4: the predictions of several models beside the truth, and where they differ from it."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from skimage.color import rgb2gray
from skimage.util import img_as_float

from dgmlib.viz.classes import GREYS, class_colours, handles, paint
from dgmlib.viz.style import panels

WRONG = "#ff0090"  # in no palette


def comparison(
    photo: ArrayLike, truth: ArrayLike, predictions: Mapping[str, ArrayLike], names: Sequence[str], title: str = ""
) -> Figure:
    """Image, truth and predictions side by side; below every prediction its difference to the truth.

    Titles below say how many of the labelled pixels are right, those labelled "no part" aside; unlabelled ones are
    pale. The legend names the classes that occur.

    Args:
        photo: (H, W, 3).
        truth: (H, W) class ids, 0 where nothing is labelled.
        predictions: title -> (H, W) class ids.
        names: class names by id; "-" is none, and grey.
        title: of the figure.
    """
    photo, truth = img_as_float(np.asarray(photo)), np.asarray(truth)
    maps = [np.asarray(ids) for ids in predictions.values()]
    named = ~np.isin(truth, [i for i, name in enumerate(names) if name in GREYS])
    right = [f"{(ids == truth)[named].mean():.0%} right" for ids in maps]
    figure, axes = panels(
        ["image", "truth", *predictions, "", "", *right], photo.shape, columns=2 + len(maps), width=2.1
    )
    colours = class_colours(np.unique(np.concatenate([ids.ravel() for ids in (truth, *maps)])), names)
    axes[0].imshow(photo)
    for axis, ids in zip(axes[1:], (truth, *maps), strict=False):
        paint(axis, ids, colours, photo.shape)
    grey = 0.45 + 0.5 * rgb2gray(photo)[..., None]
    for axis, ids in zip(axes[4 + len(maps) :], maps, strict=True):
        labelled, wrong = (truth > 0)[..., None], (ids != truth)[..., None]
        axis.imshow(np.where(labelled, np.where(wrong, to_rgb(WRONG), grey), 0.8 + 0.2 * grey))
    shown = [*handles(colours, names), Patch(color=WRONG, label="differs from the truth")]
    style = {"loc": "upper left", "bbox_to_anchor": (0, 1), "borderaxespad": 0, "frameon": False, "fontsize": 8}
    legend = axes[2 + len(maps)].legend(handles=shown, ncols=-(-len(shown) // 8), handlelength=1.2, **style)
    legend.set_in_layout(False)  # it may reach into the empty cell beside it
    figure.suptitle(title, fontsize=11)
    return figure
