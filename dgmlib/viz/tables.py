"""The paper's tables as pictures."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from dgmlib.viz.style import NONE, PALETTE, row


def table1(table: pd.DataFrame) -> Figure:
    """Table 1: a panel per setting, a group per metric, a colour per model, a point per seed and a bar at their mean.

    Args:
        table: as `dgmlib.measure.tables.table1` returns it.
    """
    metric = table["metric"].str.replace(" ", "\n")
    table = table.assign(column=table["task"] + "\n" + metric, percent=100 * table["value"])
    settings, models = table["setting"].unique(), list(table["model"].unique())
    counts = [table.loc[table["setting"] == setting, "column"].nunique() for setting in settings]
    figure, axes = row(len(settings), width=6.0, height=3.4, sharey=True, width_ratios=counts)
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


def table2(table: pd.DataFrame) -> Figure:
    """Table 2: mIoU of every system, single-scale and multi-scale, a point per seed and a bar at their mean.

    Systems with the Deep Grouping Model carry the colour of their row, so that networks can be compared with and
    without it.

    Args:
        table: as `dgmlib.measure.tables.table2` returns it.
    """
    metrics = {"mIoU": "single scale", "mIoU (multi-scale)": "multi-scale"}
    models = list(table["model"].unique())
    kinds = {"without DGM": NONE, "+ DGM w/o top-down": PALETTE[4], "+ DGM": PALETTE[0]}
    own = [next((kind for kind in kinds if name.endswith(kind)), "without DGM") for name in models]
    figure, axes = row(2, width=4.6, height=4.2, sharey=True)
    for axis, (metric, title) in zip(axes, metrics.items(), strict=True):
        rows = table[table["metric"] == metric].assign(percent=lambda t: 100 * t["value"])
        means = rows.groupby("model")["percent"].mean().reindex(models)
        place = np.arange(len(models))
        bars = axis.barh(place, means, 0.7, color=[kinds[kind] for kind in own])
        axis.bar_label(bars, fmt="%.1f", padding=16, fontsize=8)
        axis.plot(rows["percent"], rows["model"].map(models.index), "o", color="black", ms=3)
        axis.set_yticks(place, models)
        axis.set(title=title, xlabel="object mIoU, percent", xmargin=0.22)
    axes[0].invert_yaxis()
    seeds = table["seed"].nunique()
    figure.suptitle(f"Table 2 on {table['data'].iloc[0]}, {seeds} seed{'s' * (seeds > 1)}")
    handles = [Patch(color=colour, label=kind) for kind, colour in kinds.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def table3(table: pd.DataFrame) -> Figure:
    """Table 3: parameters and FLOPs of every module as counted, beside the printed numbers.

    Args:
        table: as `dgmlib.measure.tables.table3` returns it.
    """
    figure, axes = row(2, width=4.4, height=3.2, sharey=True)
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
        axis.set_yticks(place, rows["model"])
        axis.set(title=title, xmargin=0.18)
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure
