"""Losses as training goes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

from dgmlib.viz.style import PALETTE, row


def training_curve(log: str | Path | Sequence[Mapping]) -> Figure:
    """The weighted losses of Eq. 12: a point per record that has the task, a line through their running mean.

    Args:
        log: the ``log.jsonl`` of a run, or its records.
    """
    if isinstance(log, str | Path):
        log = [json.loads(line) for line in Path(log).read_text().splitlines()]
    table = pd.DataFrame(log)
    tasks = [name for name in table.columns if name not in ("phase", "iteration", "loss", "lr", "seconds")]
    phases = sorted(table["phase"].unique())
    figure, axes = row(len(phases), width=8.4 / len(phases), height=3.1)
    for axis, phase in zip(axes, phases, strict=True):
        for task, colour in zip(tasks, PALETTE, strict=False):
            losses = table[table["phase"] == phase].set_index("iteration")[task].dropna()
            if len(losses):
                smooth = losses.rolling(max(len(losses) // 8, 3), min_periods=1, center=True).mean()
                axis.plot(losses.index, losses, ".", color=colour, alpha=0.35, markersize=5)
                axis.plot(smooth.index, smooth, color=colour, label=task)
        titles = {0: "all tasks but texture", 1: "texture head, the rest frozen"}
        axis.set(title=titles[phase], xlabel="iteration", ylabel="weighted loss", ylim=(0, None))
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
