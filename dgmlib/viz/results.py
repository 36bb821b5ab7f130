"""Figures of the result tables: bars of Tables 1 to 3, curves of groups, clicks and superpixels.

Every function takes the rows of the file in ``results/`` that its docstring names.
"""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, ScalarFormatter

from dgmlib.viz.style import GREY, NONE, PALETTE, colours_of, legend, lines_with_error, plots

#: `agreement_curves`: name -> suffix of the model's name, method, colour, marker.
CURVES = {
    "superpixels merged by the network's features": ("", "features", PALETTE[1], "P"),
    "superpixels merged by colour": ("", "colour", PALETTE[5], "s"),
    "superpixels' own hierarchy": ("", "superpixels", PALETTE[2], "^"),
    "felzenszwalb": ("", "felzenszwalb", PALETTE[4], "v"),
    "untrained DGM": (" untrained", "DGM", PALETTE[3], "X"),
    "DGM": ("", "DGM", PALETTE[0], "o"),  # on top
}
#: `click_curves`: methods in colours, levels in dashes.
METHODS = {"superpixel only": "black", "DGM": PALETTE[0], "untrained DGM": PALETTE[3], "flood by colour": PALETTE[5]}
DASHES = {3: (4, 1.5), 4: (1, 1.5)}
#: `quality_curves`: scores of `dgmlib.measure.superpixels.scores`, their meaning, and which way is better.
SCORES = {
    "ASA": ("pixels right at best", "higher is better"),
    "BR": ("human boundary found within 2 px", "higher is better"),
    "UE": ("area leaking over human boundary", "lower is better"),
}


def table1(table: pd.DataFrame) -> Figure:
    """Draw ``table1.csv``: a panel per setting, a colour per model, a point per seed and a bar at their mean."""
    metric = table["metric"].str.replace(" ", "\n")
    table = table.assign(column=table["task"] + "\n" + metric, percent=100 * table["value"])
    settings, colours = table.groupby("setting", sort=False), colours_of(table["model"])
    widths = settings["column"].nunique()
    figure, (axes,) = plots(len(settings), width=6.0, height=3.4, sharey=True, width_ratios=widths)
    for axis, (setting, rows) in zip(axes, settings, strict=True):
        what = {"x": "column", "y": "percent", "hue": "model", "palette": colours, "hue_order": colours, "ax": axis}
        sns.barplot(rows, **what, errorbar=None, gap=0.06, alpha=0.55, saturation=1)
        sns.stripplot(rows, **what, dodge=True, jitter=False, size=4.5, legend=False)
        axis.set(title=setting, xlabel="")
        axis.tick_params(axis="x", labelsize=8)
    figure.suptitle(_title(1, table))
    legend(figure)
    return figure


def table2(table: pd.DataFrame) -> Figure:
    """Draw ``table2.csv``: mIoU of every system, at one scale and several, a point per seed and a bar at their mean.

    Colours show which form of the Deep Grouping Model a system has, if any, so that networks can be compared with and
    without it.
    """
    kinds = {"without DGM": NONE, "+ DGM w/o top-down": PALETTE[4], "+ DGM": PALETTE[0]}
    kind = table["model"].str.extract(r"(\+ DGM.*)$")[0].fillna("without DGM")
    table = table.assign(kind=kind, percent=100 * table["value"])
    figure, (axes,) = plots(2, width=4.6, height=4.2, sharey=True)
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
    """Draw ``table3.csv``: counted parameters and FLOPs of every module, beside the printed numbers."""
    table = table.rename(columns={"value": "counted", "paper": "printed"})
    tidy = table.melt(["model", "metric"], ["counted", "printed"], "source", "number")
    figure, (axes,) = plots(2, width=4.4, height=3.2, sharey=True)
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


def agreement_curves(table: pd.DataFrame, model: str) -> Figure:
    """Draw ``grouping.csv``: purity and region mIoU by number of groups, of a "model" and its controls.

    There is a column of panels per data set and kind of labels, and a point per level, level 1 on the right. Dotted:
    the number of labels in an image, and the score of one single group.
    """
    names = {(model + suffix, method): name for name, (suffix, method, _, _) in CURVES.items()}
    names[model, "one group"] = "one group"
    table = table.assign(curve=[names.get(pair) for pair in zip(table["model"], table["method"], strict=True)])
    kinds = list(table.dropna(subset="curve").groupby(["data", "labels"], sort=False))
    what = {"hue": "curve", "style": "curve", "hue_order": CURVES, "style_order": CURVES, "dashes": False}
    what["palette"] = {name: colour for name, (_, _, colour, _) in CURVES.items()}
    what["markers"] = {name: marker for name, (_, _, _, marker) in CURVES.items()}
    figure, axes = plots(len(kinds), width=3.3, height=2.7, rows=2, sharex="col", sharey="row")
    for column, ((data, labels), rows) in zip(axes.T, kinds, strict=True):
        means = rows.set_index(["metric", "curve", "level"])["mean"].sort_index()
        rows = rows.join(means["groups"].rename("groups"), on=["curve", "level"])
        for axis, metric in zip(column, ("purity", "region mIoU"), strict=True):
            style = {"err_style": "bars", "markersize": 7, "linewidth": 1.2}
            lines_with_error(axis, rows[rows["metric"] == metric], "groups", "mean", **what, **style)
            axis.axhline(means[metric, "one group"].iloc[0], color=GREY, linestyle=":", linewidth=1.2)
            axis.axvline(means["segments", "DGM"].iloc[0], color=GREY, linestyle=":", linewidth=1.2)
            axis.set(xlabel="groups in an image", ylabel=metric)
            axis.label_outer()
        column[0].set_title(f"{data}, {labels}s")
        column[-1].set_xscale("log")
        column[-1].set_xticks([1, 3, 10, 30, 100])
        column[-1].xaxis.set_major_formatter(ScalarFormatter())
    axes[-1, 0].set_ylim(0, None)
    legend(figure, columns=2 if len(kinds) < 3 else len(CURVES))
    return figure


