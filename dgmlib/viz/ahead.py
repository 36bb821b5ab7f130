"""Leads over UPerNet, in points with 95 % intervals: by number of Table 1, and by what was changed."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgmlib.viz.style import GREY, NONE, PALETTE, colours_of, legend, plots

#: `evidence`: a system's offset in its row, and its marker; below, the colours of verdicts.
SHIFTS = {"DGM": (-0.17, "o"), "DGM w/o graph": (0.17, "s")}
WIDTHS = {"seeds": 1.2, "images": 5}  # of the lines that show intervals
WHOLE_IMAGES = ("scene/accuracy", "texture/accuracy")  # of few images, so their intervals may exceed a panel
WIDEST = 7  # points that `ablation` shows; larger leads are written as text
VERDICTS = {"ahead": PALETTE[0], "undecided": GREY, "behind": PALETTE[5]}


def evidence(table: pd.DataFrame) -> Figure:
    """Draw ``evidence.csv``: how far systems are ahead of UPerNet, a panel per data and setting, a row per number.

    Thin: the 95 % interval over seeds; thick: over images. Blue if both lie above zero, orange if both lie below.
    A panel is as wide as its intervals, except those of `WHOLE_IMAGES`: leads beyond it are written at its edge.
    """
    table = table[table["model"].isin(SHIFTS) & table["over"].isin(["seeds", "images"])]
    numbers = list(table["number"].unique())
    shifts = table["model"].map({model: shift for model, (shift, _) in SHIFTS.items()})
    table = table.assign(place=table["number"].map(numbers.index) + shifts, colour=table["verdict"].map(VERDICTS))
    groups = list(table.groupby(["data", "setting"], sort=False))
    size = {"width": 3.8, "height": 0.9 + 0.42 * len(numbers)}
    figure, (axes,) = plots(len(groups), **size, sharey=True)
    for axis, ((data, setting), rows) in zip(axes, groups, strict=True):
        _rows_beside_zero(axis, f"{data}, {setting}", [number.replace("/", " ") for number in numbers])
        for row in rows.dropna(subset=["low", "high"]).itertuples():
            line = {"color": row.colour, "linewidth": WIDTHS[row.over], "alpha": 0.6, "solid_capstyle": "butt"}
            axis.plot([100 * row.low, 100 * row.high], [row.place] * 2, **line)
        for row in rows.drop_duplicates(["number", "model"]).itertuples():
            style = {"color": row.colour, "markersize": 6, "markeredgecolor": "white"}
            axis.plot(100 * row.value, row.place, SHIFTS[row.model][1], **style)
        ends = rows.loc[~rows["number"].isin(WHOLE_IMAGES), ["low", "high"]].abs().max(axis=None)
        if ends > 0:  # NaN if there is no such interval
            axis.set_xlim(-105 * ends, 105 * ends)
            for row in rows[(rows["over"] == "seeds") & (rows["value"].abs() > 1.05 * ends)].itertuples():
                left = row.value < 0
                text = f"← {100 * row.value:+.1f}" if left else f"{100 * row.value:+.1f} →"
                style = {"ha": "left" if left else "right", "va": "center", "fontsize": 8}
                style |= {"color": row.colour, "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1}}
                axis.text(-103 * ends if left else 103 * ends, row.place, text, **style)
    for model, (_, marker) in SHIFTS.items():
        axes[0].plot([], [], marker, color="black", label=model)
    for name in (name for name in VERDICTS if (table["verdict"] == name).any()):
        axes[0].plot([], [], color=VERDICTS[name], linewidth=5, label=name)
    for name, width in WIDTHS.items():
        axes[0].plot([], [], color="black", linewidth=width, alpha=0.6, label=f"95 % over {name}")
    legend(figure, columns=4)
    return figure


def ablation(summary: pd.DataFrame, score: str = "mIoU") -> Figure:
    """Draw `dgmlib.measure.ablation.summary`: how far candidates are ahead of UPerNet in a score, by question.

    A panel per data set; lines are 95 % intervals over seeds. Dashed: DGM.
    """
    rows = summary[(summary["score"] == score) & (summary["candidate"] != "UPerNet")]
    figure = _spans(rows, "candidate", "question", 0.24)
    places = list(rows["candidate"].unique())
    for axis, (_, each) in zip(figure.axes, rows.groupby("data", sort=False), strict=True):
        each = each[each["beside"] == "UPerNet"]
        dgm = each.loc[each["candidate"] == "DGM", "ahead"]
        axis.axvline(dgm.mean(), color=GREY, linestyle="--", linewidth=1, zorder=0)
        axis.set_xlim(right=WIDEST)
        for row in each[each["ahead"] > WIDEST].itertuples():
            text = {"ha": "right", "va": "center", "fontsize": 8, "backgroundcolor": "white"}
            axis.text(WIDEST, places.index(row.candidate), f"{row.ahead:.1f} ± {row.reach:.1f} →", **text)
    return figure


def where_ahead(summary: pd.DataFrame, candidates: Sequence[str]) -> Figure:
    """Draw `dgmlib.measure.ablation.summary`: how far some candidates are ahead of UPerNet, score by score.

    A panel per data set; lines are 95 % intervals over seeds.
    """
    return _spans(summary[summary["candidate"].isin(candidates)], "score", "candidate", 0.8)


def _spans(summary: pd.DataFrame, by: str, hue: str, height: float) -> Figure:
    """Draw points ahead of UPerNet: a panel per data set, a row per ``by``, a colour per ``hue``."""
    rows = summary[summary["beside"] == "UPerNet"]
    data, places, colours = rows.groupby("data", sort=False), list(rows[by].unique()), colours_of(rows[hue])
    several = rows.duplicated(["data", by]).any()  # colours in one row are offset
    figure, (axes,) = plots(len(data), width=max(4.4, 7.5 / len(data)), height=1.0 + height * len(places), sharey=True)
    for axis, (title, each) in zip(axes, data, strict=True):
        _rows_beside_zero(axis, title, places)
        for i, (name, colour) in enumerate(colours.items()):
            group = each[each[hue] == name]
            where = [places.index(place) + several * 0.12 * (i - (len(colours) - 1) / 2) for place in group[by]]
            style = {"color": colour, "markersize": 6, "linewidth": 1.5, "label": name}
            axis.errorbar(group["ahead"], where, xerr=group["reach"].fillna(0), fmt="o", **style)
    legend(figure, columns=2)
    return figure


def _rows_beside_zero(axis: Axes, title: str, names: Sequence[str]) -> None:
    """Set up a row for every name, the first on top, and a line at zero for UPerNet."""
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set(title=title, xlabel="points ahead of UPerNet", ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.grid(axis="y", color=NONE, linewidth=0.8)
