"""Every figure of the notebooks. Functions return a matplotlib ``Figure`` and never show it.

==================  =====================================================================================
`grouping_levels`   the hierarchy over a photograph, level by level
`centres`           EMGP's centres (Eq. 3) moving among the nodes
`affinities`        a column of P (Eq. 2), or a row of Ptilde (Eq. 8), over a photograph
`false_colours`     node features as colours, before and after a step
`segmentation`      truth and predictions of one task beside the photograph, with a legend
`parsing`           one label map per task, each with its own legend
`training_curve`    the losses of Eq. 12 as training goes; `LiveCurve` redraws it in place in Jupyter
`table1`, `table3`  the tables as pictures
==================  =====================================================================================

Photographs are (H, W, 3), bytes or floats in [0, 1]. Label maps, weights and features may be arrays or tensors.
"""

import io
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import display
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from PIL import Image
from scipy import ndimage
from skimage.color import label2rgb, rgb2gray
from skimage.segmentation import find_boundaries
from skimage.util import img_as_float

from dgmlib import paths

DPI = 80  # screen resolution: notebooks stay small

#: Okabe and Ito's colours, which people with any colour vision tell apart; black comes last.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")
NONE = "#e8e8e8"


class NotebookFigure(Figure):
    """A figure that Jupyter stores as `png` renders it."""


def png(figure: Figure) -> bytes:
    """Render at screen resolution in 256 colours, which takes a third of the space of all colours."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.05)
    Image.open(full).convert("RGB").quantize(256).save(small, "png", optimize=True)
    return small.getvalue()


if get_ipython() is not None:
    get_ipython().display_formatter.formatters["image/png"].for_type(NotebookFigure, png)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG."""
    with paths.write_atomic(path) as temporary:
        temporary.write_bytes(png(figure))


def grouping_levels(photo: ArrayLike, levels: Mapping[str, ArrayLike]) -> Figure:
    """Label maps over a photograph: every group in the mean colour of its pixels, outlined.

    A region that no level merges keeps its colour from panel to panel; one that is merged takes the mixture's.

    Args:
        photo: (H, W, 3).
        levels: title -> (H, W) labels, e.g. ``grouping.label_map(level)[0]``; -1 is left white.
    """
    photo = img_as_float(np.asarray(photo))
    figure, axes = _panels(levels, photo.shape)
    for axis, labels in zip(axes, levels.values(), strict=True):
        labels = np.asarray(labels)
        axis.imshow(_outlined(label2rgb(labels, photo, kind="avg", bg_label=-1, bg_color=(1, 1, 1)), labels))
    return figure


def centres(nodes: ArrayLike, steps: Mapping[str, ArrayLike], colours: ArrayLike) -> Figure:
    """EMGP's mean shift: centres Vbar = P^T V among the nodes, in the plane of the nodes' two principal components.

    Args:
        nodes: V, (N, D).
        steps: title -> P after that many iterations, (N, M), columns summing to one.
        colours: (N, 3) RGB in [0, 1] of the nodes, e.g. `region_colours`.
    """
    nodes = np.asarray(nodes)
    plane = _principal_components(nodes, 2)
    figure, axes = _row(len(steps), width=3.0, height=3.1, sharex=True, sharey=True)
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
    photo, labels = img_as_float(np.asarray(photo)), np.asarray(labels)
    index = np.arange(labels.max() + 1)
    return np.stack([ndimage.mean(photo[..., channel], labels, index) for channel in range(3)], axis=1)


def affinities(
    photo: ArrayLike, labels: ArrayLike, weights: Mapping[str, ArrayLike], mark: int | None = None
) -> Figure:
    """Weights of the superpixels over a photograph, every panel scaled to its own largest weight.

    Args:
        photo: (H, W, 3).
        labels: (H, W) superpixels, -1 for none.
        weights: title -> (N,) weights, not negative.
        mark: a superpixel to outline.
    """
    grey, labels = rgb2gray(img_as_float(np.asarray(photo))), np.asarray(labels)
    figure, axes = _panels(weights, grey.shape)
    colours = colormaps["inferno"].resampled(10)  # steps survive the palette of a small PNG
    for axis, values in zip(axes, weights.values(), strict=True):
        values = np.asarray(values, dtype=float)
        largest = values.max()
        share = np.append(values / (largest or 1), 0)[labels]  # label -1 reads the appended zero
        cover = 0.9 * np.sqrt(share)[..., None]
        axis.imshow((1 - cover) * (0.25 + 0.6 * grey[..., None]) + cover * colours(share)[..., :3])
        axis.set_title(f"{axis.get_title()}, largest {largest:.2g}", fontsize=10)
        if mark is not None:
            axis.contour(labels == mark, levels=[0.5], colors="#00e5ff", linewidths=1.4)
    figure.colorbar(ScalarMappable(cmap=colours), ax=list(axes), shrink=0.7, pad=0.01, label="share of the largest")
    return figure