def growth_curves(table: pd.DataFrame) -> Figure:
    """Draw ``speed.csv``: seconds on one thread by size, on logarithmic axes, a panel for each kind of growth.

    Dashed: the required slope, through the smallest size.
    """
    required = table[table["unit"] == "slope"].set_index("what")["required"]
    kinds = table[table["unit"] == "s"].groupby("what", sort=False)
    figure, (axes,) = plots(len(kinds), width=3.3, height=2.7)
    for axis, (what, rows) in zip(axes, kinds, strict=True):
        size, seconds = rows["size"].astype(float), rows["value"]
        axis.loglog(size, seconds, "o-", color=PALETTE[0], label="measured")
        bound = seconds.iloc[0] * (size / size.iloc[0]) ** required[what]
        axis.loglog(size, bound, "--", color=GREY, label="required slope")
        axis.set(title=what, xlabel=what.rpartition(" over ")[2].replace("the side", "side, pixels"), ylabel="seconds")
        axis.set_xticks(size, rows["size"])
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.minorticks_off()
    legend(figure)
    return figure


def click_curves(table: pd.DataFrame) -> Figure:
    """Draw ``clicks.csv``: IoU by number of clicks, a panel per data and model, a colour per method, dashes per level.

    For the untrained network, only its best level is drawn; clicks that are corrected at level 1 are omitted.
    """
    table = table[table["method"].isin(METHODS)].dropna(subset="clicks")
    names = table["method"] + table["level"].map(lambda level: f", level {level}" if level > 1 else "")
    table = table.assign(line=names.where(table["method"] != "untrained DGM", names + " (its best)"))
    groups = list(table.groupby(["data", "model"], sort=False))
    figure, (axes,) = plots(len(groups), width=max(3.4, 5.6 / len(groups)), height=3.4, sharey=True)
    for axis, ((data, model), rows) in zip(axes, groups, strict=True):
        untrained = rows["method"] == "untrained DGM"
        means = rows[untrained].groupby("level")["IoU"].mean()
        rows = rows[~untrained | rows["level"].isin(means.nlargest(1).index)]
        lines = rows.drop_duplicates("line").set_index("line")
        what = {"hue": "line", "palette": lines["method"].map(METHODS).to_dict()}
        what |= {"style": "line", "dashes": lines["level"].map(lambda level: DASHES.get(level, "")).to_dict()}
        lines_with_error(axis, rows, "clicks", "IoU", **what, err_kws={"alpha": 0.1, "linewidth": 0})
        axis.set(title=f"{data}\n{model}", xticks=sorted(rows["clicks"].unique()))
        axis.grid(axis="y", color=NONE, linewidth=0.8)
    axes[0].set(ylabel="IoU, mean over objects", ylim=(0, 1))
    legend(figure, "outside right upper", columns=1, fontsize=9)
    return figure


def quality_curves(table: pd.DataFrame) -> Figure:
    """Draw ``superpixels.csv``: a panel per score of `SCORES`, by number of regions, a line per method, ours thick."""
    colours = colours_of(table["method"])
    widths = {method: 3 if method == "ours" else 1.2 for method in colours}
    figure, (axes,) = plots(len(SCORES), width=3.6, height=3.6)
    for axis, (score, (meaning, better)) in zip(axes, SCORES.items(), strict=True):
        what = {"x": "regions", "y": score, "hue": "method", "palette": colours, "size": "method", "sizes": widths}
        sns.lineplot(table, **what, estimator=None, marker="o", markersize=4, markeredgewidth=0, ax=axis)
        axis.set(title=f"{score}: {better}", ylabel=meaning, xlabel="regions in an image", xscale="log")
        axis.set_xticks([64, 128, 256, 512], ["64", "128", "256", "512"])
        axis.minorticks_off()
    legend(figure)
    return figure


def _title(number: int, table: pd.DataFrame) -> str:
    seeds = table["seed"].nunique()
    return f"Table {number} on {table['data'].iloc[0]}, {seeds} seed{'s' * (seeds > 1)}"
