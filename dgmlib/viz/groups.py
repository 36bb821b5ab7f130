"""Superpixels and groups over a photograph: their outlines, neighbours, levels and colours."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.color import lab2rgb, rgb2lab
from skimage.metrics import contingency_table
from skimage.segmentation import find_boundaries

from dgmlib.viz.style import PALETTE, NotebookFigure, enlarged, floats, greyed, outlined, panels, region_colours

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from dgmlib.predictor import Scene

GOLDEN = np.pi * (3 - np.sqrt(5))  # steps of this angle never return to the same hue


def partitions(pictures: Mapping[str, tuple[ArrayLike, ArrayLike | None]]) -> Figure:
    """Draw regions of photographs in the mean colours of their pixels, outlined, large and two in a row.

    ``pictures`` are title -> (photo, labels), or (photo, None) for the plain photograph, all of about one shape.
    """
    first, _ = next(iter(pictures.values()))
    figure, axes = panels(pictures, np.shape(first), columns=2, width=3.1)
    for axis, (photo, labels) in zip(axes, pictures.values(), strict=True):
        axis.imshow(floats(photo) if labels is None else mosaic(photo, labels))
    return figure


def mosaic(photo: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """One picture of `partitions`, enlarged: (h, w, 3) floats in [0, 1]."""
    labels = np.asarray(labels)
    return outlined(region_colours(photo, labels)[labels], labels, strength=0.65, width=480)


def contours(levels: Sequence[ArrayLike]) -> Figure:
    """Draw nested label maps (H, W) as one contour map: the darker a boundary, the more maps contain it."""
    shown = np.stack([find_boundaries(*enlarged(np.asarray(labels))) for labels in levels])
    figure, (axis,) = panels(["the darker, the longer a boundary lasts"], np.shape(levels[0]), width=4.2)
    axis.imshow(1 - shown.mean(0), cmap="gray", vmin=0, vmax=1)
    return figure


def adjacency_graph(graph: "Data") -> Figure:
    """Draw the regions of a photograph, see `dgmlib.superpixels.to_pyg`, with lines between adjacent ones."""
    picture = graph.x[graph.pixel_index].view(graph.height, graph.width, 3).numpy()
    places = graph.pos.numpy()
    figure, (axis,) = panels([f"{len(places)} regions and their adjacency graph"], picture.shape, width=4.2)
    axis.imshow(0.25 + 0.75 * picture)
    source, target = graph.edge_index.numpy()
    once = source < target  # edges are stored in both directions
    ends = places[np.stack([source[once], target[once]], axis=1)]  # (E / 2, 2, 2)
    axis.add_collection(LineCollection(ends, colors="black", linewidths=0.8, alpha=0.8))
    axis.scatter(*places.T, s=14, color=PALETTE[1], edgecolors="black", linewidths=0.8, zorder=2)
    return figure


def grouping_levels(photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> Figure:
    """Draw label maps of a photograph: every group in the mean colour of its pixels, outlined.

    A region that no level merges keeps its colour from panel to panel; merged regions take their common mean.
    Unlabelled pixels are pale and grey. ``levels`` are, for example, title -> ``grouping.label_map(level)[0]``.
    """
    pale = greyed(photo, 0.65, 0.95)
    figure, axes = panels(levels, pale.shape)
    for axis, labels in zip(axes, map(np.asarray, levels.values()), strict=True):
        axis.imshow(outlined(np.where(labels[..., None] < 0, pale, region_colours(photo, labels)[labels]), labels))
    return figure


def hierarchy(photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> Figure:
    """Fig. 5: the image, and every level as regions over it, in colours that follow a group, see `following_colours`.

    ``levels`` are title -> labels, finest first; where there is no label, the photograph is unchanged.
    """
    figure, axes = panels(["image", *levels], np.shape(photo), columns=3, width=2.7)
    draw_groups(axes, photo, levels)
    return figure


def levels_in_rows(scenes: Sequence["Scene"]) -> Figure:
    """Fig. 5 in the paper's layout: one photograph per row, with its groups of all levels, as in `hierarchy`."""
    width, ratios = 1.85, [scene.regions.shape[0] / scene.regions.shape[1] for scene in scenes]
    figure = NotebookFigure(width * (1 + scenes[0].levels), sum(width * ratio + 0.35 for ratio in ratios))
    axes = figure.subplots(len(scenes), 1 + scenes[0].levels, squeeze=False, height_ratios=ratios)
    for row, scene in zip(axes, scenes, strict=True):
        levels = {level: scene.groups(level) for level in range(1, scene.levels + 1)}
        titles = ["image", *(f"level {level}: {len(np.unique(ids))} groups" for level, ids in levels.items())]
        for axis, title in zip(row, titles, strict=True):
            axis.set_title(title, fontsize=9).axes.set_axis_off()
        draw_groups(row, scene.photograph, levels)
    return figure


