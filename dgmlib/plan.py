"""Estimate what Tables 1 and 2 of a profile would take, from a minute of timing on this machine.

Every cell is trained for a few dozen iterations by `train` itself, scored on a few images, and its loader is timed. As
many run side by side as will later, so that they share caches and memory alike. The rest is arithmetic: `forecast`.
"""

import heapq
import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from time import perf_counter, process_time

import pandas as pd
import torch
from joblib import delayed

from dgmlib import experiments, presets
from dgmlib.broden.loading import train_loader
from dgmlib.broden.sampling import evenly
from dgmlib.data import data_root, open_data
from dgmlib.experiments import Cell
from dgmlib.measure.study import markdown
from dgmlib.measure.tables import ROWS, cells_of
from dgmlib.measure.turns import one_thread
from dgmlib.parallel import parallel
from dgmlib.superpixels import segment

SETTLE, STEPS = 10, 30  # iterations before timing starts, and timed ones
IMAGES = 8  # to score, load and segment


@dataclass(frozen=True)
class Cost:
    """Measured cost of one cell."""

    step: float  # seconds per iteration of the main phase, including its share of loading and logging
    texture_step: float  # the same for the texture phase; 0 if there is none
    score: float  # seconds to score an image at all scales
    load: float  # seconds that one process needs to load a batch
    start: float  # seconds before the first iteration and after the last
    stored: int  # bytes of the trained model
    memory: int  # bytes that training holds, on the GPU if it runs on one


def plan(
    profile: str = "mini",
    seeds: int = 1,
    gpus: int = 0,
    machines: int = 1,
    workers: int = 2,
    data: Path | None = None,
    ade20k: Path | None = None,
    pretrained: str = "",
) -> str:
    """Estimate the hours, disk, memory and loader processes that a profile takes, after a short timing.

    Args:
        profile: preset: mini, paper or smoke.
        seeds: number of seeds per system.
        gpus: GPUs per machine, each of which trains one cell at a time; 0: train on CPUs. `reproduce` uses several GPUs
            or machines through its option scheduler.
        machines: number of machines, all like this one.
        workers: number of processes that train side by side on a machine's CPU.
        data: root of the data set; optional for Broden-mini.
        ade20k: data of Table 2; without it, Table 2 is planned only if the profile is mini or smoke.
        pretrained: ImageNet weights, as for `reproduce`.

    Raises:
        ValueError: if a number is below 1, or GPUs are planned on a machine that has none, or none on one that does.
    """
    if bool(gpus) != torch.cuda.is_available():
        raise ValueError(
            f"gpus is {gpus} and this machine has {'some' if torch.cuda.is_available() else 'none'}; "
            "plan on a machine like those that will do the work."
        )
    if min(seeds, machines, workers) < 1:
        raise ValueError(f"seeds, machines and workers must be at least 1, not {seeds}, {machines} and {workers}.")
    units, rows, folders = machines * (gpus or workers), [], {}  # folders: root -> preset
    for number, (systems, _, suffix) in ROWS.items():
        if profile + suffix not in presets.PRESETS:  # demo and real train Table 1's systems alone
            continue
        preset = presets.with_weights(presets.get(profile + suffix), pretrained)
        if suffix and ade20k is None and not preset.mini:
            continue
        root = data_root(preset, ade20k if suffix and ade20k else data)
        folders.setdefault(root, preset)
        cells = cells_of(preset, systems, 1, root)
        costs = parallel(1 if gpus else workers)(delayed(measure)(cell) for cell in cells)
        images = [len(open_data(root, "val", cell.tasks)) for cell in cells]
        rows.append({"": f"Table {number}"} | forecast(preset, costs, images, seeds, units))
    table = pd.DataFrame(rows).round(2)
    total = sum(row["hours"] for row in rows)
    where = f"{machines} machine{'s' * (machines > 1)} with {f'{gpus} GPUs' if gpus else f'{workers} processes'} each"
    work = f"Profile {profile}, {seeds} seed{'s' * (seeds > 1)}, {where}: {total:.2f} hours."
    return "\n".join([work, "", markdown(table), "", *(_data(preset, root) for root, preset in folders.items())])


