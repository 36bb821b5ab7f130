"""Features of nodes: EMGP's centres among them, and as colours over a photograph."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy import ndimage

from dgmlib.viz.style import PALETTE, floats, outlined, panels, plots


def centres(nodes: ArrayLike, steps: Mapping[str, ArrayLike], colours: ArrayLike) -> Figure:
    """EMGP's mean shift: centres Vbar = P^T V among the nodes, in the plane of the nodes' two principal components.

    Args:
        nodes: V, (N, D).
        steps: title -> P after that many iterations, (N, M), columns summing to one.
        colours: (N, 3) RGB in [0, 1] of the nodes, e.g. `region_colours`.
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
        axis.set(title=title, xticks=[], yticks=[], xlabel="first component")
    axes[0].set_ylabel("second component")
    return figure


def region_colours(photo: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Mean colour of every region, (N, 3) RGB in [0, 1]."""
    photo, labels = floats(photo), np.asarray(labels)
    index = np.arange(labels.max() + 1)
    return np.stack([ndimage.mean(photo[..., channel], labels, index) for channel in range(3)], axis=1)


def false_colours(photo: ArrayLike, labels: ArrayLike, nodes: Mapping[str, ArrayLike]) -> Figure:
    """Features of superpixels (N, D) as colours: three principal components of all panels as red, green and blue."""
    labels = np.asarray(labels)
    components = principal_components(np.concatenate([np.asarray(v) for v in nodes.values()]), 3)
    low, high = np.percentile(components, (2, 98), axis=0)
    colours = np.clip((components - low) / np.maximum(high - low, 1e-9), 0, 1)
    figure, axes = panels(["image", *nodes], labels.shape)
    axes[0].imshow(floats(photo))
    for axis, own in zip(axes[1:], np.split(colours, len(nodes)), strict=True):
        axis.imshow(outlined(own[labels], labels, strength=0.35))
    return figure


def principal_components(features: np.ndarray, count: int) -> np.ndarray:
    """(N, D) -> (N, count), each component's largest entry positive, so that the sign is no accident."""
    centred = features - features.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = np.pad(directions, ((0, max(count - len(directions), 0)), (0, 0)))[:count]
    largest = directions[np.arange(count), np.abs(directions).argmax(1)]
    return centred @ (directions * np.where(largest < 0, -1, 1)[:, None]).T
