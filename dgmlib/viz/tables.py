"""The paper's tables as pictures."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from dgmlib.viz.style import GREY, NONE, PALETTE, bars_and_points, colours_of, legend, row


def table1(table: pd.DataFrame) -> Figure:
    """Table 1: a panel per setting, a group per metric, a colour per model, a point per seed and a bar at their mean.

    Args:
        table: rows of ``results/table1.csv``.
    """
    metric = table["metric"].str.replace(" ", "\n")
    table = table.assign(column=table["task"] + "\n" + metric, percent=100 * table["value"])
    settings, colours = table.groupby("setting", sort=False), colours_of(table["model"])
    figure, axes = row(len(settings), width=6.0, height=3.4, sharey=True, width_ratios=settings["column"].nunique())
    for axis, (setting, rows) in zip(axes, settings, strict=True):
        bars_and_points(axis, rows, "column", colours)
        axis.set(title=setting, xlabel="")
        axis.tick_params(axis="x", labelsize=8)
    figure.suptitle(_title(1, table))
    legend(figure)
    return figure


def table2(table: pd.DataFrame) -> Figure:
    """Table 2: mIoU of every system, single-scale and multi-scale, a point per seed and a bar at their mean.

    Systems with the Deep Grouping Model carry the colour of their row, so that networks can be compared with and
    without it.

    Args:
        table: rows of ``results/table2.csv``.
    """
    kinds = {"without DGM": NONE, "+ DGM w/o top-down": PALETTE[4], "+ DGM": PALETTE[0]}
    kind = table["model"].str.extract(r"(\+ DGM.*)$")[0].fillna("without DGM")
    table = table.assign(kind=kind, percent=100 * table["value"])
    figure, axes = row(2, width=4.6, height=4.2, sharey=True)
    for axis, (metric, scale) in zip(axes, {"": "single scale", " (multi-scale)": "multi-scale"}.items(), strict=True):
        what = {"data": table[table["metric"] == f"mIoU{metric}"], "x": "percent", "y": "model", "ax": axis}
        sns.barplot(**what, hue="kind", palette=kinds, hue_order=kinds, errorbar=None, width=0.7, saturation=1)
        for bars in axis.containers:
            axis.bar_label(bars, fmt="%.1f", padding=20, fontsize=8)
        sns.stripplot(**what, color="black", jitter=False, size=4)
        axis.set(title=scale, xlabel="object mIoU, percent", ylabel="", xmargin=0.22)
    figure.suptitle(_title(2, table))
    legend(figure)
    return figure


def table3(table: pd.DataFrame) -> Figure:
    """Table 3: parameters and FLOPs of every module as counted, beside the printed numbers.

    Args:
        table: rows of ``results/table3.csv``.
    """
    table = table.rename(columns={"value": "counted", "paper": "printed"})
    tidy = table.melt(["model", "metric"], ["counted", "printed"], "source", "number")
    figure, axes = row(2, width=4.4, height=3.2, sharey=True)
    quantities = {"parameters": ("million parameters", 1e6, "%.3f"), "gflops": ("GFLOP at 769 x 769", 1, "%.1f")}
    for axis, (metric, (title, unit, digits)) in zip(axes, quantities.items(), strict=True):
        rows = tidy[tidy["metric"] == metric].assign(number=lambda t, unit=unit: t["number"] / unit)
        style = {"palette": [PALETTE[0], GREY], "saturation": 1, "gap": 0.05}
        sns.barplot(rows, x="number", y="model", hue="source", errorbar=None, ax=axis, **style)
        for bars in axis.containers:
            axis.bar_label(bars, fmt=digits, padding=3, fontsize=8)
        axis.set(title=title, xlabel="", ylabel="", xmargin=0.18)
    legend(figure)
    return figure


def _title(number: int, table: pd.DataFrame) -> str:
    seeds = table["seed"].nunique()
    return f"Table {number} on {table['data'].iloc[0]}, {seeds} seed{'s' * (seeds > 1)}"