def false_colours(photo: ArrayLike, labels: ArrayLike, nodes: Mapping[str, ArrayLike]) -> Figure:
    """Node features as colours: three principal components, the same for all panels, as red, green and blue.

    Args:
        photo: (H, W, 3), shown first.
        labels: (H, W) superpixels.
        nodes: title -> (N, D) features of the superpixels.
    """
    photo, labels = img_as_float(np.asarray(photo)), np.asarray(labels)
    components = _principal_components(np.concatenate([np.asarray(v) for v in nodes.values()]), 3)
    low, high = np.percentile(components, (2, 98), axis=0)
    colours = np.clip((components - low) / np.maximum(high - low, 1e-9), 0, 1)
    figure, axes = _panels({"image": photo, **nodes}, photo.shape)
    axes[0].imshow(photo)
    for axis, own in zip(axes[1:], np.split(colours, len(nodes)), strict=True):
        axis.imshow(_outlined(own[labels], labels, strength=0.35))
    return figure


def segmentation(photo: ArrayLike, maps: Mapping[str, ArrayLike], names: Sequence[str]) -> Figure:
    """Label maps of one task beside the photograph, with one legend of the classes that occur.

    Args:
        photo: (H, W, 3).
        maps: title -> (h, w) class ids, of any resolution.
        names: class names by id; "-" is none, and grey.
    """
    photo = np.asarray(photo)
    figure, axes = _panels({"image": photo, **maps}, photo.shape)
    axes[0].imshow(photo)
    colours = class_colours(np.unique(np.concatenate([np.unique(ids) for ids in maps.values()])), names)
    for axis, ids in zip(axes[1:], maps.values(), strict=True):
        _paint(axis, np.asarray(ids), colours, photo.shape)
    style = {"loc": "outside right center", "frameon": False, "fontsize": 9, "handlelength": 1.2}
    figure.legend(handles=_handles(colours, names), ncols=-(-len(colours) // 10), columnspacing=1, **style)
    return figure


def parsing(photo: ArrayLike, maps: Mapping[str, tuple[ArrayLike, Sequence[str]]]) -> Figure:
    """One label map per task beside the photograph, each with the legend of its own classes below.

    Args:
        photo: (H, W, 3).
        maps: title -> ((h, w) class ids, class names by id); "-" is none, and grey.
    """
    photo = np.asarray(photo)
    figure, axes = _panels({"image": photo, **maps}, photo.shape, below=1.3)
    axes[0].imshow(photo)
    for axis, (ids, names) in zip(axes[1:], maps.values(), strict=True):
        colours = class_colours(np.unique(ids), names)
        _paint(axis, np.asarray(ids), colours, photo.shape)
        style = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.02), "frameon": False, "fontsize": 8, "ncols": 2}
        axis.legend(handles=_handles(colours, names), columnspacing=1, handlelength=1.2, **style)
    return figure


