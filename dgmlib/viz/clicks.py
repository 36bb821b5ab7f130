"""Clicks on a photograph and the masks that they select."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from skimage.color import rgb2gray
from skimage.util import img_as_float

from dgmlib.viz.style import NONE, PALETTE, legend, panels, row, within_error

if TYPE_CHECKING:
    from dgmlib.explain import Click

#: What `click_curves` draws: methods in colours, levels in dashes.
COLOURS = {"superpixel only": PALETTE[7], "DGM": PALETTE[0], "untrained DGM": PALETTE[3], "flood by colour": PALETTE[5]}
DASHES = {3: (4, 1.5), 4: (1, 1.5)}


def click_masks(
    photo: ArrayLike,
    clicks: Sequence["Click"],
    masks: Mapping[str, ArrayLike],
    drawn: Sequence[Sequence["Click"]] | None = None,
) -> Figure:
    """Clicks on the photograph, then masks on its grey version: the more blue, the more selected.

    A positive click is a blue circle with a plus, a negative one an orange square with a minus.

    Args:
        photo: (H, W, 3).
        clicks: their columns and rows in pixels, and their signs.
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


def draw_clicks(axis: Axes, clicks: Sequence["Click"]) -> None:
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
    table = table[table["method"].isin(COLOURS)].dropna(subset="clicks")
    names = table["method"] + table["level"].map(lambda level: f", level {level}" if level > 1 else "")
    table = table.assign(line=names.where(table["method"] != "untrained DGM", names + " (its best)"))
    groups = list(table.groupby(["data", "model"], sort=False))
    figure, axes = row(len(groups), width=max(3.4, 5.6 / len(groups)), height=3.4, sharey=True)
    for axis, ((data, model), rows) in zip(axes, groups, strict=True):
        untrained = rows["method"] == "untrained DGM"
        means = rows[untrained].groupby("level")["IoU"].mean()
        rows = rows[~untrained | rows["level"].isin(means.nlargest(1).index)]
        lines = rows.drop_duplicates("line").set_index("line")
        what = {"hue": "line", "palette": lines["method"].map(COLOURS).to_dict()}
        what |= {"style": "line", "dashes": lines["level"].map(lambda level: DASHES.get(level, "")).to_dict()}
        error = {"errorbar": ("pi", 100), "err_kws": {"alpha": 0.1, "linewidth": 0}}
        sns.lineplot(within_error(rows, "IoU"), x="clicks", y="IoU", **what, **error, ax=axis)
        axis.set(title=f"{data}\n{model}", xticks=sorted(rows["clicks"].unique()))
        axis.grid(axis="y", color=NONE, linewidth=0.8)
    axes[0].set(ylabel="IoU, mean over objects", ylim=(0, 1))
    legend(figure, "outside right upper", columns=1, fontsize=9)
    return figure