def forecast(
    preset: presets.Preset, costs: Sequence[Cost], images: Sequence[int], seeds: int, units: int
) -> dict[str, float]:
    """Forecast a table: ``units`` cells train at a time; ``costs`` and ``images`` to score are those of one seed.

    Returns:
        "cells", "hours of work" for one unit alone, "hours" until all are done, "GB of models", "GB of memory" per
        unit, and "loader processes" per unit, enough for the cell that needs most.
    """
    config = preset.training
    seconds = [
        c.start + c.step * config.iterations + c.texture_step * config.texture_iterations + c.score * count
        for c, count in zip(costs, images, strict=True)
    ] * seeds
    free = [0.0] * units  # when each unit becomes free; the first takes the next cell
    for duration in seconds:
        heapq.heapreplace(free, free[0] + duration)
    computing = [c.step - c.load * (config.workers == 0) for c in costs]  # else loading overlaps
    loaders = max(ceil(c.load / max(own, 1e-3)) for c, own in zip(costs, computing, strict=True))
    return {
        "cells": len(seconds),
        "hours of work": sum(seconds) / 3600,
        "hours": max(free) / 3600,
        "GB of models": seeds * sum(c.stored for c in costs) / 1e9,
        "GB of memory": max(c.memory for c in costs) / 1e9,
        "loader processes": loaders,
    }


@one_thread()
def measure(cell: Cell) -> Cost:
    """Time brief training, scoring and loading; on a CPU, time taken by other processes does not count."""
    preset, records, length, texture = cell.preset, [], SETTLE + STEPS, SETTLE + SETTLE
    dataset = open_data(cell.data, "train", cell.tasks)
    main = [task for task in cell.tasks if task != "texture"]

    def load(tasks: Sequence[str], count: int) -> None:
        sizes = preset.training.batch_size, preset.training.short_sides, count, cell.seed, 0, preset.model.max_regions
        for _ in train_loader(dataset, tasks, *sizes, preset.training.max_size):
            pass

    for tasks, count in ((main, length), (["texture"], texture)):
        if set(tasks) & set(cell.tasks):
            load(tasks, count)  # superpixels are made once, and `_data` counts them
    busy, whole = process_time(), perf_counter()
    config = replace(preset.training, iterations=length, texture_iterations=texture, checkpoint_every=length)
    with tempfile.TemporaryDirectory() as runs:
        brief, began = replace(cell, preset=replace(preset, training=config), runs=Path(runs)), perf_counter()
        brief.train(progress=False, on_log=records.append)
        start = perf_counter() - began
        model, stored = brief.model(), (brief.folder / "model.safetensors").stat().st_size
    steps = []
    for phase in (0, 1):
        log = [(record["iteration"], record["seconds"]) for record in records if record["phase"] == phase]
        (first, begun), (last, ended) = (log[0], log[-1]) if log else ((0, 0), (1, 0))
        steps.append((ended - begun) / (last - first))
        start -= ended
    began = perf_counter()
    experiments.score(model, preset, cell.data, progress=False, images=IMAGES)
    score, began = (perf_counter() - began) / IMAGES, perf_counter()
    load(main, IMAGES)
    loading = (perf_counter() - began) / IMAGES
    if torch.cuda.is_available():
        own, memory = 1.0, torch.cuda.max_memory_reserved()
    else:
        own = min((process_time() - busy) / (perf_counter() - whole), 1.0)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(*(own * seconds for seconds in (*steps, score, loading, start)), stored, memory)


def _data(preset: presets.Preset, root: Path) -> str:
    """Report the disk space of the data, and the time for superpixels before the first training."""
    dataset, val = (open_data(root, split, experiments.SETTINGS[preset.settings[-1]]) for split in ("train", "val"))
    count = len(dataset) + len(val)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) / 1e9
    pictures = [dataset[index]["image"] for index in evenly(len(dataset), IMAGES)]
    began = perf_counter()
    for picture in pictures:
        segment(picture, preset.model.max_regions)
    hours = (perf_counter() - began) / len(pictures) * count / 3600
    return f"Data: {size:.2f} GB now; superpixels of {count} images, kept once made: {hours:.2f} hours of one core."
