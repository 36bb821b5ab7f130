"""Tables 1, 2 and 3: run what they compare, write tidy csv files with provenance, render them in the paper's shape.

A result is one row: model x setting x task x metric x seed, with the name of the data it was measured on and, where we
have it, the number that the paper prints for Broden+ or ADE20K. The two are never mixed: ours carry their data's name.
"""

import os
import re
import warnings
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from joblib import Parallel, delayed

from dgmlib import experiments, paths, presets
from dgmlib.data import data_name, data_root
from dgmlib.overhead import table3 as count_table3
from dgmlib.provenance import markdown, write_table

COLUMNS = ["table", "model", "setting", "task", "metric", "value", "seed", "data", "profile", "paper"]
#: Printed for Broden+ and ADE20K, fraction of one: (table, model, setting, task, metric) -> value.
PRINTED = {
    # UPerNet's own paper; the rest of Table 1 was not at hand.
    ("1", "UPerNet", "O+P+S", "object", "mIoU"): 0.2383,
    ("1", "UPerNet", "O+P+S", "part", "mIoU"): 0.3010,
    ("1", "UPerNet", "O+P+S", "scene", "accuracy"): 0.7135,
    # The baselines of Table 2, multi-scale results of others; see `NOTES`.
    ("2", "CCNet", "O", "object", "mIoU (multi-scale)"): 0.4522,
    ("2", "APCNet", "O", "object", "mIoU (multi-scale)"): 0.4538,
    ("2", "OCNet", "O", "object", "mIoU (multi-scale)"): 0.4545,
    ("2", "UPerNet", "O", "object", "mIoU (multi-scale)"): 0.4266,
    ("2", "UPerNet", "O", "object", "pixel accuracy (multi-scale)"): 0.8101,
    ("2", "HRNetV2", "O", "object", "mIoU (multi-scale)"): 0.4320,
    ("2", "HRNetV2", "O", "object", "pixel accuracy (multi-scale)"): 0.8147,
    ("2", "DeepLabV3", "O", "object", "mIoU (multi-scale)"): 0.441,
    ("2", "DeepLabV3", "O", "object", "pixel accuracy (multi-scale)"): 0.811,
}
NOTES = {
    "1": "Printed for Broden+ with ResNet-50; only UPerNet's row of O+P+S was at hand when this was written",
    "2": "Printed for ADE20K with ResNet-101 or HRNetV2-W48: the baselines are multi-scale results of other people's "
    "code, each trained in its own way; the rows with DGM were not at hand when this was written",
}


def table1(profile: str | presets.Preset, seeds: int = 1, data: str | Path | None = None, **places) -> pd.DataFrame:
    """Table 1: its five systems in both settings; writes ``table1.csv``, ``.json`` and ``.md``.

    Args:
        profile: a preset or its name.
        seeds: how many seeds to train every cell with.
        data: root of the data set; Broden-mini is drawn where it is missing.
        **places: ``runs``, ``results`` (folders), ``workers``, ``device``, ``report``. Runs are spread over ``workers``
            processes, each with its share of the CPU's cores; a GPU takes one at a time. With ``report``, every run
            prints a line now and then.
    """
    return _measure("1", experiments.TABLE1, profile, seeds, data, **places)


def table2(profile: str | presets.Preset, seeds: int = 1, data: str | Path | None = None, **places) -> pd.DataFrame:
    """Table 2: its twelve systems on objects alone; arguments as for `table1`, with a preset such as "mini-objects"."""
    return _measure("2", experiments.TABLE2, profile, seeds, data, **places)


