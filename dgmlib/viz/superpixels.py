"""Partitions of a photograph into superpixels, their adjacency, and how well they keep to what people draw."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from skimage.color import label2rgb
from skimage.util import img_as_float

from dgmlib.viz.style import PALETTE, colours_of, legend, outlined, panels, row

if TYPE_CHECKING:
    from torch_geometric.data import Data

#: Scores of `dgmlib.measure.superpixels.scores`: what they are, and which way is better.
SCORES = {
    "ASA": ("pixels right at best", "higher is better"),
    "BR": ("human boundary found within 2 px", "higher is better"),
    "UE": ("area leaking over human boundary", "lower is better"),
}


def partitions(pictures: Mapping[str, tuple[ArrayLike, ArrayLike | None]]) -> Figure:
    """Regions of photographs in the mean colours of their pixels, outlined, two in a row and large.

    Args:
        pictures: title -> ((H, W, 3) photograph, (H, W) labels, or None for the photograph as it is); all of about the
            same proportions.
    """
    first, _ = next(iter(pictures.values()))
    figure, axes = panels(pictures, np.shape(first), columns=2, width=3.1)
    for axis, (photo, labels) in zip(axes, pictures.values(), strict=True):
        photo = img_as_float(np.asarray(photo))
        if labels is None:
            axis.imshow(photo)
            continue
        means = label2rgb(np.asarray(labels), photo, kind="avg", bg_label=-1)
        axis.imshow(outlined(means, np.asarray(labels), strength=0.65, width=480))
    return figure


def adjacency_graph(graph: "Data") -> Figure:
    """Regions in their mean colours, a dot at the centroid of each, a line between those that touch.

    Args:
        graph: as `dgmlib.superpixels.to_pyg` returns it for an (H, W, 3) image.
    """
    picture = graph.x[graph.pixel_index].view(graph.height, graph.width, 3).numpy()
    places = graph.pos.numpy()
    figure, (axis,) = panels([f"{len(places)} regions and their adjacency graph"], picture.shape, width=4.2)
    axis.imshow(0.25 + 0.75 * picture)
    source, target = graph.edge_index.numpy()
    once = source < target  # edges stand in both directions
    ends = places[np.stack([source[once], target[once]], axis=1)]  # (E / 2, 2, 2)
    axis.add_collection(LineCollection(ends, colors="black", linewidths=0.8, alpha=0.8))
    axis.scatter(*places.T, s=14, color=PALETTE[1], edgecolors="black", linewidths=0.8, zorder=2)
    return figure


def quality_curves(table: pd.DataFrame) -> Figure:
    """Scores by number of regions, a panel per score of `SCORES` and a line per method, ours thick.

    Args:
        table: ``results/superpixels.csv``.
    """
    colours = colours_of(table["method"])
    widths = {method: 3 if method == "ours" else 1.2 for method in colours}
    figure, axes = row(len(SCORES), width=3.6, height=3.6)
    for axis, (score, (meaning, better)) in zip(axes, SCORES.items(), strict=True):
        what = {"x": "regions", "y": score, "hue": "method", "palette": colours, "size": "method", "sizes": widths}
        sns.lineplot(table, **what, estimator=None, marker="o", markersize=4, markeredgewidth=0, ax=axis)
        axis.set(title=f"{score}: {better}", ylabel=meaning, xlabel="regions in an image", xscale="log")
        axis.set_xticks([64, 128, 256, 512], ["64", "128", "256", "512"])
        axis.minorticks_off()
    legend(figure)
    return figure
