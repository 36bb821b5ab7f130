"""Clicks on a photograph and the masks that they select."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from skimage.color import rgb2gray
from skimage.util import img_as_float

from dgmlib.viz.style import PALETTE, panels, row

#: What `click_curves` draws: methods in colours, levels in line styles.
COLOURS = {
    "superpixel only": "#000000",
    "DGM": PALETTE[0],
    "untrained DGM": PALETTE[3],
    "flood by colour": PALETTE[5],
}
STYLES = {2: "-", 3: "--", 4: ":"}


class Clicked(Protocol):
    """What is drawn of a click: column and row in pixels, and its sign."""

    x: int
    y: int
    positive: bool


def click_masks(
    photo: ArrayLike,
    clicks: Sequence[Clicked],
    masks: Mapping[str, ArrayLike],
    drawn: Sequence[Sequence[Clicked]] | None = None,
) -> Figure:
    """Clicks on the photograph, then masks on its grey version: the more blue, the more selected.

    A positive click is a blue circle with a plus, a negative one an orange square with a minus.

    Args:
        photo: (H, W, 3).
        clicks: as in `dgmlib.explain.Click`.
        masks: title -> (H, W) bool, or weights in [0, 1]; weights of one half and more are outlined.
        drawn: the clicks to draw on every mask; by default all on each.
    """
    photo = img_as_float(np.asarray(photo))
    figure, axes = panels({"clicks": photo, **masks}, photo.shape)
    axes[0].imshow(photo)
    for axis, mask in zip(axes[1:], masks.values(), strict=True):
        draw_mask(axis, photo, mask)
    for axis, shown in zip(axes, [clicks, *(drawn or [clicks] * len(masks))], strict=True):
        draw_clicks(axis, shown)
    return figure


def draw_mask(axis: Axes, photo: np.ndarray, mask: ArrayLike) -> None:
    """Draw a mask, or weights, over the grey photograph."""
    grey, mask = 0.25 + 0.6 * rgb2gray(photo)[..., None], np.asarray(mask, dtype=float)
    cover = 0.75 * mask[..., None]
    axis.imshow((1 - cover) * grey + cover * np.array(to_rgb(PALETTE[0])))
    if mask.min() < 0.5 <= mask.max():
        axis.contour((mask >= 0.5).astype(float), levels=[0.5], colors=PALETTE[6], linewidths=1.2)


def draw_clicks(axis: Axes, clicks: Sequence[Clicked]) -> None:
    """Draw clicks, told apart by shape, sign and colour."""
    for positive, shape, sign, colour in ((True, "o", "+", PALETTE[0]), (False, "s", "_", PALETTE[5])):
        places = [(click.x, click.y) for click in clicks if click.positive == positive]
        if places:
            axis.scatter(*zip(*places, strict=True), s=70, marker=shape, c=colour, edgecolors="white", zorder=3)
            axis.scatter(*zip(*places, strict=True), s=30, marker=sign, c="white", linewidths=1.5, zorder=4)


def click_curves(table: pd.DataFrame) -> Figure:
    """IoU after some clicks, a panel per data and model, in each a colour per method and a line style per level.

    Of the untrained network only its best level is drawn; clicks that are corrected at level 1 are not.

    Args:
        table: rows of ``results/clicks.csv``.
    """
    groups = list(table.groupby(["data", "model"], sort=False))
    figure, axes = row(len(groups), width=max(3.4, 5.6 / len(groups)), height=3.4, sharey=True)
    for axis, ((data, model), rows) in zip(axes, groups, strict=True):
        rows = rows.dropna(subset="clicks")
        untrained = rows[rows["method"] == "untrained DGM"].groupby("level")["IoU"].mean()
        for (method, level), line in rows.groupby(["method", "level"], sort=False):
            if method not in COLOURS or (method == "untrained DGM" and level != untrained.idxmax()):
                continue
            name = method if level < 2 else f"{method}, level {level}"
            name += " (its best)" if method == "untrained DGM" else ""
            axis.plot(line["clicks"], line["IoU"], STYLES.get(level, "-"), color=COLOURS[method], label=name)
            low, high = line["IoU"] - line["error"], line["IoU"] + line["error"]
            axis.fill_between(line["clicks"], low, high, color=COLOURS[method], alpha=0.1, linewidth=0)
        axis.set(title=f"{data}\n{model}", xlabel="clicks", xticks=sorted(rows["clicks"].unique()))
        axis.grid(axis="y", color="#e8e8e8", linewidth=0.8)
    axes[0].set(ylabel="IoU, mean over objects", ylim=(0, 1))
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside right upper", frameon=False, fontsize=9)
    return figure
