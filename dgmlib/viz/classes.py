"""Label maps whose ids are classes, with legends, and compared with the truth.

Maps may have any resolution; ``names`` are class names by id, of which "-" is no class, and grey.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from dgmlib.viz.groups import draw_groups
from dgmlib.viz.style import GREY, NONE, PALETTE, colours_of, floats, greyed, legend_under, outlined, panels

#: Names that are not classes, and their greys.
OTHERS = "others"
GREYS = {"-": NONE, "no part": "#b4b4b4", OTHERS: GREY}
WRONG = "#ff0090"  # in no palette


def segmentation(photo: ArrayLike, maps: Mapping[str, ArrayLike], names: Sequence[str]) -> Figure:
    """Draw label maps of one task beside the photograph, with one legend of the classes that occur."""
    figure, axes = panels(["image", *maps], np.shape(photo))
    colours = _draw_beside(axes, photo, maps.values(), names)
    style = {"loc": "outside right center", "frameon": False, "fontsize": 9, "handlelength": 1.2}
    figure.legend(handles=_handles(colours, names), ncols=-(-len(colours) // 10), columnspacing=1, **style)
    return figure


def parsing(
    photo: ArrayLike,
    maps: Mapping[str, tuple[ArrayLike, Sequence[str]]],
    groups: Mapping[str, ArrayLike] | None = None,
    title: str = "image",
) -> Figure:
    """Draw one label map per task beside the photograph, see `draw_classes`, each with its own legend below.

    ``maps`` are title -> (ids, names). ``groups`` of several levels, finest first, are drawn beside the photograph as
    in `dgmlib.viz.hierarchy`, with the label maps below.
    """
    groups = groups or {}
    columns = 1 + len(groups) if groups and len(maps) > 1 else 3 if groups else 4
    figure, axes = panels([title, *groups, *maps], np.shape(photo), columns=columns, width=2.7)
    draw_groups(axes, photo, groups)
    below = axes[1 + len(groups) :]
    for axis, (ids, names) in zip(below, maps.values(), strict=True):
        legend_under(axis, draw_classes(axis, ids, names, np.shape(photo)), fontsize=8)
    lines = max((-(-len(axis.get_legend().get_texts()) // 2) for axis in below), default=0)
    rows = len({axis.get_subplotspec().rowspan.start for axis in below})
    figure.set_figheight(figure.get_figheight() + rows * (0.1 + 0.17 * lines))  # inches, for the legends
    return figure


def comparison(
    photo: ArrayLike,
    truth: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    names: Sequence[str],
    title: str = "",
    colours: Mapping[int, str] | None = None,
) -> Figure:
    """Fig. 4: image, truth and predictions side by side; below every prediction, its difference from the truth.

    Titles below give the share of labelled pixels that are right, without those labelled "no part". Unlabelled pixels,
    which have the id 0, are pale in both rows. The legend names the classes that occur. All maps are (H, W).
    ``colours`` are those of `class_colours`, for several figures in which a class should look the same.
    """
    truth, maps = np.asarray(truth), [np.asarray(ids) for ids in predictions.values()]
    named = ~np.isin(truth, [i for i, name in enumerate(names) if name in GREYS])
    right = [f"{(ids == truth)[named].mean():.0%} right" if named.any() else "nothing labelled" for ids in maps]
    titles = ["image", "truth", *predictions, "", "", *right]
    figure, axes = panels(titles, truth.shape, columns=2 + len(maps), width=1.55)
    above, (corner, _, *below) = axes[: 2 + len(maps)], axes[2 + len(maps) :]
    colours = _draw_beside(above, photo, (truth, *maps), names, colours)
    for axis in above[2:]:  # unlabelled: cannot be judged
        veil = np.where((truth == 0)[..., None], (1, 1, 1, 0.65), (1, 1, 1, 0))
        axis.imshow(veil, extent=axis.images[0].get_extent(), interpolation="nearest")
    grey = greyed(photo, 0.45, 0.95)
    for axis, ids in zip(below, maps, strict=True):
        labelled, wrong = (truth > 0)[..., None], (ids != truth)[..., None]
        axis.imshow(np.where(labelled, np.where(wrong, to_rgb(WRONG), grey), 0.8 + 0.2 * grey))
    shown = [*_handles(colours, names), Patch(color=WRONG, label="differs from the truth")]
    style = {"loc": "upper left", "bbox_to_anchor": (0, 1), "borderaxespad": 0, "frameon": False, "fontsize": 8}
    legend = corner.legend(handles=shown, ncols=-(-len(shown) // 8), handlelength=1.2, **style)
    legend.set_in_layout(False)  # it may reach into the empty cell beside it
    figure.suptitle(title, fontsize=11)
    return figure


def draw_classes(
    axis: Axes, ids: ArrayLike, names: Sequence[str], shape: Sequence[int], count: int = len(PALETTE)
) -> list[Patch]:
    """Draw a map's ``count`` largest classes, by default as many as `PALETTE` has colours, and the rest as `OTHERS`.

    The map covers the extent of the photograph. Returns the entries of its legend, the largest class first, greys last.
    """
    ids, order = np.asarray(ids), _by_area(ids, names)
    classes = [i for i in order if names[i] not in GREYS]
    if len(classes) > count:
        ids = np.where(np.isin(ids, classes[count:]), len(names), ids)
        order = [*classes[:count], len(names), *order[len(classes) :]]
        names = [*names, OTHERS]
    colours = class_colours(order, names)
    _paint(axis, ids, colours, shape)
    return _handles(colours, names)


def class_colours(ids: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Colours for the class ids that occur, see `dgmlib.viz.style.colours_of`; greys for names that are not classes."""
    colours = colours_of(int(i) for i in ids if names[i] not in GREYS)
    return {int(i): colours.get(int(i)) or GREYS[names[i]] for i in ids}


def _draw_beside(
    axes: Sequence[Axes],
    photo: ArrayLike,
    maps: Iterable[ArrayLike],
    names: Sequence[str],
    colours: Mapping[int, str] | None = None,
) -> dict[int, str]:
    """Draw a photograph and label maps of one task; return the colours of the classes that occur in any of them."""
    maps = [np.asarray(ids) for ids in maps]
    present = _by_area(np.concatenate([ids.ravel() for ids in maps]), names)
    colours = {i: (colours or class_colours(present, names))[i] for i in present}
    axes[0].imshow(floats(photo))
    for axis, ids in zip(axes[1:], maps, strict=True):
        _paint(axis, ids, colours, np.shape(photo))
    return colours


def _by_area(ids: ArrayLike, names: Sequence[str]) -> list[int]:
    """Ids that occur: the largest class first, greys last."""
    present, pixels = np.unique(ids, return_counts=True)
    present = present[np.argsort(-pixels, kind="stable")].tolist()
    return sorted(present, key=lambda i: names[i] in GREYS)


def _paint(axis: Axes, ids: np.ndarray, colours: Mapping[int, str], shape: Sequence[int]) -> None:
    """Draw a map of class ids over the extent of the photograph, with outlines, because some colours are similar."""
    present, index = np.unique(ids, return_inverse=True)
    index = index.reshape(ids.shape)  # NumPy 1 returns it flat
    picture = outlined(np.array([to_rgb(colours[i]) for i in present.tolist()])[index], index, 0.6, width=480)
    axis.imshow(picture, extent=(0, shape[1], shape[0], 0), interpolation="nearest")


def _handles(colours: Mapping[int, str], names: Sequence[str]) -> list[Patch]:
    """Legend entries of the classes that occur."""
    return [Patch(color=c, label="none" if names[i] == "-" else names[i]) for i, c in colours.items()]
