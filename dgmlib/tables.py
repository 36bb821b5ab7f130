"""Tables 1 and 3: run what they compare, write tidy csv files with provenance, render them in the paper's shape.

A result is one row: model x setting x task x metric x seed, with the name of the data it was measured on and, where we
have it, the number that the paper prints for Broden+. The two are never mixed: ours carry their data's name.
"""

import hashlib
import json
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import pandas as pd
import torch
from joblib import Parallel, delayed

from dgmlib import paths, presets
from dgmlib.backbones.weights import load_backbone
from dgmlib.broden import BrodenPlus, mini
from dgmlib.checkpoints import load_model
from dgmlib.evaluation import evaluate
from dgmlib.overhead import table3 as count_table3
from dgmlib.parsing import PerceptualParser
from dgmlib.provenance import markdown, write_table
from dgmlib.training import train

#: Rows of Table 1 that this version trains, and their ``dgm`` argument.
MODELS = {"UPerNet": None, "DGM w/o top-down": "no_top_down", "DGM": "full"}
#: Settings of Table 1 and their tasks.
SETTINGS = {
    "O+P+S": ("object", "part", "scene"),
    "O+P+S+M+T": ("object", "part", "scene", "material", "texture"),
}
COLUMNS = ["table", "model", "setting", "task", "metric", "value", "seed", "data", "profile", "paper"]
#: Printed for Broden+, fraction of one. UPerNet's own paper; see `notes` of results/table1.json for what is missing.
PRINTED = {
    ("UPerNet", "O+P+S", "object", "mIoU"): 0.2383,
    ("UPerNet", "O+P+S", "part", "mIoU"): 0.3010,
    ("UPerNet", "O+P+S", "scene", "accuracy"): 0.7135,
}


def data_root(preset: presets.Preset, root: str | Path | None = None, workers: int = 2) -> Path:
    """Return the folder of a preset's data set; Broden-mini is generated there if it is not complete.

    Raises:
        ValueError: for a preset on Broden+ without ``root``.
    """
    if preset.mini:
        return mini.generate(root or paths.DATA / f"broden-{preset.mini}", counts=preset.mini, workers=workers)
    if root is None:
        raise ValueError(f"preset {preset.name!r} runs on {preset.data}, which you bring: pass the folder as data=.")
    return Path(root)


def train_cell(
    preset: presets.Preset,
    model: str,
    setting: str,
    seed: int,
    data: Path,
    runs: Path = paths.RUNS,
    device: str = "auto",
    progress: bool | None = None,
    on_log: Callable[[dict], None] | None = None,
) -> Path:
    """Train one cell of Table 1 into a folder of its own; a finished one is left alone, an interrupted one continued.

    Args:
        preset: the run's settings.
        model: a key of `MODELS`.
        setting: a key of `SETTINGS`.
        seed: of the weights, the order of the images and the starting vertices.
        data: root of the data set.
        runs: folder of all runs.
        device: see `train`.
        progress: see `train`.
        on_log: see `train`.

    Returns:
        The run's folder, with "model.safetensors" and "model.json" for `load_model(folder / "model")`.
    """
    out = cell_folder(preset, model, setting, seed, data, runs)
    tasks = SETTINGS[setting]
    dataset = BrodenPlus(data, "train", tasks)
    torch.manual_seed(seed)
    network = PerceptualParser.from_preset(preset, MODELS[model], dataset.vocabulary, tasks)
    if preset.model.pretrained:
        # The deep stem's published weights are CSAIL's, trained on its BGR images.
        load_backbone(network.backbone, preset.model.pretrained, bgr=preset.model.stem == "deep")
    regions = preset.model.max_regions
    train(network, dataset, preset.training, out, seed, regions, device, progress, on_log, data=preset.data)
    return out


def cell_folder(
    preset: presets.Preset, model: str, setting: str, seed: int, data: Path, runs: Path = paths.RUNS
) -> Path:
    """Folder of one cell of Table 1; other settings or other data give another folder, so nothing stale is read."""
    manifest = data / mini.MANIFEST
    drawn = manifest.read_text() if manifest.exists() else str(data)
    digest = hashlib.sha256(json.dumps([asdict(preset), drawn], sort_keys=True).encode()).hexdigest()[:8]
    name = "_".join([*f"{model} {setting}".replace("/", "").split(), f"seed{seed}"])
    return runs / f"{preset.name}-{digest}" / name


def run(
    preset: presets.Preset, model: str, setting: str, seed: int, data: Path, runs: Path = paths.RUNS, **training
) -> dict[str, float]:
    """Train and evaluate one cell of Table 1, or read its metrics back; arguments as for `train_cell`.

    Returns:
        metric -> value, keys such as "object/mIoU".
    """
    done = cell_folder(preset, model, setting, seed, data, runs) / "metrics.json"
    if not done.exists():
        began = perf_counter()
        out = train_cell(preset, model, setting, seed, data, runs, **training)
        metrics = score(load_model(out / "model"), preset, data, training.get("progress"))
        facts = {"metrics": metrics, "data": preset.data, "seconds": round(perf_counter() - began)}
        with paths.write_atomic(done) as temporary:
            temporary.write_text(json.dumps(facts, indent=1))
    return json.loads(done.read_text())["metrics"]


