"""Candidates: networks with the same initial weights and batches, scored on images that none of them has seen.

The data are *training* splits, cut into folds: seed s trains on all folds but s and is scored on fold s, so nothing is
chosen on validation images. Candidates of one seed start with the same weights in all parts that networks share, see
the same batches and draw the same random numbers.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from math import nan
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from joblib import delayed
from torch import Tensor
from torch.utils.data import Dataset, Subset

from dgmlib import presets
from dgmlib.broden import FolderDataset
from dgmlib.broden.loading import view
from dgmlib.data import data_root, open_data
from dgmlib.evaluation import evaluate, listening
from dgmlib.experiments import start
from dgmlib.measure.study import named
from dgmlib.measure.turns import one_thread
from dgmlib.parallel import parallel
from dgmlib.parsing import PerceptualParser, Variant
from dgmlib.paths import write_atomic
from dgmlib.reading import Reading
from dgmlib.superpixels import RegionMaps
from dgmlib.training import train
from dgmlib.vocabulary import TASKS

MINI = presets.get("mini")
#: For photographs: a frozen ImageNet backbone; otherwise the settings of preset mini, at twice its size.
PHOTOGRAPHS = replace(
    MINI,
    name="photographs",
    data="photographs",
    mini="",
    settings=("O",),
    model=presets.ModelConfig(backbone="efficientnet-lite0", pretrained="imagenet", dim=64, max_regions=256),
    training=replace(
        MINI.training,
        iterations=250,
        short_sides=(160, 192, 224),
        max_size=400,
        texture_iterations=0,
        checkpoint_every=250,
    ),
    testing=presets.TestingConfig(short_side=192, max_size=400),
)

#: Contiguous pieces that a training split is cut into, see `folds`.
BLOCKS = 12
#: A temporary change to a network, see `dgmlib.interventions`.
Intervention = Callable[[PerceptualParser], AbstractContextManager]


@dataclass(frozen=True)
class Candidate:
    """A network in a comparison, described by its differences from a preset's Deep Grouping Model."""

    dgm: Variant | None = "full"  # None: the baseline
    reading: Reading | None = None  # of the paper; None: the preset's
    model: Mapping = field(default_factory=dict)  # further fields of `ModelConfig` that differ
    scale: float = 1.0  # of all image sides, relative to the preset's
    length: float = 1.0  # of the training, relative to the preset's
    superpixels: str = ""  # another kind than ours; the caller keeps its maps in a folder of this name
    base: str = "UPerNet"  # the candidate it is compared with
    trained: Intervention = nullcontext  # applied to the network during training and scoring
    probes: Mapping[str, Intervention] = field(default_factory=dict)  # name -> applied before it is scored again

    def changed(self, preset: presets.Preset) -> presets.Preset:
        """Apply the candidate's settings to a preset."""

        def scaled(side: int) -> int:
            return round(self.scale * side)

        model, training, testing = preset.model, preset.training, preset.testing
        iterations, short_sides = round(self.length * training.iterations), tuple(map(scaled, training.short_sides))
        size = scaled(training.max_size)
        return replace(
            preset,
            model=replace(model, **{"reading": self.reading or model.reading, **self.model}),
            training=replace(training, iterations=iterations, short_sides=short_sides, max_size=size),
            testing=replace(testing, short_side=scaled(testing.short_side), max_size=scaled(testing.max_size)),
        )


class Fold(Subset):
    """A part of a dataset that trains and scores like the whole."""

    def __init__(self, dataset: Dataset, indices: Sequence[int]):
        super().__init__(dataset, indices)
        self.vocabulary, self.cache = dataset.vocabulary, dataset.cache
        self.records = [dataset.records[i] for i in indices]

    def key(self, index: int) -> str:
        """Return an image's unique id."""
        return self.dataset.key(self.indices[index])

    def groups(self, tasks: Sequence[str]) -> list[list[int]]:
        """Return the indices of this part's records that are labelled for some tasks, by group of sources."""
        place = {index: i for i, index in enumerate(self.indices)}
        groups = [[place[i] for i in group if i in place] for group in self.dataset.groups(tasks)]
        return [group for group in groups if group]


def folds(dataset: Dataset, count: int, fold: int) -> tuple[Fold, Fold]:
    """Split a dataset into all folds but one, to train on, and that one, to score on.

    A fold is every ``count``-th of `BLOCKS` contiguous pieces: frames of one sequence are alike, yet every sequence
    should occur on both sides.

    Raises:
        ValueError: if ``count`` is not from 2 to `BLOCKS`.
    """
    if not 2 <= count <= BLOCKS:
        raise ValueError(f"--seeds must be from 2 to {BLOCKS}, because every seed is scored on a fold, not {count}.")
    fold_of = np.arange(len(dataset)) * BLOCKS // len(dataset) % count
    kept, held_out = (np.flatnonzero(part).tolist() for part in (fold_of != fold, fold_of == fold))
    return Fold(dataset, kept), Fold(dataset, held_out)


def photographs(folders: Iterable[Path]) -> dict[str, FolderDataset]:
    """Open the training splits of folders of labelled photographs, by the folders' names.

    Raises:
        ValueError: if two folders have the same name, or if one has fewer than two classes of objects to tell apart.
    """
    sets = {name: FolderDataset(folder, "train") for name, folder in named(folders).items()}
    for dataset in sets.values():
        if len(dataset.vocabulary.objects) < 3:  # the first stands for unlabelled pixels
            raise ValueError(
                f"{dataset.root / 'names.txt'} has fewer than two objects, but candidates are compared by how they "
                'tell objects apart; to compare them on parts, leave out what comes before "/".'
            )
    return sets


