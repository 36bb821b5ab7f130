"""Which reading of the paper lets the graph be heard: candidates on photographs and on drawings, paired.

Every candidate of a seed starts with the same weights in all parts that networks share, sees the same batches and
draws the same random numbers. The data are the *training* splits, cut into as many folds as there are seeds; seed s
trains on all folds but s and is scored on fold s. Nothing is chosen on validation images. Of a trained candidate the
score is taken again with parts of the graph disabled: what nothing changes was not heard.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
import torch
from joblib import delayed
from torch.utils.data import Dataset, Subset

from dgmlib import presets
from dgmlib.broden import FolderDataset
from dgmlib.data import data_root, open_data
from dgmlib.evaluation import evaluate, listening
from dgmlib.interventions import cut, foreign_groups, pooled_otherwise, without_top_down
from dgmlib.measure.study import extend, markdown, plus_minus
from dgmlib.parallel import parallel
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import RESULTS, RUNS, write_atomic
from dgmlib.reading import AS_PRINTED, Reading
from dgmlib.training import train
from dgmlib.vocabulary import TASKS

#: Photographs: from ImageNet, frozen; the settings of preset mini otherwise, at twice its size.
PHOTOGRAPHS = replace(
    presets.get("mini"),
    name="photographs",
    mini="",
    model=presets.ModelConfig(backbone="efficientnet-lite0", pretrained="imagenet", dim=64, max_regions=256),
    training=presets.TrainingConfig(
        iterations=250,
        batch_size=4,
        short_sides=(160, 192, 224),
        max_size=400,
        texture_iterations=0,
        backbone_rate=0.0,
        checkpoint_every=250,
        workers=0,
    ),
    testing=presets.TestingConfig(short_side=192, max_size=400),
)


@dataclass(frozen=True)
class Candidate:
    """A network of the comparison: with the Deep Grouping Model in some reading, its graph cut or not, or without."""

    reading: Reading | None = None
    cut: bool = False


CANDIDATES = {
    "UPerNet": Candidate(),
    "superpixels, no graph": Candidate(Reading(), cut=True),
    "as printed, start 0": Candidate(AS_PRINTED),
    "default": Candidate(Reading()),
    "default, messages centred": Candidate(Reading(messages="centred")),
    "Eq. 8, U unit, sum": Candidate(Reading("updated", "unit", combine="sum", bandwidth=0.05)),
    "Ptilde from Eq. 1, U unit, sum": Candidate(Reading(pooled="unit", combine="sum", bandwidth=0.05)),
    "Ptilde from Eq. 1, U centred, sum": Candidate(Reading(combine="sum")),
    "Ptilde from Eq. 1, U centred, concat, bandwidth 0.1": Candidate(Reading(bandwidth=0.1)),
}


class Fold(Subset):
    """A part of a dataset that trains and scores as the whole does."""

    def __init__(self, dataset: Dataset, indices: Sequence[int]):
        super().__init__(dataset, indices)
        self.vocabulary, self.cache = dataset.vocabulary, dataset.cache
        self.records = [dataset.records[i] for i in indices]

    def key(self, index: int) -> str:
        """Give an image's unique id."""
        return self.dataset.key(self.indices[index])

    def groups(self, tasks: Sequence[str]) -> list[list[int]]:
        """Give the indices of this part's records that carry some tasks, by groups of sources."""
        place = {index: i for i, index in enumerate(self.indices)}
        groups = [[place[i] for i in group if i in place] for group in self.dataset.groups(tasks)]
        return [group for group in groups if group]


def folds(dataset: Dataset, count: int, fold: int, blocks: int = 12) -> tuple[Fold, Fold]:
    """All folds but one, to train on, and that one, to score on.

    A fold is every ``count``-th of ``blocks`` contiguous pieces: frames of one sequence are alike, and every sequence
    is to occur on both sides.
    """
    fold_of = np.arange(len(dataset)) * blocks // len(dataset) % count
    kept, held_out = (np.flatnonzero(part).tolist() for part in (fold_of != fold, fold_of == fold))
    return Fold(dataset, kept), Fold(dataset, held_out)


