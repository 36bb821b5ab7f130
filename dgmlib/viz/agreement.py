"""How well groups agree with labels, level by level, beside the controls."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from dgmlib.viz.style import DPI, GREY, PALETTE, NotebookFigure, legend, within_error

#: What is drawn, name -> (suffix of the model's name, method), with colours and markers.
CURVES = {
    "DGM": ("", "DGM"),
    "superpixels merged by colour": ("", "colour"),
    "superpixels' own hierarchy": ("", "superpixels"),
    "untrained DGM": (" untrained", "DGM"),
}
COLOURS = dict(zip(CURVES, (PALETTE[5], PALETTE[0], PALETTE[2], PALETTE[3]), strict=True))
MARKERS = dict(zip(CURVES, "os^X", strict=True))


def agreement_curves(table: pd.DataFrame, model: str) -> Figure:
    """Purity (top) and variation of information (bottom) against the number of groups; a panel per data and labels.

    A point is a level, level 1 on the right. Dotted: the number of labels in an image, and one single group.

    Args:
        table: rows of ``results/grouping.csv``.
        model: of the column "model"; it is drawn with its controls.
    """
    names = {(model + suffix, method): name for name, (suffix, method) in CURVES.items()}
    names[model, "one group"] = "one group"
    table = table.assign(curve=[names.get(pair) for pair in zip(table["model"], table["method"], strict=True)])
    kinds = list(table.dropna(subset="curve").groupby(["data", "labels"], sort=False))
    figure = NotebookFigure(figsize=(3.3 * len(kinds), 5.4), dpi=DPI, layout="constrained")
    axes = figure.subplots(2, len(kinds), squeeze=False, sharex="col", sharey="row")
    for column, ((data, labels), rows) in zip(axes.T, kinds, strict=True):
        means = rows.set_index(["metric", "curve", "level"])["mean"].sort_index()
        rows = rows.join(means["groups"].rename("groups"), on=["curve", "level"])
        for axis, (metric, title) in zip(column, {"purity": "purity", "VI": "VI, bits"}.items(), strict=True):
            points = within_error(rows[rows["metric"] == metric], "mean")
            what = {"hue": "curve", "style": "curve", "hue_order": CURVES, "style_order": CURVES, "palette": COLOURS}
            style = {"errorbar": ("pi", 100), "err_style": "bars", "markersize": 7, "linewidth": 1.2}
            sns.lineplot(points, x="groups", y="mean", **what, markers=MARKERS, dashes=False, **style, ax=axis)
            axis.axhline(means[metric, "one group"].iloc[0], color=GREY, linestyle=":", linewidth=1.2)
            axis.axvline(means["segments", "DGM"].iloc[0], color=GREY, linestyle=":", linewidth=1.2)
            axis.set(xlabel="groups in an image", ylabel=title)
            axis.label_outer()
            axis.spines[["top", "right"]].set_visible(False)
        column[0].set_title(f"{data}, {labels}s")
        column[1].set_xscale("log")
        column[1].set_xticks([1, 3, 10, 30, 100])
        column[1].xaxis.set_major_formatter(ScalarFormatter())
    axes[1, 0].set_ylim(0, None)
    legend(figure, columns=2 if len(kinds) < 3 else len(CURVES))
    return figure
