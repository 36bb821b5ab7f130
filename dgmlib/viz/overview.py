"""The picture that says what the model does, for the head of a page."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from skimage.util import img_as_float

from dgmlib.viz.classes import class_colours, handles, paint
from dgmlib.viz.grouping import following_colours, tinted
from dgmlib.viz.style import DPI, NotebookFigure

#: A row: (title, (H, W, 3) image); title -> (H, W) groups, finest first; title -> ((h, w) class ids, names by id).
Row = tuple[tuple[str, ArrayLike], Mapping[str, ArrayLike], Mapping[str, tuple[ArrayLike, Sequence[str]]]]


def overview(rows: Sequence[Row], width: float = 15.0) -> Figure:
    """Rows of an image, its groups in colours that follow them from level to level, and what was predicted in it.

    Args:
        rows: see `Row`; all with as many pictures. Below a prediction stand the four classes that cover most.
        width: of the figure, in inches.
    """
    columns = 1 + len(rows[0][1]) + len(rows[0][2])
    shapes = [np.shape(image) for (_, image), _, _ in rows]
    heights = [
        width / columns * shape[0] / shape[1] + (0.8 if maps else 0.3)
        for shape, (_, _, maps) in zip(shapes, rows, strict=True)
    ]
    figure = NotebookFigure(figsize=(width, sum(heights)), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for axes, ((title, image), levels, maps) in zip(grid, rows, strict=True):
        image, groups = img_as_float(np.asarray(image)), [np.asarray(own) for own in levels.values()]
        for axis, name in zip(axes, [title, *levels, *maps], strict=True):
            axis.set_title(name, fontsize=11).axes.set_axis_off()
        axes[0].imshow(image)
        for axis, own, colours in zip(axes[1:], groups, following_colours(groups), strict=False):
            axis.imshow(tinted(image, own, colours))
        for axis, (ids, names) in zip(axes[1 + len(groups) :], maps.values(), strict=True):
            ids = np.asarray(ids)
            present, pixels = np.unique(ids, return_counts=True)
            colours = class_colours(present, names)
            paint(axis, ids, colours, image.shape)
            most = [int(i) for i in present[np.argsort(-pixels, kind="stable")]][:4]
            style = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "frameon": False, "fontsize": 9, "ncols": 2}
            axis.legend(handles=handles({i: colours[i] for i in most}, names), columnspacing=1, handlelength=1, **style)
    return figure