def score(
    model: PerceptualParser, preset: presets.Preset, data: Path, progress: bool | None = None
) -> dict[str, float]:
    """Evaluate a model on the validation split by Broden+'s rules, on a GPU if there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tasks, testing = tuple(model.heads), preset.testing
    return evaluate(
        model.to(device),
        BrodenPlus(data, "val", tasks),
        tasks,
        short_side=testing.short_side,
        max_regions=preset.model.max_regions,
        scales=testing.scales,
        max_size=testing.max_size,
        device=device,
        progress=progress,
    )


def table1(
    profile: str | presets.Preset,
    seeds: int = 1,
    data: str | Path | None = None,
    runs: Path = paths.RUNS,
    results: Path = paths.RESULTS,
    workers: int = 2,
    device: str = "auto",
    report: bool = False,
) -> pd.DataFrame:
    """Table 1: all `MODELS` in all `SETTINGS`; writes ``table1.csv``, ``.json`` and ``.md`` to ``results``.

    Runs are spread over ``workers`` processes, each with its share of the CPU's cores; a GPU takes one at a time.
    With ``report``, every run prints a line now and then.
    """
    preset = presets.get(profile) if isinstance(profile, str) else profile
    root = data_root(preset, data, workers)
    cells = [(model, setting, seed) for seed in range(seeds) for setting in SETTINGS for model in MODELS]
    workers = 1 if torch.cuda.is_available() else min(workers, len(cells))
    threads = max((os.cpu_count() or 1) // workers, 1)
    jobs = (delayed(_run_cell)(threads, report, preset, *cell, root, runs, device) for cell in cells)
    with warnings.catch_warnings():
        # joblib replaces a worker whose memory has grown and says so; no run is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
        measured = Parallel(n_jobs=workers)(jobs)
    rows = []
    for (model, setting, seed), metrics in zip(cells, measured, strict=True):
        for name, value in metrics.items():
            where = (model, setting, *name.split("/"))  # model, setting, task, metric
            rows.append(["1", *where, value, seed, preset.data, preset.name, PRINTED.get(where)])
    table = pd.DataFrame(rows, columns=COLUMNS)
    notes = (
        "Printed numbers are for Broden+ with ResNet-50; only UPerNet's of O+P+S were at hand when this was written. "
        "They say nothing about the numbers measured here, which are for the data named in the column data."
    )
    write_table(table, "table1", results, preset=asdict(preset), seeds=seeds, notes=notes)
    with paths.write_atomic(results / "table1.md") as temporary:
        temporary.write_text(render_table1(table))
    return table


def _run_cell(
    threads: int,
    report: bool,
    preset: presets.Preset,
    model: str,
    setting: str,
    seed: int,
    data: Path,
    runs: Path,
    device: str,
) -> dict[str, float]:
    # Convolutions of this size gain nothing from a second core; two runs side by side do.
    torch.set_num_threads(threads)
    name = f"{model}, {setting}, seed {seed}"
    on_log = _Reporter(name, preset.training) if report else None
    metrics = run(preset, model, setting, seed, data, runs, device=device, progress=False, on_log=on_log)
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


def render_table1(table: pd.DataFrame) -> str:
    """Table 1 as markdown: a row per model and setting, a column per metric; percent, mean ± deviation over seeds."""
    data, seeds = table["data"].iloc[0], table["seed"].nunique()
    shown = table.assign(column=table["task"] + " " + table["metric"])
    groups = shown.groupby(["setting", "model", "column"], sort=False)["value"]
    cells = groups.agg(lambda v: f"{100 * v.mean():.2f}" + (f" ± {100 * v.std():.2f}" if len(v) > 1 else ""))
    wide = cells.unstack().reindex(columns=shown["column"].unique()).fillna("-").reset_index()
    order = {name: i for i, name in enumerate([*SETTINGS, *MODELS])}
    wide = wide.sort_values(["setting", "model"], key=lambda column: column.map(order))
    printed = shown.dropna(subset="paper").groupby(["setting", "model", "column"], sort=False)["paper"].first()
    lines = [f"Table 1 on **{data}**, {seeds} seed{'s' * (seeds > 1)}, percent.", "", markdown(wide)]
    if len(printed):
        known = "; ".join(
            f"{model}, {setting}, {column} {100 * v:.2f}" for (setting, model, column), v in printed.items()
        )
        lines += ["", f"Printed for Broden+ (ResNet-50, other data, not comparable): {known}."]
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
