"""How well groups agree with labels, level by level, beside the controls."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from dgmlib.viz.style import DPI, PALETTE, NotebookFigure

#: What is drawn: (suffix of the model's name, method) -> name, colour, marker.
CURVES = {
    ("", "DGM"): ("DGM", PALETTE[5], "o"),
    ("", "colour"): ("superpixels merged by colour", PALETTE[0], "s"),
    ("", "superpixels"): ("superpixels' own hierarchy", PALETTE[2], "^"),
    (" untrained", "DGM"): ("untrained DGM", PALETTE[3], "x"),
}


def agreement_curves(table: pd.DataFrame, model: str) -> Figure:
    """Purity (top) and variation of information (bottom) against the number of groups; a panel per data and labels.

    A point is a level, level 1 on the right. Dotted: the number of labels in an image, and one single group.

    Args:
        table: as `dgmlib.measure.grouping.summarise` returns it, or ``results/grouping.csv``.
        model: of the column "model"; it is drawn with its controls.
    """
    names = [model + suffix for suffix, _ in CURVES]
    table = table[table["model"].isin(names)]
    kinds = list(table.groupby(["data", "labels"], sort=False))
    figure = NotebookFigure(figsize=(3.3 * len(kinds), 5.4), dpi=DPI, layout="constrained")
    axes = figure.subplots(2, len(kinds), squeeze=False, sharex="col", sharey="row")
    for column, ((data, labels), rows) in zip(axes.T, kinds, strict=True):
        values = rows.set_index(["model", "method", "metric", "level"]).sort_index()
        for axis, metric in zip(column, ("purity", "VI"), strict=True):
            for (suffix, method), (name, colour, marker) in CURVES.items():
                own = values.loc[(model + suffix, method)]
                style = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.2, "label": name}
                axis.errorbar(own.loc["groups", "mean"], own.loc[metric, "mean"], own.loc[metric, "error"], **style)
            grey = {"color": "#8a8a8a", "linestyle": ":", "linewidth": 1.2}
            axis.axhline(values.loc[(model, "one group", metric), "mean"].iloc[0], **grey)
            axis.axvline(values.loc[(model, "DGM", "segments"), "mean"].iloc[0], **grey)
            axis.spines[["top", "right"]].set_visible(False)
        column[0].set_title(f"{data}, {labels}s")
        column[1].set(xscale="log", xlabel="groups in an image")
        column[1].set_xticks([1, 3, 10, 30, 100])
        column[1].xaxis.set_major_formatter(ScalarFormatter())
    axes[0, 0].set_ylabel("purity")
    axes[1, 0].set(ylabel="VI, bits", ylim=(0, None))
    entries = axes[0, 0].get_legend_handles_labels()
    figure.legend(*entries, loc="outside lower center", ncols=2 if len(kinds) < 3 else len(CURVES), frameon=False)
    return figure