#: Whose graph is disabled after training, part by part.
EXAMINED = ("default", "default, messages centred")
#: What is done to a trained candidate's graph at test time.
DISABLED = {
    "graph cut": cut,
    "groups of another image": foreign_groups,
    "no top-down": without_top_down,
    "K = 1": partial(pooled_otherwise, steps=1),
    "K = 20": partial(pooled_otherwise, steps=20),
    "random starts": partial(pooled_otherwise, random=True),
}


@dataclass(frozen=True)
class Run:
    """One candidate, one of so many seeds, one training split with its name and tasks."""

    preset: presets.Preset
    dataset: Dataset
    data: str
    tasks: tuple[str, ...]
    name: str
    seed: int
    seeds: int

    def folder(self, runs: Path) -> Path:
        """Where the run's model and numbers stand."""
        return runs / "reading" / self.data / f"{self.name}, seed {self.seed}"

    def measure(self, runs: Path) -> dict:
        """Train and score, or read back, in a folder of its own.

        Of one seed all candidates have the same weights in the parts that they share.

        Returns:
            "scores": {"": metrics, and by what was disabled}, "heard": numbers by level, "seconds" of CPU time in
            training, "parameters" of the Deep Grouping Model.
        """
        torch.set_num_threads(1)
        candidate, out = CANDIDATES[self.name], self.folder(runs)
        done = out / "measured.json"
        with suppress(FileNotFoundError, ValueError):  # not there, or not whole: measured now
            return json.loads(done.read_text())
        config, testing = self.preset.model, self.preset.testing
        kept, held_out = folds(self.dataset, self.seeds, self.seed)
        torch.manual_seed(self.seed)
        model = PerceptualParser.from_config(
            replace(config, reading=candidate.reading or config.reading),
            self.dataset.vocabulary,
            "full" if candidate.reading else None,
            self.tasks,
        )
        if config.pretrained:
            model.backbone.load(config.backbone)
        score = partial(evaluate, model, held_out, self.tasks, testing.short_side, config.max_regions)
        score = partial(score, max_size=testing.max_size)
        with cut(model) if candidate.cut else nullcontext():
            began = process_time()
            train(model, kept, self.preset.training, out, self.seed, config.max_regions, "cpu", progress=False)
            result = {"seconds": process_time() - began}
            with listening(model) as heard:
                result |= {"scores": {"": score()}, "heard": heard}
            result["parameters"] = sum(p.numel() for p in model.dgm.parameters()) if model.dgm else 0
        for what, disabled in DISABLED.items() if self.name in EXAMINED else ():
            with disabled(model):
                result["scores"][what] = score()
        with write_atomic(done) as temporary:
            temporary.write_text(json.dumps(result, indent=1))
        return result


def measure(
    folders: tuple[Path, ...] = (), seeds: int = 3, workers: int = 2, out: Path = RESULTS, runs: Path = RUNS
) -> str:
    """Compare the readings of the paper and write ``reading.{csv,json,md}``; rows of the same data are replaced.

    Finished runs are kept: interrupted, the same command continues.

    Args:
        folders: image/label folders of photographs, see `FolderDataset`; by default Broden-mini.
        seeds: how many, and how many folds.
        workers: runs side by side, one thread each.
        out: where the table goes.
        runs: where the trained models go.
    """
    preset, tasks = PHOTOGRAPHS, ("object",)
    sets = {folder.name: FolderDataset(folder, "train") for folder in folders}
    if not sets:
        preset = presets.get("mini")
        tasks = tuple(task for task in TASKS if task != "texture")  # trained apart, it reads what the others made
        sets = {preset.data: open_data(data_root(preset, workers=workers), "train", tasks)}
    jobs = [
        Run(preset, dataset, data, tasks, name, seed, seeds)
        for data, dataset in sets.items()
        for name in CANDIDATES
        for seed in range(seeds)
    ]
    results = parallel(workers)(delayed(job.measure)(runs) for job in jobs)
    table = pd.DataFrame([row for job, result in zip(jobs, results, strict=True) for row in tidy(job, result)])
    readings = {name: asdict(c.reading) | {"cut": c.cut} for name, c in CANDIDATES.items() if c.reading}
    return extend("reading", table, render, out, {"preset": asdict(preset)}, candidates=readings)


