"""Tables 1, 2 and 3: run their systems, write tidy csv files with provenance, render them in the paper's layout.

A result is one row: model x setting x task x metric x seed, with the name of the data it was measured on and, if any,
the number that the paper prints for Broden+ or ADE20K. The two are never mixed: ours carry their data's name.
"""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import delayed
from torch import nn

from dgmlib import cluster, experiments, paths, presets
from dgmlib.data import data_name, data_root
from dgmlib.decoders import CCNet
from dgmlib.decoders.context import CrissCrossAttention
from dgmlib.launch import resolved
from dgmlib.measure.modules import RESNET, SIDE, count, table3_modules
from dgmlib.measure.study import markdown, plus_minus, publish
from dgmlib.parallel import parallel, processes

#: Tables 1 and 2: their systems, others available by name, and the suffix of their presets after a profile's name.
ROWS = {"1": (experiments.TABLE1, experiments.APPENDIX, ""), "2": (experiments.TABLE2, {}, "-objects")}
COLUMNS = ["table", "model", "setting", "task", "metric", "value", "seed", "data", "profile", "paper"]
#: All numbers that the paper prints in Tables 1-3, scores as fractions of one.
PRINTED = pd.read_csv(Path(__file__).with_name("printed.csv"), dtype={"table": str})
NOTES = {
    "1": "Printed in the paper for **Broden+** with ResNet-50, APCNet's dilated, one number each (other data and "
    "another size, not to be compared with ours); for UPerNet's texture, DGM's authors trained its released model "
    "further (35.10 in UPerNet's paper)",
    "2": "Printed in the paper for **ADE20K** (other data and another size, not to be compared with ours); UPerNet, "
    "HRNetV2 and DeepLabV3 equal results that others published for ResNet-101 or HRNetV2-W48, with their own settings",
}


def scored(
    number: str,
    profile: str = "mini",
    seeds: int = 1,
    data: Path | None = None,
    systems: tuple[str, ...] = (),
    pretrained: str = "",
    runs: Path = paths.RUNS,
    out: Path = paths.RESULTS,
    workers: int = 2,
    device: str = "auto",
    report: bool = False,
    scheduler: str = "",
) -> pd.DataFrame:
    """Train and score the systems of Table 1 or 2 in all its settings; write ``table1.{csv,json,md}`` or table2's.

    Finished cells are read back, so the same command continues after an interruption.

    Args:
        number: "1" or "2".
        profile: preset: mini, paper or smoke.
        seeds: number of seeds to train every system with.
        data: root of the data set; Broden-mini is drawn if it is missing.
        systems: rows of the table, by default all; for Table 1, GCU, HRNetV2 and HRNetV2 + DGM (appendix) on request.
        pretrained: ImageNet weights to start from, as for `dgmlib train`.
        runs: folder of all runs.
        out: output folder for the table.
        workers: number of processes that share the runs and the CPU's cores; a GPU takes one run at a time.
        device: auto, cpu or cuda.
        report: whether every run prints its progress in lines.
        scheduler: address of a Dask cluster that runs every cell as a task, in place of ``workers``, see
            `dgmlib.cluster`; its workers must see data and runs in the same folders.
    """
    known, others, suffix = ROWS[number]
    if unknown := sorted(set(systems) - set(known | others)):
        raise ValueError(f"Table {number} has no {', '.join(unknown)}; choose from {', '.join(known | others)}.")
    if pretrained and Path(pretrained).exists():  # valid from any folder
        pretrained = str(Path(pretrained).absolute())
    preset = presets.with_weights(presets.get(profile + suffix), pretrained)
    root = data_root(preset, data, workers)
    cells = cells_of(preset, systems or known, seeds, root.absolute(), runs.absolute())
    if scheduler:
        tasks = {f"{cell.folder} on {device}": (None, report, cell, device) for cell in cells}
        measured = cluster.spread(scheduler, _run_cell, tasks)
    else:
        measured = side_by_side(cells, workers, report, device)
    data = data_name(preset, root)
    rows = [
        [number, cell.system, cell.setting, *name.split("/"), value, cell.seed, data, preset.name]
        for cell, metrics in zip(cells, measured, strict=True)
        for name, value in metrics.items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS[:-1]).merge(PRINTED, how="left")
    heard = {_name(cell): numbers for cell in cells if (numbers := cell.heard())}
    facts = {"preset": asdict(preset), "seeds": seeds, "notes": NOTES[number], "heard": heard, "made": origins(cells)}
    publish(f"table{number}", table, lambda rows: render(rows) + render_heard(heard), out, **facts)
    return table


