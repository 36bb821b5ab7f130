"""Should the backbone keep its ImageNet weights? UPerNet on a frozen and on a gently tuned one, paired.

Runs are those of `dgmlib.measure.candidates`: of one seed they start alike and see the same batches, on folds of the
training split. A spoilt backbone says the same of every image: what is watched is how far C5 differs between images.
"""

from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from joblib import delayed
from torch.utils.data import Dataset

from dgmlib import presets
from dgmlib.broden.loading import view
from dgmlib.checkpoints import load_model
from dgmlib.data import content, data_root, open_data
from dgmlib.measure.candidates import Candidate, Run, folds
from dgmlib.measure.study import markdown, plus_minus, publish
from dgmlib.parallel import parallel
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import RESULTS, RUNS
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import TASKS

#: The backbone's rates, relative to that of the rest; below 1 its BatchNorm keeps its statistics.
RATES = {"frozen": 0.0, "tuned, a tenth of the rate": 0.1}
DEVIATION = "C5 deviation"


def measure(profile: str = "mini", seeds: int = 3, workers: int = 2, out: Path = RESULTS, runs: Path = RUNS) -> str:
    """Train UPerNet on a frozen and a tuned backbone, and write ``frozen.{csv,json,md}``.

    Args:
        profile: preset, on whose drawings it is measured.
        seeds: how many, and how many folds.
        workers: runs side by side, one thread each.
        out: where the table goes.
        runs: where the trained models go.
    """
    preset = presets.get(profile)
    tasks = tuple(task for task in TASKS if task != "texture")  # trained apart, on what the others made
    dataset = open_data(data_root(preset, workers=workers), "train", tasks)
    jobs = [(name, seed) for name in RATES for seed in range(seeds)]
    run = delayed(_measured)
    parts = parallel(workers)(run(preset, dataset, tasks, name, seed, seeds, runs) for name, seed in jobs)
    table = pd.DataFrame([row for part in parts for row in part])
    table.insert(0, "data", preset.data)
    return publish("frozen", table, render(table), out, preset=asdict(preset), rates=RATES)


def _measured(preset, dataset, tasks, name, seed, seeds, runs) -> list[dict]:
    trained = replace(preset, training=replace(preset.training, backbone_rate=RATES[name]))
    data = content(dataset.root), preset.data
    run = Run(trained, dataset, *data, tasks, f"UPerNet, {name}", Candidate(None), seed, seeds)
    result = run.measure(runs)
    model = load_model(run.folder(runs) / "model")
    numbers = result["scores"][""] | {
        DEVIATION: deviation(model, folds(dataset, seeds, seed)[1], preset),
        "seconds": result["seconds"],
    }
    return [{"backbone": name, "seed": seed, "number": number, "value": value} for number, value in numbers.items()]


def deviation(model: PerceptualParser, dataset: Dataset, preset: presets.Preset, images: int = 40) -> float:
    """Deviation between images of C5, pooled over each image: the mean over its channels."""
    maps, pooled = RegionMaps(dataset.cache, preset.model.max_regions), []
    with torch.inference_mode():
        for index in range(0, len(dataset), max(len(dataset) // images, 1)):
            sample = dataset[index]
            side = preset.testing.short_side, preset.testing.max_size
            image, _ = view(sample["image"], maps(sample["key"], sample["image"]), *side)
            pooled.append(model.backbone((image - model.mean) / model.std)[-1].mean((2, 3))[0])
    return torch.stack(pooled).std(0).mean().item()


def render(table: pd.DataFrame) -> str:
    """Render the rows as markdown: scores in percent, what else there is as it is."""
    scale = table["number"].str.contains("/").map({True: 100, False: 1})
    groups = table.assign(value=table["value"] * scale).groupby(["number", "backbone"], sort=False)["value"]
    shown = plus_minus(groups.mean(), groups.std(), 2).unstack(sort=False).reset_index()
    text = (
        f"UPerNet on a frozen and on a tuned backbone, {table['data'].iloc[0]}, {table['seed'].nunique()} seeds, on\n"
        "folds of the training split; scores in percent, mean ± deviation. C5 deviation: between images, of C5 pooled\n"
        "over each image, mean over channels.\n"
    )
    return f"{text}\n{markdown(shown)}\n"
