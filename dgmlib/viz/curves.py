"""Curves of a run's log, ``log.jsonl`` or its records: losses, and how much the graph contributes."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import seaborn as sns
from IPython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgmlib.viz.style import GREY, PALETTE, colours_of, legend, plots
from dgmlib.vocabulary import TASKS

PHASES = {0: "all tasks but texture", 1: "texture head, the rest frozen"}
#: Shares that measure the graph's contribution: title, and the percentage below which a level counts as not heard.
SHARES = {
    "residual share": ("residual's share of F + Fhat", 10),
    "graph share": ("graph's share of what Re-projection reads", 5),
}


def training_curve(log: str | Path | Sequence[Mapping]) -> Figure:
    """Draw the weighted losses of Eq. 12: a point per record that has the task, and a line at their running mean.

    Raises:
        ValueError: if the log has no records yet.
    """
    table = _records(log)
    if table.empty:
        raise ValueError("the log has no records yet; draw it after the first ten iterations.")
    losses = table.melt(["phase", "iteration"], [task for task in TASKS if task in table], "task", "weighted loss")
    phases = losses.dropna().groupby("phase")
    figure, (axes,) = plots(len(phases), width=8.4 / len(phases), height=3.1)
    for axis, (phase, rows) in zip(axes, phases, strict=True):
        _running_mean(axis, rows, "weighted loss", "task", dict(zip(TASKS, PALETTE, strict=False)))
        axis.set(title=PHASES[phase], ylim=(0, None))
        axis.legend(frameon=False, fontsize=9)
    return figure


def loss_curves(table: pd.DataFrame) -> Figure:
    """Draw losses of several networks over the same batches, a colour each: columns "iteration", "network", "loss"."""
    figure, ((axis,),) = plots(1, width=6.4, height=3.1)
    _running_mean(axis, table, "loss", "network", colours_of(table["network"]))
    axis.legend(frameon=False, fontsize=9)
    return figure


class LiveCurve:
    """``train(..., on_log=LiveCurve())`` redraws the curve in place in Jupyter; elsewhere it only keeps the records."""

    def __init__(self):
        self.records, self._shown = [], None

    def __call__(self, record: Mapping) -> None:
        """Take one record of the log."""
        self.records.append(dict(record))
        if self._shown:
            self._shown.update(training_curve(self.records))
        elif hasattr(get_ipython(), "kernel"):
            self._shown = display(training_curve(self.records), display_id=True)


def heard(table: pd.DataFrame) -> Figure:
    """Draw both shares by level, a colour per model, a point per row and a line at their mean. Dashed: our thresholds.

    Args:
        table: columns "model", "level", "name" ("residual share" or "graph share"; other rows are ignored) and "value",
            a fraction; for example, one row per seed.
    """
    table = table[table["name"].isin(SHARES)]
    colours = colours_of(table["model"])
    apart = 0.8 * (1 - 1 / len(colours))  # of the means, as stripplot does with the points

    def points_and_means(axis: Axes, rows: pd.DataFrame) -> None:
        what = {"x": "level", "y": "percent", "hue": "model", "palette": colours, "hue_order": colours, "ax": axis}
        sns.stripplot(rows, **what, dodge=True, jitter=False, size=4, alpha=0.6, legend=False)
        sns.pointplot(rows, **what, dodge=apart or False, errorbar=None, linestyle="none", marker="_", markersize=9)

    return _panels(points_and_means, table, 1 + len(colours) // 2)


def heard_in_training(log: str | Path | Sequence[Mapping]) -> Figure:
    """Draw both shares over the first phase of training, a colour per level, as `training_curve` draws losses.

    Raises:
        ValueError: if the log has no shares.
    """
    table = _records(log).reindex(columns=["phase", "iteration", *SHARES]).dropna()
    if table.empty:
        raise ValueError("the log has no residual share and graph share; train a network with a Deep Grouping Model.")
    table = table[table["phase"] == table["phase"].min()].explode(list(SHARES))
    table["level"] = (table.groupby(level=0).cumcount() + 1).map("level {}".format)
    tidy = table.melt(["iteration", "level"], list(SHARES), "name").astype({"value": float})
    return _panels(lambda axis, rows: _running_mean(axis, rows, "percent", "level", colours_of(rows["level"])), tidy, 1)


def _panels(draw: Callable[[Axes, pd.DataFrame], None], table: pd.DataFrame, rows: int) -> Figure:
    """Draw a plot per share, with room for a legend of ``rows`` rows below."""
    figure, (axes,) = plots(2, width=4.2, height=2.8 + 0.2 * rows, sharey=True)
    for axis, (name, (title, least)) in zip(axes, SHARES.items(), strict=True):
        draw(axis, table[table["name"] == name].assign(percent=lambda shares: 100 * shares["value"]))
        axis.axhline(least, color=GREY, linestyle="--", linewidth=0.8, label="our threshold")
        axis.set_title(title, fontsize=10)
    # Set after drawing, because seaborn computes a different mean on a scale that is not linear.
    axes[0].set_yscale("symlog", linthresh=0.01, linscale=0.4)
    axes[0].set(ylim=(0.1 if table["value"].min() > 0.001 else 0, 100))
    axes[0].yaxis.set_major_formatter("{x:g}")
    legend(figure, columns=2 if rows > 1 else None, fontsize=9)
    return figure


def _records(log: str | Path | Sequence[Mapping]) -> pd.DataFrame:
    if isinstance(log, str | Path):
        log = [json.loads(line) for line in Path(log).read_text().splitlines() if line.endswith("}")]
    return pd.DataFrame(log)


def _running_mean(axis: Axes, rows: pd.DataFrame, y: str, hue: str, colours: Mapping[str, str]) -> None:
    """Draw pale points by "iteration", and for every colour a line at their running mean over an eighth of them."""
    mean = rows.groupby(hue, sort=False)[y].transform(
        lambda values: values.rolling(max(len(values) // 8, 3), min_periods=1, center=True).mean()
    )
    what = {"x": "iteration", "hue": hue, "palette": colours, "ax": axis}
    sns.scatterplot(rows, y=y, **what, s=12, alpha=0.35, linewidth=0, legend=False)
    sns.lineplot(rows.assign(mean=mean), y="mean", **what, estimator=None)
    axis.set(ylabel=y)
