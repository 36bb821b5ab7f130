"""Losses as training goes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import seaborn as sns
from IPython import get_ipython
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dgmlib.viz.style import PALETTE, row
from dgmlib.vocabulary import TASKS

PHASES = {0: "all tasks but texture", 1: "texture head, the rest frozen"}


def training_curve(log: str | Path | Sequence[Mapping]) -> Figure:
    """The weighted losses of Eq. 12: a point per record that has the task, a line through their running mean.

    Args:
        log: the ``log.jsonl`` of a run, or its records.
    """
    table = records(log)
    losses = table.melt(["phase", "iteration"], [task for task in TASKS if task in table], "task", "weighted loss")
    phases = losses.dropna().groupby("phase")
    figure, axes = row(len(phases), width=8.4 / len(phases), height=3.1)
    for axis, (phase, rows) in zip(axes, phases, strict=True):
        running_mean(axis, rows, "weighted loss", "task", dict(zip(TASKS, PALETTE, strict=False)))
        axis.set(title=PHASES[phase], ylim=(0, None))
        axis.legend(frameon=False, fontsize=9)
    return figure


def records(log: str | Path | Sequence[Mapping]) -> pd.DataFrame:
    """A run's log, a row per record, from ``log.jsonl`` or the records themselves."""
    if isinstance(log, str | Path):
        log = [json.loads(line) for line in Path(log).read_text().splitlines()]
    return pd.DataFrame(log)


def running_mean(axis: Axes, rows: pd.DataFrame, y: str, hue: str, colours: Mapping[str, str]) -> None:
    """Draw pale points by "iteration", and for every colour a line through their mean over an eighth of them."""
    mean = rows.groupby(hue, sort=False)[y].transform(
        lambda values: values.rolling(max(len(values) // 8, 3), min_periods=1, center=True).mean()
    )
    what = {"x": "iteration", "hue": hue, "palette": colours, "ax": axis}
    sns.scatterplot(rows, y=y, **what, s=12, alpha=0.35, linewidth=0, legend=False)
    sns.lineplot(rows.assign(mean=mean), y="mean", **what, estimator=None)
    axis.set(ylabel=y)


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
