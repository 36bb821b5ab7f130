"""Ablation of the Deep Grouping Model: one change at a time, with the paired runs of `candidates` on photographs.

Scores are mIoU over all pixels, mIoU near label boundaries, mIoU of small segments, and the boundary F-measure, because
superpixels follow boundaries and groups gather small things.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import delayed
from skimage.measure import label
from torch.utils.data import Dataset

from dgmlib import presets
from dgmlib.broden import FolderDataset
from dgmlib.data import content
from dgmlib.evaluation import count_image, fractions, predict
from dgmlib.interventions import cut, layer_norms, pooled_otherwise, pooled_to, read_on_superpixels, without_projection
from dgmlib.measure.baselines import grid, slic_at
from dgmlib.measure.boundaries import boundary_f, near_boundaries
from dgmlib.measure.candidates import PHOTOGRAPHS, Candidate, Run, measured, photographs, views
from dgmlib.measure.study import extend, markdown, plus_minus, reach
from dgmlib.parallel import parallel
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import RESULTS, RUNS
from dgmlib.reading import Reading
from dgmlib.superpixels import RegionMaps

#: The settings of preset mini, for photographs and the object task only.
PRESET = replace(
    PHOTOGRAPHS,
    model=replace(PHOTOGRAPHS.model, max_regions=192),
    training=replace(PHOTOGRAPHS.training, iterations=400, short_sides=(96, 128), max_size=320, checkpoint_every=400),
    testing=presets.get("mini").testing,
)
#: Number of folds of a training split; seed s is scored on fold s.
FOLDS = 5
#: Connected segments that cover less than this share of the image are small.
SMALL = 0.01
#: Scores of `close_scores`.
SCORES = ("mIoU", "mIoU near boundaries", "mIoU of small segments", "boundary F")


def regions_of_labels(sample: dict, cap: int) -> np.ndarray:
    """Connected regions of the label map, with all but the ``cap`` - 1 largest as one: (H, W) from 0."""
    pieces = label(sample["object"], background=-1, connectivity=1) - 1
    rank = np.bincount(pieces.ravel()).argsort()[::-1].argsort()
    return np.minimum(rank[pieces], cap - 1)


#: Alternatives to our superpixels: name -> function of a sample and the maximum number of regions.
PARTITIONS = {
    "SLIC": lambda sample, cap: slic_at(sample["image"], cap),
    "grid cells": lambda sample, cap: grid(sample["image"].shape[:2], cap),
    "labels": regions_of_labels,
}
#: Interventions on some trained networks before they are scored again.
READ = {"read on superpixels": read_on_superpixels}
#: Question -> candidates. Each differs in one thing from DGM, which has the defaults of `presets`.
QUESTIONS = {
    "What is DGM ahead of?": {
        "UPerNet": Candidate(None, probes=READ),
        "DGM w/o graph": Candidate(trained=cut),
        "DGM w/o top-down": Candidate("no_top_down"),
        "DGM": Candidate(probes=READ),
        "DGM w/o Projection": Candidate(trained=without_projection),
        "DGM, messages centred": Candidate(reading=Reading(messages="centred")),
        "DGM plus": Candidate("plus", probes=READ),
    },
    "Which superpixels?": {
        "SLIC": Candidate(superpixels="SLIC"),
        "grid cells": Candidate(superpixels="grid cells"),
        "regions of labels": Candidate(superpixels="labels"),
        "regions of labels, w/o graph": Candidate(superpixels="labels", trained=cut),
        "64 superpixels": Candidate(model={"max_regions": 64}),
        "384 superpixels": Candidate(model={"max_regions": 384}),
    },
    "How are they grouped?": {
        "bandwidth 0.01": Candidate(reading=Reading(bandwidth=0.01)),
        "bandwidth 0.1": Candidate(reading=Reading(bandwidth=0.1)),
        "bandwidth 0.3": Candidate(reading=Reading(bandwidth=0.3)),
        "K = 1": Candidate(model={"em_iterations": 1, "em_iterations_testing": 1}),
        "K = 10 in training": Candidate(model={"em_iterations": 10}),
        "gradient through all K": Candidate(model={"em_gradient": "all"}),
        "starts in order": Candidate(trained=pooled_otherwise),
        "pooling to a quarter": Candidate(trained=partial(pooled_to, ratio=0.25)),
        "pooling to three quarters": Candidate(trained=partial(pooled_to, ratio=0.75)),
        "merging below 0.5": Candidate(reading=Reading(merge=0.5)),
        "V^1 with neighbours": Candidate(reading=Reading(first="neighbours")),
    },
    "How does it enter the maps?": {
        "LayerNorm": Candidate(trained=layer_norms),
        "start 0": Candidate(reading=Reading(start=0.0)),
        "start 1": Candidate(reading=Reading(start=1.0)),
        "UPerNet, 1.5 times the size": Candidate(None, scale=1.5),
        "DGM, 1.5 times the size": Candidate(scale=1.5, base="UPerNet, 1.5 times the size"),
    },
    "Does it last?": {
        "UPerNet, 4 times as long": Candidate(None, length=4.0),
        "DGM w/o graph, 4 times as long": Candidate(length=4.0, base="UPerNet, 4 times as long", trained=cut),
        "DGM, 4 times as long": Candidate(length=4.0, base="UPerNet, 4 times as long"),
        "DGM plus, 4 times as long": Candidate("plus", length=4.0, base="UPerNet, 4 times as long"),
    },
}
CANDIDATES = {name: candidate for group in QUESTIONS.values() for name, candidate in group.items()}


def measure(
    folders: tuple[Path, ...], seeds: int = FOLDS, workers: int = 2, out: Path = RESULTS, runs: Path = RUNS
) -> str:
    """Train DGM with one change at a time, and write ``ablation.{csv,json,md}``; rows of the same data are replaced.

    Finished runs are kept, so the same command continues after an interruption or with more seeds.

    Args:
        folders: image/label folders of photographs, see `FolderDataset`; their training splits are used.
        seeds: number of seeds, at most `FOLDS`.
        workers: number of parallel runs, one thread each.
        out: output folder for the table.
        runs: folder for the trained models.
    """
    if not 1 <= seeds <= FOLDS:
        raise ValueError(f"--seeds must be from 1 to {FOLDS}, one for each fold, not {seeds}.")
    jobs = []
    for data, dataset in photographs(folders).items():
        digest, sets = content(dataset.root), {"": dataset}
        for kind in PARTITIONS:  # keyed by digest: kind "labels" depends on them
            cache = runs / "candidates" / data / f"{kind}-{digest[:8]}"
            sets[kind] = FolderDataset(dataset.root, "train", cache=cache)
            parallel(workers)(delayed(_keep)(sets[kind], kind, index) for index in range(len(sets[kind])))
        jobs += [
            Run(PRESET, sets[c.superpixels], digest, data, ("object",), name, c, seed, FOLDS, close_scores)
            for seed in range(seeds)  # outer loop: interrupted runs have all candidates of some seeds
            for name, c in CANDIDATES.items()
        ]
    facts = {"preset": asdict(PRESET), "seeds": seeds, "folds": FOLDS}
    return extend("ablation", measured(jobs, workers, runs), render, out, facts)


def _keep(dataset: Dataset, kind: str, index: int) -> None:
    sample, cap = dataset[index], PRESET.model.max_regions
    maps = RegionMaps(dataset.cache, cap)
    if maps.read(sample["key"], sample["image"]) is None:
        maps.keep(sample["key"], sample["image"], PARTITIONS[kind](sample, cap))


def close_scores(
    model: PerceptualParser, dataset: Dataset, preset: presets.Preset, tasks: Sequence[str]
) -> dict[str, float]:
    """Score objects over all labelled pixels, near boundaries and on small segments, and score their boundaries.

    Keys are "object/" followed by one of `SCORES`; values are fractions in [0, 1].
    """
    counts: dict[str, list] = {name: [] for name in SCORES[:3]}
    edges = []
    model.eval()
    with torch.inference_mode():
        for sample, scaled in views(dataset, preset, range(len(dataset))):
            found = predict(model, [scaled], sample, dataset.vocabulary, tasks)
            truth = sample["object"]
            for name, kept in zip(SCORES, (True, near_boundaries(truth), in_small_segments(truth)), strict=False):
                labels = {"object": torch.from_numpy(np.where(kept, truth, 0))}
                counts[name].append(count_image(found, labels, dataset.vocabulary, ("object",)))
            edges.append(boundary_f(found["object"].numpy(), truth))
    result = {f"object/{name}": fractions(c, dataset.vocabulary)["object/mIoU"] for name, c in counts.items()}
    return result | {f"object/{SCORES[3]}": float(np.nanmean(edges))}


def in_small_segments(labels: np.ndarray) -> np.ndarray:
    """Mark the pixels of connected segments that cover less than `SMALL` of the image, (H, W) bool."""
    pieces = label(labels, background=-1, connectivity=1)
    return np.bincount(pieces.ravel())[pieces] < SMALL * labels.size


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise the paired leads of every candidate and probe, in percentage points, from the rows of `Run.rows`.

    Returns:
        columns "data", "question", "candidate", "score" (of `SCORES`), "beside" (UPerNet at the same scale and length,
        or DGM), "ahead" (mean over seeds) and "reach" (half the 95 % interval, Student's t; nan for one seed).
    """
    rows, scores = [], _named(table[table["name"].str.startswith("object/")])
    for (data, score), numbers in scores.groupby(["data", "name"], sort=False):
        by_seed = 100 * numbers.pivot(index="seed", columns="network", values="value")
        for name, trained in numbers.drop_duplicates("network").set_index("network")["candidate"].items():
            candidate = CANDIDATES[trained]
            question = next(question for question, group in QUESTIONS.items() if trained in group)
            bases = {"UPerNet": candidate.base}
            if (candidate.scale, candidate.length) == (1, 1):
                bases["DGM"] = "DGM"
            where = {"data": data, "question": question, "candidate": name, "score": score.removeprefix("object/")}
            for beside, base in bases.items():
                if base in by_seed:
                    apart = (by_seed[name] - by_seed[base]).dropna()
                    rows.append(where | {"beside": beside, "ahead": apart.mean(), "reach": reach(apart)})
    return pd.DataFrame(rows)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Add a column "network": the candidate and, if any, the probe applied before this score."""
    probe = table["probe"].fillna("").astype(str)
    return table.assign(network=table["candidate"] + (", " + probe).where(probe != "", ""))


def render(table: pd.DataFrame) -> str:
    """Render the rows as markdown: one table of candidates per data set and question."""
    text = (
        "What matters in the Deep Grouping Model: one thing changed at a time, percent. Photographs of training\n"
        "splits, each scored by a network that has not seen it. Ahead: points ahead of UPerNet (as large and as long)\n"
        "and of DGM, of the same seed, ± half the 95 % interval over seeds; **bold** where zero is outside. Groups at\n"
        "levels 1-4; graph share, mean of levels 2-4; time: training beside UPerNet. Folds share most of the images\n"
        "that are learnt from; the usual correction (Nadeau and Bengio 2003) would widen intervals by up to 1.4.\n"
    )
    found = summary(table)
    half = found["reach"].where(found["reach"] > 0)
    told = plus_minus(found["ahead"], half, 1, "+")
    found["told"] = told.mask(found["ahead"].abs() > half, "**" + told + "**")
    for data, rows in _named(table).groupby("data", sort=False):
        seeds = rows["seed"].nunique()
        text += f"\n**{data}**, {seeds} seed{'s' * (seeds > 1)}\n"
        for question, spans in found[found["data"] == data].groupby("question", sort=False):
            lines = [_line(rows, spans, name) for name in spans["candidate"].unique()]
            text += f"\n{question}\n\n{markdown(pd.DataFrame(lines).fillna('-'))}\n"
    return text


def _line(rows: pd.DataFrame, spans: pd.DataFrame, name: str) -> dict[str, str]:
    own = rows[rows["network"] == name].groupby(["name", "level"])["value"].mean()
    line = {"candidate": name, "mIoU": f"{100 * own['object/mIoU', 0]:.1f}"}
    for span in spans[spans["candidate"] == name].itertuples():
        if span.beside == "UPerNet" or span.score == "mIoU":
            line[f"{span.score}, ahead of {span.beside}"] = span.told
    if "groups" in own:
        line["groups"] = " / ".join(f"{n:.0f}" for n in own["groups"])
        line["graph share"] = f"{100 * own['graph share'].iloc[1:].mean():.1f}"
    if "seconds" in own:
        seconds = rows[rows["name"] == "seconds"].pivot(index="seed", columns="network", values="value")
        times = (seconds[name] / seconds[CANDIDATES[name].base]).dropna()  # of uninterrupted runs
        line["time"] = f"{times.median():.2f}" if len(times) else "-"
    return line
