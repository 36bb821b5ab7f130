"""Should the backbone keep its ImageNet weights? UPerNet with a frozen and with a gently tuned one, paired.

Runs are those of `dgmlib.measure.candidates`: for one seed, they start alike and see the same batches, on folds of the
training split. A spoilt backbone gives all images the same features, so C5's deviation between images is reported.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from torch.utils.data import Dataset

from dgmlib import presets
from dgmlib.data import content
from dgmlib.measure.candidates import Candidate, Run, drawings, measured, plain_scores, views
from dgmlib.measure.study import markdown, plus_minus, publish
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import RESULTS, RUNS

#: The backbone's learning rates, relative to that of the rest; below 1, its BatchNorm keeps its statistics.
RATES = {"frozen": 0.0, "tuned, a tenth of the rate": 0.1}
DEVIATION = "C5 deviation"


def measure(profile: str = "mini", seeds: int = 3, workers: int = 2, out: Path = RESULTS, runs: Path = RUNS) -> str:
    """Train UPerNet with a frozen and a tuned backbone, and write ``frozen.{csv,json,md}``.

    Args:
        profile: preset whose drawings are used.
        seeds: number of seeds, and of folds.
        workers: number of parallel runs, one thread each.
        out: output folder for the table.
        runs: folder for the trained models.
    """
    preset = presets.get(profile)
    dataset, tasks = drawings(preset, workers)
    facts = dataset, content(dataset.root), preset.data, tasks
    jobs = []
    for name, rate in RATES.items():
        tuned = replace(preset, training=replace(preset.training, backbone_rate=rate))
        jobs += [Run(tuned, *facts, name, Candidate(None), seed, seeds, scores) for seed in range(seeds)]
    table = measured(jobs, workers, runs).rename(columns={"candidate": "backbone", "name": "number"})
    table = table.loc[table["number"] != "parameters", ["data", "backbone", "seed", "number", "value"]]
    return publish("frozen", table, render, out, preset=asdict(preset), rates=RATES)


def scores(model: PerceptualParser, dataset: Dataset, preset: presets.Preset, tasks: Sequence[str]) -> dict[str, float]:
    """Score by Broden+'s rules, and measure the deviation of C5."""
    return plain_scores(model, dataset, preset, tasks) | {DEVIATION: deviation(model, dataset, preset)}


def deviation(model: PerceptualParser, dataset: Dataset, preset: presets.Preset, images: int = 40) -> float:
    """Standard deviation of C5 between images, pooled over each image; mean over its channels."""
    spread, pooled = range(0, len(dataset), max(len(dataset) // images, 1)), []
    with torch.inference_mode():
        for _, (image, _) in views(dataset, preset, spread):
            pooled.append(model.backbone((image - model.mean) / model.std)[-1].mean((2, 3))[0])
    return torch.stack(pooled).std(0).mean().item()


def render(table: pd.DataFrame) -> str:
    """Render the rows as markdown: scores in percent, other numbers unchanged."""
    scale = table["number"].str.contains("/").map({True: 100, False: 1})
    groups = table.assign(value=table["value"] * scale).groupby(["number", "backbone"], sort=False)["value"]
    shown = plus_minus(groups.mean(), groups.std(), 2).unstack(sort=False).reset_index()
    text = (
        f"UPerNet on a frozen and on a tuned backbone, {table['data'].iloc[0]}, {table['seed'].nunique()} seeds, on\n"
        "folds of the training split; scores in percent, mean ± deviation. C5 deviation: between images, of C5 pooled\n"
        "over each image, mean over channels.\n"
    )
    return f"{text}\n{markdown(shown)}\n"