def class_colours(ids: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Colours for the class ids that occur: Okabe-Ito while they last, then matplotlib's twenty, then a rainbow."""
    real = [int(i) for i in ids if names[i] != "-"]
    palette = PALETTE
    if len(real) > len(PALETTE):
        palette = [to_hex(c) for c in colormaps["tab20" if len(real) <= 20 else "turbo"].resampled(len(real)).colors]
    colours = dict(zip(real, palette, strict=False))
    return {int(i): colours.get(int(i), NONE) for i in ids}


def training_curve(log: str | Path | Sequence[Mapping]) -> Figure:
    """The weighted losses of Eq. 12: a point per record that has the task, a line through their running mean.

    Args:
        log: the ``log.jsonl`` of a run, or its records.
    """
    if isinstance(log, str | Path):
        log = [json.loads(line) for line in Path(log).read_text().splitlines()]
    table = pd.DataFrame(log)
    tasks = [name for name in table.columns if name not in ("phase", "iteration", "loss", "lr", "seconds")]
    phases = sorted(table["phase"].unique())
    figure, axes = _row(len(phases), width=8.4 / len(phases), height=3.1)
    for axis, phase in zip(axes, phases, strict=True):
        for task, colour in zip(tasks, PALETTE, strict=False):
            losses = table[table["phase"] == phase].set_index("iteration")[task].dropna()
            if len(losses):
                smooth = losses.rolling(max(len(losses) // 8, 3), min_periods=1, center=True).mean()
                axis.plot(losses.index, losses, ".", color=colour, alpha=0.35, markersize=5)
                axis.plot(smooth.index, smooth, color=colour, label=task)
        titles = {0: "all tasks but texture", 1: "texture head, the rest frozen"}
        axis.set(title=titles[phase], xlabel="iteration", ylabel="weighted loss", ylim=(0, None))
        axis.legend(frameon=False, fontsize=9)
    return figure


class LiveCurve:
    """``train(..., on_log=LiveCurve())`` redraws the curve in place in Jupyter; elsewhere it only keeps the records."""

    def __init__(self):
        self.records, self._shown = [], None

    def __call__(self, record: Mapping) -> None:
        """Take one record of the log."""
        self.records.append(dict(record))
        if self._shown:
            self._shown.update(training_curve(self.records))
        elif hasattr(get_ipython(), "kernel"):
            self._shown = display(training_curve(self.records), display_id=True)


def table1(table: pd.DataFrame) -> Figure:
    """Table 1: a panel per setting, a group per metric, a colour per model, a point per seed and a bar at their mean.

    Args:
        table: as `dgmlib.tables.table1` returns it.
    """
    metric = table["metric"].str.replace(" ", "\n")
    table = table.assign(column=table["task"] + "\n" + metric, percent=100 * table["value"])
    settings, models = table["setting"].unique(), list(table["model"].unique())
    counts = [table.loc[table["setting"] == setting, "column"].nunique() for setting in settings]
    figure, axes = _row(len(settings), width=6.0, height=3.4, sharey=True, width_ratios=counts)
    for axis, setting in zip(axes, settings, strict=True):
        own = table[table["setting"] == setting]
        columns = list(own["column"].unique())
        for number, model in enumerate(models):
            rows = own[own["model"] == model]
            shift = 0.8 * ((number + 0.5) / len(models) - 0.5)
            means = rows.groupby("column")["percent"].mean().reindex(columns)
            place = np.arange(len(columns)) + shift
            axis.bar(place, means, 0.75 / len(models), color=PALETTE[number], alpha=0.55, label=model)
            axis.plot(rows["column"].map(columns.index) + shift, rows["percent"], "o", color=PALETTE[number], ms=4)
        axis.set_xticks(range(len(columns)), columns, fontsize=8)
        axis.set_title(setting)
    axes[0].set_ylabel("percent")
    seeds = table["seed"].nunique()
    figure.suptitle(f"Table 1 on {table['data'].iloc[0]}, {seeds} seed{'s' * (seeds > 1)}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(models), frameon=False)
    return figure


def table3(table: pd.DataFrame) -> Figure:
    """Table 3: parameters and FLOPs of every module as counted, beside the printed numbers.

    Args:
        table: as `dgmlib.tables.table3` returns it.
    """
    figure, axes = _row(2, width=4.4, height=3.2, sharey=True)
    quantities = {"parameters": ("million parameters", 1e6), "gflops": ("GFLOP at 769 x 769", 1)}
    for axis, (metric, (title, unit)) in zip(axes, quantities.items(), strict=True):
        rows = table[table["metric"] == metric]
        place = np.arange(len(rows))
        for column, shift, colour, name in (
            ("value", -0.2, PALETTE[0], "counted"),
            ("paper", 0.2, "#8a8a8a", "printed"),
        ):
            numbers = rows[column].astype(float) / unit
            bars = axis.barh(place + shift, numbers, 0.38, color=colour, label=name)
            axis.bar_label(
                bars, labels=[f"{n:.3f}" if unit > 1 else f"{n:.1f}" for n in numbers], padding=3, fontsize=8
            )
        axis.set_yticks(place, rows["module" if "module" in rows else "model"])
        axis.set(title=title, xmargin=0.18)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def _row(count: int, width: float, height: float, **kwargs) -> tuple[Figure, np.ndarray]:
    """Plots side by side, each ``width`` x ``height`` inches. Made without pyplot, which would show them once more."""
    figure = NotebookFigure(figsize=(width * count, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(1, count, squeeze=False, **kwargs)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _panels(titles: Mapping, shape: Sequence[int], below: float = 0.0) -> tuple[Figure, list[Axes]]:
    """Axes for pictures of one shape, 3 inches wide, four in a row, with ``below`` inches of room under each."""
    columns = min(4, len(titles))
    rows = -(-len(titles) // columns)
    size = (3.0 * columns, (3.0 * shape[0] / shape[1] + 0.4 + below) * rows)
    figure = NotebookFigure(figsize=size, dpi=DPI, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis, title in zip_longest(axes, titles, fillvalue=""):  # the last row may have room left
        axis.set_title(title, fontsize=10).axes.set_axis_off()
    return figure, axes[: len(titles)]


def _outlined(picture: np.ndarray, labels: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """Twice the size, with thin dark lines along the borders of the regions."""
    picture, labels = (np.repeat(np.repeat(x, 2, 0), 2, 1) for x in (picture, labels))
    return picture * (1 - strength * find_boundaries(labels, mode="inner", background=-1)[..., None])


def _paint(axis: Axes, ids: np.ndarray, colours: Mapping[int, str], shape: Sequence[int]) -> None:
    """Draw a map of class ids over the extent of the photograph."""
    present, inverse = np.unique(ids, return_inverse=True)
    picture = np.array([to_rgb(colours[i]) for i in present.tolist()])[inverse.reshape(ids.shape)]
    axis.imshow(picture, extent=(0, shape[1], shape[0], 0), interpolation="nearest")


def _handles(colours: Mapping[int, str], names: Sequence[str]) -> list[Patch]:
    return [Patch(color=c, label="none" if names[i] == "-" else names[i]) for i, c in colours.items()]


def _principal_components(features: np.ndarray, count: int) -> np.ndarray:
    """(N, D) -> (N, count), each component's largest entry positive, so that the sign is no accident."""
    centred = features - features.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = np.pad(directions, ((0, max(count - len(directions), 0)), (0, 0)))[:count]
    largest = directions[np.arange(count), np.abs(directions).argmax(1)]
    return centred @ (directions * np.where(largest < 0, -1, 1)[:, None]).T