def drawings(preset: presets.Preset, workers: int) -> tuple[Dataset, tuple[str, ...]]:
    """Open a preset's own training split for all tasks but texture, which is trained afterwards on their features."""
    tasks = tuple(task for task in TASKS if task != "texture")
    return open_data(data_root(preset, workers=workers), "train", tasks), tasks


def views(
    dataset: Dataset, preset: presets.Preset, indices: Iterable[int]
) -> Iterator[tuple[dict, tuple[Tensor, Tensor]]]:
    """Yield samples, each with its image and superpixels scaled to a preset's test size, see `view`."""
    maps, testing = RegionMaps(dataset.cache, preset.model.max_regions), preset.testing
    for index in indices:
        sample = dataset[index]
        regions = maps(sample["key"], sample["image"])
        yield sample, view(sample["image"], regions, testing.short_side, testing.max_size)


def plain_scores(
    model: PerceptualParser, dataset: Dataset, preset: presets.Preset, tasks: Sequence[str]
) -> dict[str, float]:
    """Score by Broden+'s rules, with a preset's test settings."""
    testing = preset.testing
    return evaluate(model, dataset, tasks, testing.short_side, preset.model.max_regions, max_size=testing.max_size)


@dataclass(frozen=True)
class Run:
    """One candidate on one fold of one training split."""

    preset: presets.Preset  # settings that all candidates share
    dataset: Dataset  # the whole split; superpixels are kept in its ``cache``
    content: str  # digest of the data, see `dgmlib.data.content`
    data: str  # its name
    tasks: tuple[str, ...]  # trained and scored
    name: str  # of the candidate
    candidate: Candidate
    seed: int  # of weights and batches; also the held-out fold
    folds: int  # number of folds
    scores: Callable[..., dict[str, float]] = plain_scores

    @cached_property
    def settings(self) -> presets.Preset:
        """The preset with the candidate's changes."""
        return self.candidate.changed(self.preset)

    def folder(self, runs: Path) -> Path:
        """Folder of the run's model and numbers; other settings or data have another folder."""
        settings, candidate = self.settings, self.candidate
        probes = {name: _said(probe) for name, probe in candidate.probes.items()}
        facts = [asdict(settings.model), asdict(settings.training) | presets.PACE, asdict(settings.testing)]
        facts += [candidate.dgm, candidate.superpixels, self.tasks, self.folds, self.content]
        facts += [_said(self.scores), _said(candidate.trained), probes]
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return runs / "candidates" / self.data / f"{self.name.replace('/', '')}, seed {self.seed}-{digest[:8]}"

    @one_thread()
    def measure(self, runs: Path) -> dict:
        """Train and score in a folder of its own, or read back a finished result.

        Returns:
            "scores": {"": metrics, and by probe}, "heard": numbers by level, "seconds": CPU time of training (nan if it
            was interrupted), "parameters": of the Deep Grouping Model.
        """
        out, candidate, settings = self.folder(runs), self.candidate, self.settings
        done = out / "measured.json"
        with suppress(FileNotFoundError, ValueError):  # missing or incomplete: measure it now
            return json.loads(done.read_text())
        kept, held_out = folds(self.dataset, self.folds, self.seed)
        model = start(settings.model, candidate.dgm, self.dataset.vocabulary, self.tasks, self.seed)
        score = partial(self.scores, model, held_out, settings, self.tasks)
        with candidate.trained(model):
            resumed, began = any(out.glob("*.safetensors")), process_time()
            train(model, kept, settings.training, out, self.seed, settings.model.max_regions, "cpu", progress=False)
            result = {"seconds": nan if resumed else process_time() - began}  # not comparable for a part
            with listening(model) as heard:
                result |= {"scores": {"": score()}, "heard": heard}
            result["parameters"] = sum(p.numel() for p in model.dgm.parameters()) if model.dgm else 0
            for name, probe in candidate.probes.items():
                with probe(model):
                    result["scores"][name] = score()
        with write_atomic(done) as temporary:
            temporary.write_text(json.dumps(result, indent=1))
        return result

    def rows(self, result: dict) -> list[dict]:
        """List one row per number that `measure` returned.

        Columns are data, candidate, seed, probe, name, level (0 if there is none) and value.
        """
        numbers = [(probe, name, 0, v) for probe, scores in result["scores"].items() for name, v in scores.items()]
        numbers += [("", name, 0, result[name]) for name in ("seconds", "parameters")]
        heard = result["heard"].items()
        numbers += [("", name, level, v) for name, values in heard for level, v in enumerate(values, 1)]
        facts = {"data": self.data, "candidate": self.name, "seed": self.seed}
        columns = "probe", "name", "level", "value"
        return [facts | dict(zip(columns, number, strict=True)) for number in numbers]


def measured(jobs: Sequence[Run], workers: int, runs: Path) -> pd.DataFrame:
    """Measure runs in parallel, one thread each, and return the rows of all, see `Run.rows`."""
    results = parallel(workers)(delayed(job.measure)(runs) for job in jobs)
    return pd.DataFrame([row for job, result in zip(jobs, results, strict=True) for row in job.rows(result)])


def _said(function: Callable) -> str:
    """Name a function, including the arguments that a `partial` fixes."""
    if isinstance(function, partial):
        return f"{_said(function.func)} {sorted(function.keywords.items())}"
    return function.__name__
