"""How well the graph is heard: what of the feature maps, and of what is projected into them, comes from it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from dgmlib.viz.curves import records, running_mean
from dgmlib.viz.style import GREY, PALETTE, legend, row

#: What of it is drawn, and the percentage below which a level counts as not heard.
SHARES = {
    "residual share": (r"residual, share of $F^l + \hat{F}^l$", 10),
    "graph share": ("graph, share of what Re-projection reads", 5),
}


def heard(table: pd.DataFrame) -> Figure:
    """Both shares by level, a colour per model, a point per row and a bar at their mean. Dashed: what is asked for.

    Args:
        table: columns "model", "level", "name" ("residual share" or "graph share", other rows are left out) and
            "value", a fraction; a row per seed, say.
    """
    colours = dict(zip(table["model"].unique(), PALETTE, strict=False))

    def draw(axis: Axes, rows: pd.DataFrame) -> None:
        what = {"data": rows, "x": "level", "y": "percent", "hue": "model", "palette": colours, "hue_order": colours}
        sns.barplot(**what, errorbar=None, gap=0.06, alpha=0.55, saturation=1, ax=axis)
        sns.stripplot(**what, dodge=True, jitter=False, size=3, legend=False, ax=axis)

    return _panels(draw, table)


def heard_in_training(log: str | Path | Sequence[Mapping]) -> Figure:
    """Both shares as the first phase of training goes, a colour per level, as `training_curve` draws losses.

    Args:
        log: the ``log.jsonl`` of a run, or its records.

    Raises:
        ValueError: if the log has no shares.
    """
    table = records(log).reindex(columns=["phase", "iteration", *SHARES]).dropna()
    if table.empty:
        raise ValueError("the log has no residual share and graph share; train a network with a Deep Grouping Model.")
    table = table[table["phase"] == table["phase"].min()].explode(list(SHARES))
    table["level"] = (table.groupby(level=0).cumcount() + 1).map("level {}".format)
    colours = dict(zip(table["level"].unique(), PALETTE, strict=False))
    tidy = table.melt(["iteration", "level"], list(SHARES), "name").astype({"value": float})
    return _panels(lambda axis, rows: running_mean(axis, rows, "percent", "level", colours), tidy)


def _panels(draw: Callable[[Axes, pd.DataFrame], None], table: pd.DataFrame) -> Figure:
    figure, axes = row(2, width=4.2, height=3.0, sharey=True)
    for axis, (name, (title, least)) in zip(axes, SHARES.items(), strict=True):
        draw(axis, table[table["name"] == name].assign(percent=lambda rows: 100 * rows["value"]))
        axis.axhline(least, color=GREY, linestyle="--", linewidth=0.8)
        axis.set_yscale("symlog", linthresh=0.01, linscale=0.4)  # 0 can be told from 0.01 %, and 10 % from 20 %
        axis.set(ylim=(0, 100), ylabel="")
        axis.set_title(title, fontsize=10)
        axis.yaxis.set_major_formatter(PercentFormatter())
    legend(figure)
    return figure