table1, table2 = partial(scored, "1"), partial(scored, "2")


def cells_of(
    preset: presets.Preset, systems: Iterable[str], seeds: int, data: Path, runs: Path = paths.RUNS
) -> list[experiments.Cell]:
    """Create the cells of some systems in all settings of a preset, seed by seed.

    Raises:
        ValueError: if ``seeds`` is less than 1.
    """
    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1, not {seeds}.")
    rows = product(range(seeds), preset.settings, systems)
    return [experiments.Cell(preset, system, setting, seed, data, runs) for seed, setting, system in rows]


def side_by_side(cells: Sequence[experiments.Cell], workers: int, report: bool, device: str) -> list[dict[str, float]]:
    """Score cells in processes that share the CPU's cores, or one by one on a GPU; arguments as for `scored`."""
    workers = 1 if resolved(device) == "cuda" else min(processes(workers), len(cells))
    # Convolutions of this size gain nothing from a second core; two parallel runs do. OMP_NUM_THREADS is respected.
    threads = max(torch.get_num_threads() // max(workers, 1), 1)
    with warnings.catch_warnings():
        # joblib warns when it replaces a worker whose memory has grown; no run is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
        return parallel(workers)(delayed(_run_cell)(threads, report, cell, device) for cell in cells)


def origins(cells: Iterable[experiments.Cell]) -> dict[str, list[str]]:
    """Map commit and machine to the cells made there; finished cells may be older than a table that reads them."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        found.setdefault(cell.made(), []).append(_name(cell))
    return found


def _name(cell: experiments.Cell) -> str:
    return f"{cell.system}, {cell.setting}, seed {cell.seed}"


def _run_cell(threads: int | None, report: bool, cell: experiments.Cell, device: str) -> dict[str, float]:
    """Score a cell; each phase prints ten lines, because bars of several processes would overwrite each other."""
    if threads:
        torch.set_num_threads(threads)
    name, training, began = _name(cell), cell.preset.training, {}
    totals = training.iterations, training.texture_iterations

    def on_log(record: dict) -> None:
        iteration, seconds, total = record["iteration"], record["seconds"], totals[record["phase"]]
        first, start = began.setdefault(record["phase"], (iteration, seconds))
        if iteration % max(total // 10, 1) == 0 and iteration > first:
            left = (seconds - start) / (iteration - first) * (total - iteration) / 60
            print(f"  {name}: {iteration} of {total}, loss {record['loss']:.2f}, {left:.1f} min left", flush=True)

    metrics = cell.metrics(device=device, progress=False, on_log=on_log if report else None)
    if report:
        print(f"  {name}: object mIoU {100 * metrics['object/mIoU']:.1f}", flush=True)
    return metrics


def render(table: pd.DataFrame) -> str:
    """Render Table 1 or 2 as markdown: a row per model and setting, a column per metric; percent, mean ± deviation."""
    number, data, seeds = table["table"].iloc[0], table["data"].iloc[0], table["seed"].nunique()
    made = f"{seeds} seeds (± standard deviation over them)" if seeds > 1 else "1 seed"
    text = f"Table {number} on **{data}**, {made}, percent.\n\n{_wide(table, 'value')}\n"
    printed = table.dropna(subset="paper").drop_duplicates(["setting", "model", "task", "metric"])
    printed = printed.assign(metric=printed["metric"].str.removesuffix(" (multi-scale)"))  # not stated in the paper
    return text + (f"\n{NOTES[number]}:\n\n{_wide(printed, 'paper')}\n" if len(printed) else "")


def _wide(table: pd.DataFrame, column: str) -> str:
    """Render a column's fractions in percent: one row per model and setting, one column per metric."""
    shown = table.assign(metric=table["task"] + " " + table["metric"], percent=100 * table[column])
    cells = shown.groupby(["setting", "model", "metric"], sort=False)["percent"]
    wide = plus_minus(cells.mean(), cells.std(), 2).unstack(sort=False).fillna("-").reset_index()
    return markdown(wide.drop(columns=["setting"] * (wide["setting"].nunique() == 1)))


def render_heard(heard: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Render one line per row with a Deep Grouping Model: both shares of `Grouping` by level, means over seeds."""
    if not heard:
        return ""
    rows = {}
    for run, numbers in heard.items():
        rows.setdefault(run.rpartition(", seed")[0], []).append(numbers)
    lines = [
        "\nWhat reaches the decoder and Re-projection: shares of the residual in F^l + Fhat^l and of the graph in what "
        "Re-projection reads, percent, by level. Without top-down V^1 is U^1, so that level 1 has half by "
        "construction.\n"
    ]
    for row, seeds in rows.items():
        shares = (np.mean([numbers[name] for numbers in seeds], 0) for name in ("residual share", "graph share"))
        residual, graph = (" / ".join(f"{100 * share:.1f}" for share in by_level) for by_level in shares)
        lines.append(f"- {row}: residual {residual}, graph {graph}")
    return "\n".join(lines) + "\n"


def table3(out: Path = paths.RESULTS) -> pd.DataFrame:
    """Count Table 3's parameters and FLOPs; write ``table3.{csv,json,md}`` with the printed numbers for comparison.

    Args:
        out: output folder for the table.
    """
    counts = {name: count(module, *inputs) for name, (module, inputs) in table3_modules(context="meta").items()}
    with torch.device("meta"):
        criss_cross = count(CrissCrossAttention(512), torch.empty(1, 512, 97, 97))
        norms = [m.weight.numel() for m in CCNet(RESNET).modules() if isinstance(m, nn.BatchNorm2d)]
    # With a classifier of 19 classes, and without the weights and biases of the normalisations.
    rcca = counts["RCCA"].parameters + 19 * (512 + 1) - 2 * sum(norms)
    dgm = (
        "Parameters: ours, with a split into layers that is inferred from these two numbers. "
        'FLOPs: undetermined; Sec. 5.6 says "before and after adding" the module, not what counts as an operation.'
    )
    notes = {
        "DGM w/o top-down": dgm,
        "DGM": dgm,
        "OCP (ASP-OC)": "Parameters: the whole module without a classifier, exactly. "
        "FLOPs: reproduced by no set of its layers.",
        "RCCA": f"Parameters: with a classifier of 19 classes and without normalisations, {rcca:,}. "
        f"FLOPs: criss-cross attention alone, applied twice, {2 * criss_cross.flops / 1e9:.2f} G.",
    }
    rows = [
        ["3", name, f"{SIDE} x {SIDE}", "overhead", metric, value, "", "counted", ""]
        for name, (parameters, flops) in counts.items()
        for metric, value in (("parameters", parameters), ("gflops", flops / 1e9))
    ]
    table = pd.DataFrame(rows, columns=COLUMNS[:-1]).merge(PRINTED, how="left")
    convention = f"FLOPs are 2 x multiply-accumulate of one forward pass at {SIDE} x {SIDE}, without classifier."

    def render(rows: pd.DataFrame) -> str:
        size, cost = (rows[rows["metric"] == metric].reset_index() for metric in ("parameters", "gflops"))
        shown = {
            "module": size["model"],
            "parameters": size["value"].map("{:,.0f}".format),
            "printed parameters": (size["paper"] / 1e6).map("{:.3f}M".format),
            "GFLOP": cost["value"].map("{:.2f}".format),
            "printed GFLOP": cost["paper"].map("{:.1f}".format),
            "what the printed row counted": size["model"].map(notes),
        }
        return f"Table 3, counted: {convention}\n\n{markdown(pd.DataFrame(shown))}\n"

    publish("table3", table, render, out, convention=convention, what_the_printed_row_counted=notes)
    return table


def refresh_readme(readme: Path = paths.RESULTS / "README.md", results: Path = paths.RESULTS) -> None:
    """Copy ``results/NAME.md`` between comments ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    text = readme.read_text()
    for name in re.findall(r"<!-- /(\w+) -->", text):
        rendered = (results / f"{name}.md").read_text()
        block = f"<!-- {name} -->\n{rendered}<!-- /{name} -->"
        text = re.sub(rf"<!-- {name} -->.*<!-- /{name} -->", lambda _, block=block: block, text, flags=re.DOTALL)
    if text != readme.read_text():
        with paths.write_atomic(readme) as temporary:
            temporary.write_text(text)
