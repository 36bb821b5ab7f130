"""The hierarchy over a photograph, level by level."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.color import lab2rgb, label2rgb, rgb2gray, rgb2lab
from skimage.metrics import contingency_table
from skimage.segmentation import find_boundaries
from skimage.util import img_as_float

from dgmlib.viz.style import PALETTE, enlarged, outlined, panels

GOLDEN = np.pi * (3 - np.sqrt(5))  # steps of this angle never come back to the same hue


def grouping_levels(photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> Figure:
    """Label maps over a photograph: every group in the mean colour of its pixels, outlined.

    A region that no level merges keeps its colour from panel to panel; one that is merged takes the mixture's.

    Args:
        photo: (H, W, 3).
        levels: title -> (H, W) labels, e.g. ``grouping.label_map(level)[0]``; -1 shows the photograph, pale and grey.
    """
    photo = img_as_float(np.asarray(photo))
    pale = 0.65 + 0.3 * rgb2gray(photo)[..., None]
    figure, axes = panels(levels, photo.shape)
    for axis, labels in zip(axes, levels.values(), strict=True):
        labels = np.asarray(labels)
        means = label2rgb(labels, photo, kind="avg", bg_label=-1)
        axis.imshow(outlined(np.where(labels[..., None] < 0, pale, means), labels))
    return figure


def hierarchy(photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> Figure:
    """Fig. 5: the image, every level as coloured regions over it, and how much of the image each group takes.

    Colours follow a group from level to level, see `following_colours`. The last panel has a bar per level, finest on
    top: a group's width is its share of the image, and it stands above the group that it becomes.

    Args:
        photo: (H, W, 3).
        levels: title -> (H, W) labels, finest first; -1 is left as the photograph.
    """
    maps, shape = [np.asarray(labels) for labels in levels.values()], np.shape(photo)
    titles = ["image", *levels, f"levels 1-{len(maps)}: groups by area"]
    figure, axes = panels(titles, shape, columns=3, width=2.7)
    colours = draw_groups(axes, photo, levels)
    _icicle(axes[-1], maps, colours, _parents(maps))
    axes[-1].set_box_aspect(shape[0] / shape[1])  # titles at one height
    return figure


def draw_groups(axes: Sequence[Axes], photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> list[np.ndarray]:
    """Draw a photograph, and its groups beside it, see `hierarchy`; returns their `following_colours`."""
    photo, maps = img_as_float(np.asarray(photo)), [np.asarray(labels) for labels in levels.values()]
    axes[0].imshow(*enlarged(photo))
    colours = following_colours(maps) if maps else []
    for axis, labels, theirs in zip(axes[1:], maps, colours, strict=False):
        axis.imshow(tinted(photo, labels, theirs))
    return colours


def following_colours(levels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Colours that follow groups through the levels: a group has the colour of its largest part one level below.

    So a region that takes others in keeps its colour, and they take it on. The others of a group's parts have shades
    around its colour. The coarsest level that has two groups or more starts, with `PALETTE` while that lasts.

    Args:
        levels: (H, W) labels from 0, finest first; -1 is none. They need not be nested: a group becomes the one that
            takes most of its pixels.

    Returns:
        (largest label + 1, 3) RGB in [0, 1] for every level.
    """
    areas = [np.bincount(labels[labels >= 0]) for labels in levels]
    parents = _parents(levels)
    several = [level for level, area in enumerate(areas) if np.count_nonzero(area) > 1]
    start = several[-1] if several else 0
    lab = [np.zeros((len(area), 3)) for area in areas]
    lab[start] = _distinct(areas[start])
    spread = 34.0  # in CIE Lab's a and b: how far shades stand from the colour they belong to
    for level in reversed(range(start)):
        for parent in np.unique(parents[level][areas[level] > 0]):
            members = np.flatnonzero((parents[level] == parent) & (areas[level] > 0))
            members = members[np.argsort(-areas[level][members], kind="stable")]  # the largest keeps the colour
            lab[level][members] = lab[level + 1][parent] + _shades(len(members), spread)
        spread *= 0.7
    for level in range(start + 1, len(levels)):  # single groups above
        below, above = areas[level - 1].argmax(), areas[level] > 0
        lab[level][above] = lab[level - 1][below]
    return [_displayable(values) for values in lab]


