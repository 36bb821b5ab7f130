"""Nodes and superpixels: their features, and weights on them: affinities, Grad-CAM, masks selected by clicks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.transform import resize

from dgmlib.viz.style import PALETTE, enlarged, floats, greyed, outlined, panels, plots

if TYPE_CHECKING:
    from dgmlib.explain import Click

WEIGHTS = colormaps["inferno"]
COLOURS = colormaps["RdYlBu_r"].resampled(12)  # steps: superpixels in the same step have no outline between them


def centres(nodes: ArrayLike, steps: Mapping[str, ArrayLike], colours: ArrayLike) -> Figure:
    """EMGP's mean shift: centres Vbar = P^T V among the nodes V (N, D), in the plane of their two principal components.

    ``steps`` are title -> P after some iterations, (N, M) with columns that sum to one; ``colours`` (N, 3) are the
    nodes' RGB in [0, 1], for example their `region_colours`.
    """
    nodes = np.asarray(nodes)
    plane = principal_components(nodes, 2)
    figure, (axes,) = plots(len(steps), width=3.0, height=3.1, sharex=True, sharey=True)
    trail = []
    for axis, (title, affinity) in zip(axes, steps.items(), strict=True):
        trail.append(np.asarray(affinity).T @ plane)  # (M, 2)
        axis.scatter(*plane.T, c=np.clip(colours, 0, 1), s=16, linewidths=0.3, edgecolors="#00000055")
        if len(trail) > 1:
            axis.plot(*np.stack(trail).transpose(2, 0, 1), color=PALETTE[0], linewidth=0.8, alpha=0.45)
        axis.scatter(*trail[-1].T, s=34, facecolors="none", edgecolors=PALETTE[0], linewidths=1.2, zorder=3)
        axis.set(title=title, xticks=[], yticks=[], xlabel="first principal component")
    axes[0].set_ylabel("second principal component")
    return figure


def false_colours(photo: ArrayLike, labels: ArrayLike, nodes: Mapping[str, ArrayLike]) -> Figure:
    """Draw features of superpixels (N, D) as colours: three principal components of all panels as RGB."""
    labels = np.asarray(labels)
    colours = component_colours(np.concatenate([np.asarray(v) for v in nodes.values()]))
    figure, axes = panels(["image", *nodes], labels.shape)
    axes[0].imshow(floats(photo))
    for axis, own in zip(axes[1:], np.split(colours, len(nodes)), strict=True):
        axis.imshow(outlined(own[labels], labels, strength=0.35))
    return figure


def affinities(
    photo: ArrayLike, labels: ArrayLike, weights: Mapping[str, ArrayLike], mark: int | None = None
) -> Figure:
    """Draw non-negative weights of the superpixels, (N,), every panel scaled to its own largest weight.

    Superpixel ``mark`` is outlined.
    """
    figure, axes = panels(weights, np.shape(photo))
    for axis, values in zip(axes, map(np.asarray, weights.values()), strict=True):
        axis.imshow(weighted(*enlarged(floats(photo), np.asarray(labels)), values, mark))
        axis.set_title(f"{axis.get_title()}, largest {values.max():.2g}", fontsize=10)
    _colour_bar(figure, axes, WEIGHTS)
    return figure


def weighted(photo: ArrayLike, labels: ArrayLike, values: ArrayLike, mark: int | None = None) -> np.ndarray:
    """One picture of `affinities`, (H, W, 3) floats in [0, 1]."""
    share = _share(values, np.asarray(labels))
    cover = 0.9 * np.sqrt(share)[..., None]
    picture = (1 - cover) * greyed(photo, 0.25, 0.85) + cover * WEIGHTS(share)[..., :3]
    inside = np.asarray(labels) == mark
    for width, colour in ((5, "black"), (3, "#00e5ff")):  # visible on dark, on light and on any weight
        picture[ndimage.binary_dilation(inside, iterations=width) & ~inside] = to_rgb(colour)
    return picture


def heat_maps(photo: ArrayLike, labels: ArrayLike, maps: Mapping[str, ArrayLike]) -> Figure:
    """Fig. 7: Grad-CAM over a photograph, from blue (nothing) to red (the panel's largest value).

    The first panel is the plain photograph. Titles give a panel's largest value relative to that of the strongest
    panel, or say that it is zero everywhere.
    ``maps`` hold non-negative values: (N,) of the superpixels or (H, W) of the pixels, drawn sharply and outlined where
    the colour changes, or (h, w) of a feature map's cells, drawn smoothly.
    """
    largest = {title: float(np.max(np.asarray(values))) for title, values in maps.items()}
    strongest = max(largest.values()) or 1
    figure, axes = panels(["image", *maps], np.shape(photo), columns=5, width=min(12 / (len(maps) + 1), 3))
    axes[0].imshow(floats(photo))
    for axis, (title, values) in zip(axes[1:], maps.items(), strict=True):
        heat(axis, photo, labels, values)
        share = largest[title] / strongest
        times = "under 0.1%" if share < 0.001 else f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"
        said = ": zero everywhere" if share == 0 else f", {times} as strong" if share < 1 else ", the strongest"
        axis.set_title(title + (said if len(maps) > 1 or share == 0 else ""), fontsize=10)
    _colour_bar(figure, axes, COLOURS)
    return figure


def heat(axis: Axes, photo: ArrayLike, labels: ArrayLike, values: ArrayLike) -> None:
    """Draw one map, see `heat_maps`."""
    grey, share = greyed(photo, 0, 0.4), _share(values, np.asarray(labels))
    if share.shape == grey.shape[:2]:
        steps = np.minimum((share * COLOURS.N).astype(int), COLOURS.N - 1)
        axis.imshow(outlined(grey + 0.6 * COLOURS(share)[..., :3], steps, strength=0.5, width=480))
    else:
        share = resize(share, grey.shape[:2], order=1, mode="edge")
        axis.imshow(grey + 0.6 * COLOURS(share)[..., :3])


def click_masks(
    photo: ArrayLike,
    clicks: Sequence["Click"],
    masks: Mapping[str, ArrayLike],
    drawn: Sequence[Sequence["Click"]] | None = None,
) -> Figure:
    """Draw clicks on the photograph, then masks on its grey version: the bluer, the more selected.

    A positive click is a blue circle with a plus, a negative one an orange square with a minus. ``masks`` are (H, W)
    bool or weights in [0, 1], outlined where they reach one half. ``drawn`` are the clicks to draw on every mask, by
    default all of them on each.
    """
    figure, axes = panels(["clicks", *masks], np.shape(photo))
    axes[0].imshow(floats(photo))
    for axis, mask in zip(axes[1:], masks.values(), strict=True):
        draw_mask(axis, photo, mask)
    for axis, shown in zip(axes, [clicks, *(drawn or [clicks] * len(masks))], strict=True):
        draw_clicks(axis, shown)
    return figure


def draw_mask(axis: Axes, photo: ArrayLike, mask: ArrayLike) -> None:
    """Draw a mask, or weights, over the grey photograph."""
    mask = np.asarray(mask, dtype=float)
    cover = 0.75 * mask[..., None]
    axis.imshow((1 - cover) * greyed(photo, 0.25, 0.85) + cover * np.array(to_rgb(PALETTE[0])))
    if mask.min() < 0.5 <= mask.max():
        axis.contour((mask >= 0.5).astype(float), levels=[0.5], colors=PALETTE[6], linewidths=1.2)


def draw_clicks(axis: Axes, clicks: Sequence["Click"]) -> None:
    """Draw clicks, distinguished by shape, sign and colour."""
    for positive, shape, sign, colour in ((True, "o", "+", PALETTE[0]), (False, "s", "_", PALETTE[5])):
        places = [(click.x, click.y) for click in clicks if click.positive == positive]
        if places:
            axis.scatter(*zip(*places, strict=True), s=70, marker=shape, c=colour, edgecolors="white", zorder=3)
            axis.scatter(*zip(*places, strict=True), s=30, marker=sign, c="white", linewidths=1.5, zorder=4)


def principal_components(features: np.ndarray, count: int) -> np.ndarray:
    """Project (N, D) to (N, count); each component's largest entry is positive, which fixes its sign."""
    centred = features - features.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = np.pad(directions, ((0, max(count - len(directions), 0)), (0, 0)))[:count]
    largest = directions[np.arange(count), np.abs(directions).argmax(1)]
    return centred @ (directions * np.where(largest < 0, -1, 1)[:, None]).T


def component_colours(features: np.ndarray) -> np.ndarray:
    """Three principal components of features (N, D) as RGB in [0, 1], (N, 3)."""
    components = principal_components(features, 3)
    low, high = np.percentile(components, (2, 98), axis=0)
    return np.clip((components - low) / np.maximum(high - low, 1e-9), 0, 1)


def _share(values: ArrayLike, labels: np.ndarray) -> np.ndarray:
    """Divide values by the largest: of superpixels (N,) -> (H, W), 0 where the label is -1; others keep their shape."""
    values = np.asarray(values, dtype=float)
    share = values / (values.max() or 1)
    return np.append(share, 0)[labels] if share.ndim == 1 else share


def _colour_bar(figure: Figure, axes: Sequence[Axes], colours: Colormap) -> None:
    figure.colorbar(ScalarMappable(cmap=colours), ax=list(axes), shrink=0.7, pad=0.01, label="share of the largest")