def draw_groups(axes: Sequence[Axes], photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> None:
    """Draw a photograph and, in further panels, its groups, see `hierarchy`."""
    photo, maps = floats(photo), [np.asarray(labels) for labels in levels.values()]
    axes[0].imshow(*enlarged(photo))
    colours = following_colours(maps) if maps else []
    for axis, labels, theirs in zip(axes[1:], maps, colours, strict=False):
        axis.imshow(tinted(photo, labels, theirs))


def following_colours(levels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Colours that follow groups through the levels: a group has the colour of its largest part one level below.

    A region that absorbs others therefore keeps its colour, and they adopt it. The other parts of a group have shades
    of its colour. Colours are assigned from the coarsest level with two or more groups, by `PALETTE` if it has enough.

    Args:
        levels: (H, W) labels from 0, finest first; -1 is none. They need not be nested: a group's parent is the one
            that covers most of its pixels.

    Returns:
        (largest label + 1, 3) RGB in [0, 1] for every level.
    """
    areas = [np.bincount(labels[labels >= 0]) for labels in levels]
    parents = parents_of(levels)
    start = max((level for level, area in enumerate(areas) if np.count_nonzero(area) > 1), default=0)
    lab = [np.zeros((len(area), 3)) for area in areas]
    lab[start] = _distinct(areas[start])
    spread = 34.0  # in CIE Lab's a and b: distance of shades from their base colour
    for level in reversed(range(start)):
        for parent in np.unique(parents[level][areas[level] > 0]):
            members = np.flatnonzero((parents[level] == parent) & (areas[level] > 0))
            members = members[np.argsort(-areas[level][members], kind="stable")]  # the largest keeps the colour
            lab[level][members] = lab[level + 1][parent] + _shades(len(members), spread)
        spread *= 0.7
    for level in range(start + 1, len(levels)):  # levels above, with a single group
        below, above = areas[level - 1].argmax(), areas[level] > 0
        lab[level][above] = lab[level - 1][below]
    return [_displayable(values) for values in lab]


def tinted(photo: ArrayLike, labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Tint groups with ``colours`` (largest label + 1, 3) over an enlarged photograph and outline them, (h, w, 3)."""
    photo = floats(photo)
    cover = np.where((labels >= 0)[..., None], 0.72, 0)
    shaded = np.clip(colours[labels] * greyed(photo, 0.55, 1.3), 0, 1)  # light and shade stay visible
    picture = photo * (1 - cover) + shaded * cover
    picture, labels = enlarged(picture, labels)
    thick = find_boundaries(labels, mode="thick", background=-1)
    if len(np.unique(labels)) <= 40:  # few groups have room for a white line with black edges
        picture[ndimage.binary_dilation(thick)] *= 0.25
        picture[thick] = 1
    else:
        picture[find_boundaries(labels, mode="inner", background=-1)] *= 0.2
    return picture


def parents_of(levels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """For every level but the last, map labels to the label of the next level that covers most of their pixels."""
    shared = (contingency_table(lower + 1, upper + 1, sparse_type="array") for lower, upper in pairwise(levels))
    return [pixels.toarray()[1:, 1:].argmax(1) for pixels in shared]  # without label -1


def _distinct(areas: np.ndarray) -> np.ndarray:
    """Base colours of groups, the largest first; all other groups have shades of these; (G, 3) CIE Lab."""
    steps = np.arange(np.count_nonzero(areas))
    if len(steps) <= len(PALETTE):
        colours = rgb2lab(np.array([to_rgb(c) for c in PALETTE[: len(steps)]]))
    else:
        light = np.array((62, 80, 46))[steps % 3]
        colours = np.stack([light, 52 * np.cos(GOLDEN * steps), 52 * np.sin(GOLDEN * steps)], 1)
    lab = np.zeros((len(areas), 3))
    lab[np.argsort(-areas, kind="stable")[: len(steps)]] = colours
    return lab


def _shades(count: int, spread: float) -> np.ndarray:
    """Offsets in CIE Lab, the first of them zero; (count, 3)."""
    steps = np.arange(count)
    radius = spread * np.sqrt(steps / max(count - 1, 1))
    light = np.where(steps > 0, np.array((13, -13, 22, -6))[steps % 4], 0)
    return np.stack([light, radius * np.cos(GOLDEN * steps), radius * np.sin(GOLDEN * steps)], 1)


def _displayable(lab: np.ndarray) -> np.ndarray:
    """Convert (G, 3) CIE Lab to RGB in [0, 1], moved into the displayable gamut."""
    light, a, b = np.clip(lab, (15, -90, -90), (93, 90, 90)).T
    return np.clip(lab2rgb(np.stack([light, a, np.minimum(b, 1.6 * (light + 16))], 1)), 0, 1)  # Z stays positive