def tinted(photo: np.ndarray, labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Colour the groups over an enlarged photograph, outlined in black, and in white where they are large.

    Args:
        photo: (H, W, 3) floats in [0, 1].
        labels: (H, W), -1 is none.
        colours: (largest label + 1, 3).
    """
    grey = rgb2gray(photo)[..., None]
    cover = np.where((labels >= 0)[..., None], 0.72, 0)
    shaded = np.clip(colours[labels] * (0.55 + 0.75 * grey), 0, 1)  # the photograph's light and shade stay visible
    picture = photo * (1 - cover) + shaded * cover
    picture, labels = enlarged(picture, labels)
    thick = find_boundaries(labels, mode="thick", background=-1)
    if len(np.unique(labels)) <= 40:  # few groups have room for a white line with black edges
        picture[ndimage.binary_dilation(thick)] *= 0.25
        picture[thick] = 1
    else:
        picture[find_boundaries(labels, mode="inner", background=-1)] *= 0.2
    return picture


def _parents(levels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """For every level but the last, label -> the label of the next level that takes most of its pixels."""
    parents = []
    for lower, upper in pairwise(levels):
        inside = (lower >= 0) & (upper >= 0)
        shared = contingency_table(lower[inside], upper[inside], sparse_type="array").toarray()
        parents.append(shared.argmax(1))
    return parents


def _distinct(areas: np.ndarray) -> np.ndarray:
    """Colours of the groups that the others are shades of, the largest first; (G, 3) CIE Lab."""
    order = np.argsort(-areas, kind="stable")
    count = np.count_nonzero(areas)
    lab = np.zeros((len(areas), 3))
    if count < len(PALETTE):  # all but black
        lab[order[:count]] = rgb2lab(np.array([to_rgb(c) for c in PALETTE[:count]]))
    else:
        steps = np.arange(count)
        light = np.array((62, 80, 46))[steps % 3]
        lab[order[:count]] = np.stack([light, 52 * np.cos(GOLDEN * steps), 52 * np.sin(GOLDEN * steps)], 1)
    return lab


def _shades(count: int, spread: float) -> np.ndarray:
    """Offsets in CIE Lab, the first of them none; (count, 3)."""
    steps = np.arange(count)
    radius = spread * np.sqrt(steps / max(count - 1, 1))
    light = np.where(steps > 0, np.array((13, -13, 22, -6))[steps % 4], 0)
    return np.stack([light, radius * np.cos(GOLDEN * steps), radius * np.sin(GOLDEN * steps)], 1)


def _displayable(lab: np.ndarray) -> np.ndarray:
    """(G, 3) CIE Lab -> RGB in [0, 1], moved into the colours that a screen has."""
    light, a, b = np.clip(lab, (15, -90, -90), (93, 90, 90)).T
    return np.clip(lab2rgb(np.stack([light, a, np.minimum(b, 1.6 * (light + 16))], 1)), 0, 1)  # Z stays positive


def _icicle(axis: Axes, levels: Sequence[np.ndarray], colours: Sequence, parents: Sequence) -> None:
    """Bars of the groups' areas, a row per level, every group above the one that it becomes."""
    order = None
    for level in reversed(range(len(levels))):
        area = np.bincount(levels[level][levels[level] >= 0])
        real = np.flatnonzero(area)
        if order is None:
            order = real[np.argsort(-area[real], kind="stable")]
        else:
            rank = np.empty(order.max() + 1)
            rank[order] = np.arange(len(order))
            order = real[np.lexsort((-area[real], rank[parents[level][real]]))]
        share = area[order] / area.sum()
        left = np.cumsum(share) - share
        edge = {"edgecolor": "white", "linewidth": 0.5 if len(order) <= 60 else 0}
        axis.barh(level + 1, share, 0.9, left, color=colours[level][order], **edge)
        axis.text(-0.02, level + 1, level + 1, ha="right", va="center")
    axis.set(xlim=(-0.1, 1), ylim=(len(levels) + 0.5, 0.5))
