"""Cost of the Deep Grouping Model on one GPU, measured in less than ten minutes of GPU time.

Without a GPU, the same runs in seconds on networks of preset smoke and small images, and the result says so.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pandas as pd
import torch

from dgmlib import paths, presets
from dgmlib.experiments import Cell
from dgmlib.launch import launch
from dgmlib.measure.modules import SIDE, table3_modules, timings
from dgmlib.measure.study import markdown, publish
from dgmlib.measure.turns import batch, forward, in_turn, network, ratio, training


def measure(data: Path | None = None, rounds: int = 10, iterations: int = 100, out: Path = paths.RESULTS) -> str:
    """Take all measurements, in turn, and write ``gpu.{csv,json,md}``.

    Forward pass and training step of the paper's UPerNet with ResNet-50, with over without the Deep Grouping Model, in
    bfloat16, at batches of 2 and 8 images of 480 x 608; modules of Table 3 at 769 x 769; training throughput of every
    preset, in images per second without loading; with ``data``, a short training of preset real.

    Args:
        data: a mixture of labelled photographs that preset real can train on, see `dgmlib.broden.Mixture`.
        rounds: number of rounds; the median is reported.
        iterations: length of the short training.
        out: output folder for the table.
    """
    began, large = perf_counter(), torch.cuda.is_available()
    fabric, rows = launch("cuda" if large else "cpu"), []
    paper, shape = presets.get("paper" if large else "smoke"), (480, 608) if large else (64, 96)
    for size in (2, 8):
        for kind, work in (("forward", forward), ("training step", training)):
            over = ratio(work, paper, (size, *shape), fabric, rounds)
            rows.append((f"UPerNet + DGM over UPerNet, {kind}, batch {size}", over, "ratio"))
    for row in timings(table3_modules(SIDE if large else 64), rounds, fabric.device).itertuples():
        rows.append((f"{row.module}, forward", 1000 * row.seconds, "ms"))
        rows.append((f"{row.module}, memory", row.megabytes, "MB"))
    for preset in presets.PRESETS.values() if large else [paper]:
        rows.append((f"training of {preset.name}", _images_a_second(preset, fabric, rounds), "images/s"))
    if data is not None:
        rows.append((f"training of real, {iterations} iterations with loading", _short_training(data, iterations), "s"))
    table = pd.DataFrame(rows, columns=["what", "value", "unit"])
    where = torch.cuda.get_device_name() if large else "**No GPU**: a CPU and small networks, which say nothing of one"

    def render(rows: pd.DataFrame) -> str:
        return f"{where}. Networks take turns; median of {rounds} rounds.\n\n{markdown(rows.round(3))}\n"

    return publish("gpu", table, render, out, rounds=rounds, gpu=large, seconds=round(perf_counter() - began))


def _images_a_second(preset: presets.Preset, fabric, rounds: int) -> float:
    """Training images per second of the preset's network with the Deep Grouping Model, at its largest size."""
    config, system = preset.training, "UPerNet + DGM" if preset.settings == ("O",) else "DGM"
    side = -(-max(config.short_sides) // 32) * 32
    images = batch(config.batch_size, side, -(-side * 4 // 96) * 32, preset.model.max_regions, fabric.device)
    step = training(network(preset, system, fabric), images, fabric, preset)
    return config.batch_size / in_turn({"": step}, rounds, fabric.device)[""]


def _short_training(data: Path, iterations: int) -> float:
    """Seconds that a number of iterations of preset real take, including loading and saving."""
    real = presets.get("real")
    short = replace(real, training=replace(real.training, iterations=iterations, texture_iterations=iterations // 10))
    with tempfile.TemporaryDirectory() as runs:
        cell, began = Cell(short, "DGM", *short.settings, 0, data, Path(runs)), perf_counter()
        cell.train(progress=False)
        return perf_counter() - began