def _measure(
    number: str,
    systems: dict[str, experiments.System],
    profile: str | presets.Preset,
    seeds: int,
    data: str | Path | None,
    runs: Path = paths.RUNS,
    results: Path = paths.RESULTS,
    workers: int = 2,
    device: str = "auto",
    report: bool = False,
) -> pd.DataFrame:
    preset = presets.get(profile) if isinstance(profile, str) else profile
    root = data_root(preset, data, workers)
    cells = [
        experiments.Cell(preset, system, setting, seed, root, runs)
        for seed in range(seeds)
        for setting in preset.settings
        for system in systems
    ]
    workers = 1 if torch.cuda.is_available() else min(workers, len(cells))
    threads = max((os.cpu_count() or 1) // workers, 1)
    jobs = (delayed(_run_cell)(threads, report, cell, device) for cell in cells)
    with warnings.catch_warnings():
        # joblib replaces a worker whose memory has grown and says so; no run is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
        measured = Parallel(n_jobs=workers)(jobs)
    rows = []
    for cell, metrics in zip(cells, measured, strict=True):
        for name, value in metrics.items():
            where = (number, cell.system, cell.setting, *name.split("/"))  # table, model, setting, task, metric
            rows.append([*where, value, cell.seed, data_name(preset, root), preset.name, PRINTED.get(where)])
    table = pd.DataFrame(rows, columns=COLUMNS)
    facts = {"preset": asdict(preset), "seeds": seeds, "notes": NOTES[number]}
    write_table(table, f"table{number}", results, **facts)
    with paths.write_atomic(results / f"table{number}.md") as temporary:
        temporary.write_text(render(table))
    return table


def _run_cell(threads: int, report: bool, cell: experiments.Cell, device: str) -> dict[str, float]:
    # Convolutions of this size gain nothing from a second core; two runs side by side do.
    torch.set_num_threads(threads)
    name = f"{cell.system}, {cell.setting}, seed {cell.seed}"
    on_log = _Reporter(name, cell.preset.training) if report else None
    metrics = cell.metrics(device=device, progress=False, on_log=on_log)
    if report:
        print(f"  {name}: object mIoU {100 * metrics['object/mIoU']:.1f}", flush=True)
    return metrics


class _Reporter:
    """Prints how far a run is, ten times in each phase; bars of several processes would overwrite each other."""

    def __init__(self, name: str, config: presets.TrainingConfig):
        self.name, self.totals, self.first = name, (config.iterations, config.texture_iterations), {}

    def __call__(self, record: dict) -> None:
        iteration, seconds, total = record["iteration"], record["seconds"], self.totals[record["phase"]]
        first, began = self.first.setdefault(record["phase"], (iteration, seconds))
        if iteration % max(total // 10, 1) == 0 and iteration > first:
            left = (seconds - began) / (iteration - first) * (total - iteration) / 60
            print(f"  {self.name}: {iteration} of {total}, loss {record['loss']:.2f}, {left:.1f} min left", flush=True)


def render(table: pd.DataFrame) -> str:
    """Table 1 or 2 as markdown: a row per model and setting, a column per metric; percent, mean ± deviation."""
    number, data, seeds = table["table"].iloc[0], table["data"].iloc[0], table["seed"].nunique()
    shown = table.assign(column=table["task"] + " " + table["metric"])
    groups = shown.groupby(["setting", "model", "column"], sort=False)["value"]
    cells = groups.agg(lambda v: f"{100 * v.mean():.2f}" + (f" ± {100 * v.std():.2f}" if len(v) > 1 else ""))
    wide = cells.unstack().reindex(columns=shown["column"].unique()).fillna("-").reset_index()
    order = {name: i for i, name in enumerate([*shown["setting"].unique(), *shown["model"].unique()])}
    wide = wide.sort_values(["setting", "model"], key=lambda column: column.map(order))
    if wide["setting"].nunique() == 1:
        wide = wide.drop(columns="setting")
    printed = shown.dropna(subset="paper").groupby(["model", "column"], sort=False)["paper"].first()
    lines = [f"Table {number} on **{data}**, {seeds} seed{'s' * (seeds > 1)}, percent.", "", markdown(wide)]
    if len(printed):
        known = "; ".join(f"{model}, {column} {100 * v:.2f}" for (model, column), v in printed.items())
        lines += ["", f"{NOTES[number]} (other data, not comparable): {known}."]
    return "\n".join(lines) + "\n"


def table3(results: Path = paths.RESULTS) -> pd.DataFrame:
    """Table 3: parameters and FLOPs, counted; writes ``table3.csv``, ``.json`` and ``.md`` to ``results``."""
    counted = count_table3()
    rows = []
    for row in counted.to_dict("records"):
        for metric, printed in (("parameters", "printed parameters"), ("gflops", "printed gflops")):
            facts = ["3", row["module"], "769 x 769", "overhead", metric, row[metric], "", "counted", "", row[printed]]
            rows.append(dict(zip(COLUMNS, facts, strict=True)))
    table = pd.DataFrame(rows, columns=COLUMNS)
    convention = "FLOPs are 2 x multiply-accumulate of one forward pass at 769 x 769, without classifier."
    notes = dict(zip(counted["module"], counted["printed row"], strict=True))
    write_table(table, "table3", results, convention=convention, what_the_printed_row_counted=notes)
    shown = pd.DataFrame(
        {
            "module": counted["module"],
            "parameters": counted["parameters"].map("{:,}".format),
            "printed": (counted["printed parameters"] / 1e6).map("{:.3f}M".format),
            "GFLOP": counted["gflops"].map("{:.2f}".format),
            "printed ": counted["printed gflops"].map("{:.1f}".format),
            "what the printed row counted": counted["printed row"],
        }
    )
    with paths.write_atomic(results / "table3.md") as temporary:
        temporary.write_text(f"Table 3, counted: {convention}\n\n{markdown(shown)}\n")
    return table


def refresh_readme(readme: Path = paths.ROOT / "README.md", results: Path = paths.RESULTS) -> None:
    """Copy ``results/NAME.md`` between the README's comments ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    text = readme.read_text()
    for name in re.findall(r"<!-- /(\w+) -->", text):
        rendered = (results / f"{name}.md").read_text()
        block = f"<!-- {name} -->\n{rendered}<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*<!-- /{name} -->", lambda _, block=block: block, text, flags=re.DOTALL)
    if text != readme.read_text():
        with paths.write_atomic(readme) as temporary:
            temporary.write_text(text)