def tidy(job: Run, result: dict) -> Iterator[dict]:
    """One row per number: data, candidate, seed, what was disabled, name, level (0 where there is none), value."""
    facts = {"data": job.data, "candidate": job.name, "seed": job.seed}
    numbers = [(disabled, name, 0, v) for disabled, scores in result["scores"].items() for name, v in scores.items()]
    numbers += [("", name, 0, result[name]) for name in ("seconds", "parameters")]
    numbers += [("", name, level, v) for name, values in result["heard"].items() for level, v in enumerate(values, 1)]
    for number in numbers:
        yield facts | dict(zip(("disabled", "name", "level", "value"), number, strict=True))


def paired(rows: pd.DataFrame, metric: str, by: str, base: str) -> pd.DataFrame:
    """Mean and deviation over seeds of a metric, and of its difference to the row ``base``, in percent points.

    Args:
        rows: of one data set, as in `tidy`.
        metric: such as "object/mIoU".
        by: "candidate" or "disabled".
        base: the value of ``by`` that the others are compared with, seed by seed.
    """
    wide = 100 * rows[rows["name"] == metric].pivot(index="seed", columns=by, values="value")
    ahead = wide.sub(wide[base], axis=0)
    return pd.DataFrame({"mean": wide.mean(), "std": wide.std(), "ahead": ahead.mean(), "ahead std": ahead.std()})


#: What is told of every level: name in `tidy` -> factor, digits after the point, first level.
BY_LEVEL = {
    "residual share": (100, 1, 1),
    "graph share": (100, 2, 1),
    "entropy": (1, 2, 2),
    "groups": (1, 0, 1),
    "rank": (1, 1, 1),
}


def render(table: pd.DataFrame) -> str:
    """Render `tidy`'s rows as markdown: a table of candidates and one of what was disabled for every data set."""
    parts = [
        "Which reading of the paper is heard. Mean ± deviation over seeds, percent, on folds of the training split.\n"
        "Every candidate of a seed starts from the same shared weights and sees the same batches. Shares are those of\n"
        "`Grouping`, percent, levels 1 / 2 / 3 / 4; entropy is that of a row of Ptilde^1 ... Ptilde^{l-1} over the\n"
        "logarithm of N_l, levels 2 / 3 / 4; time is CPU time of training beside UPerNet's."
    ]
    for data, rows in table.astype({"disabled": object}).fillna({"disabled": ""}).groupby("data", sort=False):
        whole, metrics = rows[rows["disabled"] == ""], [name for name in rows["name"].unique() if "/" in name]
        names = [name for name in CANDIDATES if name in set(whole["candidate"])]
        shown = pd.DataFrame(index=pd.Index(names, name="candidate"))
        for metric in metrics:
            score = paired(whole, metric, "candidate", "UPerNet")
            shown[metric] = plus_minus(score["mean"], score["std"], 2)
            shown[f"{metric} ahead of UPerNet"] = plus_minus(score["ahead"], score["ahead std"], 2, "+")
        for name, (factor, digits, first) in BY_LEVEL.items():
            mean = factor * whole[whole["name"] == name].pivot_table("value", "candidate", "level")
            shown[name] = mean.loc[:, first:].map(f"{{:.{digits}f}}".format).agg(" / ".join, axis=1)
        parameters = whole[whole["name"] == "parameters"].groupby("candidate")["value"].first()
        shown["parameters"] = parameters.map("{:,.0f}".format).replace("0", "-")
        seconds = whole[whole["name"] == "seconds"].pivot(index="seed", columns="candidate", values="value")
        shown["time"] = seconds.div(seconds["UPerNet"], axis=0).median().map("{:.2f}".format)
        seeds = whole["seed"].nunique()
        parts.append(f"**{data}**, {seeds} seeds\n\n{markdown(shown.astype(object).fillna('-').reset_index())}")
        for name in [name for name in EXAMINED if name in names]:
            examined = rows[rows["candidate"] == name]
            lost = pd.DataFrame(index=pd.Index(DISABLED, name=f"{name}, with"))
            for metric in metrics:
                change = paired(examined, metric, "disabled", "").reindex(DISABLED)
                lost[metric] = plus_minus(change["ahead"], change["ahead std"], 2, "+")
            parts.append(f"What its scores on {data} change by at test time\n\n{markdown(lost.reset_index())}")
    return "\n\n".join(parts) + "\n"
