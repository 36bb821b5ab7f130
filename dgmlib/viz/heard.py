"""How well the graph is heard: what of the feature maps, and of what is projected into them, comes from it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgmlib.viz.curves import records, running_mean
from dgmlib.viz.style import GREY, bars_and_points, colours_of, legend, row

#: What of it is drawn, and the percentage below which a level counts as not heard.
SHARES = {
    "residual share": ("residual's share of F + Fhat", 10),
    "graph share": ("graph's share of what Re-projection reads", 5),
}


def heard(table: pd.DataFrame) -> Figure:
    """Both shares by level, a colour per model, a point per row and a bar at their mean. Dashed: what is asked for.

    Args:
        table: columns "model", "level", "name" ("residual share" or "graph share", other rows are left out) and
            "value", a fraction; a row per seed, say.
    """
    colours = colours_of(table.loc[table["name"].isin(SHARES), "model"])
    return _panels(lambda axis, rows: bars_and_points(axis, rows, "level", colours), table, 1 + len(colours) // 2)


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
    tidy = table.melt(["iteration", "level"], list(SHARES), "name").astype({"value": float})
    return _panels(lambda axis, rows: running_mean(axis, rows, "percent", "level", colours_of(rows["level"])), tidy, 1)


def _panels(draw: Callable[[Axes, pd.DataFrame], None], table: pd.DataFrame, rows: int) -> Figure:
    figure, axes = row(2, width=4.2, height=2.8 + 0.2 * rows, sharey=True)
    for axis, (name, (title, least)) in zip(axes, SHARES.items(), strict=True):
        draw(axis, table[table["name"] == name].assign(percent=lambda shares: 100 * shares["value"]))
        axis.axhline(least, color=GREY, linestyle="--", linewidth=0.8, label="asked for")
        axis.set_title(title, fontsize=10)
    # After all is drawn, since on another scale than a linear one seaborn takes another mean.
    axes[0].set_yscale("symlog", linthresh=0.01, linscale=0.4)
    axes[0].set(ylim=(0, 100))
    axes[0].yaxis.set_major_formatter("{x:g}")
    legend(figure, columns=2 if rows > 1 else None, fontsize=9)
    return figure
