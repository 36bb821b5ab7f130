"""Fig. 4: predictions of trained networks for the same images, and the truth; computed once and stored compactly.

The images are chosen by a rule, never by how they look: for every task and every source of the data, the first images
of the validation list with at least two labels of it, on a tenth of the image or more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from dgmlib import presets
from dgmlib.data import open_data
from dgmlib.experiments import Cell
from dgmlib.labels import class_names, part_ids
from dgmlib.paths import RUNS, write_atomic
from dgmlib.predictor import Predictor
from dgmlib.provenance import provenance
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import Vocabulary

#: Columns of Fig. 4, after image and truth.
MODELS = ("APCNet", "OCNet", "UPerNet", "DGM")
TASKS = ("object", "part", "material")
#: The setting of Table 1 whose models predict all of these tasks.
SETTING = "O+P+S+M+T"
ENOUGH = 0.1  # minimum share of labelled pixels for an image to be shown


@dataclass(frozen=True)
class Comparison:
    """The truth and predictions for one task on one image."""

    task: str  # one of `TASKS`
    key: str  # the image's id
    image: np.ndarray  # (H, W, 3) uint8
    truth: np.ndarray  # (H, W) class ids, 0 where nothing is labelled
    predictions: dict[str, np.ndarray]  # model -> (H, W) class ids
    names: tuple[str, ...]  # class names by id, parts with their object: "car: wheel"

    def right(self, model: str) -> float:
        """Share of the labelled pixels that a model gets right; for parts, the label "no part" does not count."""
        named = self.truth > (1 if self.task == "part" else 0)
        return float((self.predictions[model] == self.truth)[named].mean())


def compare(
    preset: presets.Preset,
    data: Path,
    runs: Path = RUNS,
    seed: int = 0,
    images: int = 2,
    models: Sequence[str] = MODELS,
) -> list[Comparison]:
    """Predict ``images`` validation images of every task and source with trained cells of Table 1, see `Cell`.

    Raises:
        FileNotFoundError: if a cell is not trained.
    """
    cells = [Cell(preset, name, SETTING, seed, data, runs) for name in models]
    sides = {"short_side": preset.testing.short_side, "max_size": preset.testing.max_size}
    predictors = {cell.system: Predictor.load(cell.model(), **sides) for cell in cells}
    dataset, found = open_data(data, "val", cells[0].tasks), []
    regions_of = RegionMaps(dataset.cache, preset.model.max_regions)
    for task in TASKS:
        names = class_names(dataset.vocabulary, task)
        for index in choose(dataset, task, images):
            sample = dataset[index]
            key, image, truth = sample["key"], sample["image"], labels_of(sample, task, dataset.vocabulary)
            regions = regions_of(key, image)
            seen = {name: getattr(predictor(image, regions), f"{task}s").ids for name, predictor in predictors.items()}
            found.append(Comparison(task, key, image, truth, seen, names))
    return found


def choose(dataset: Dataset, task: str, images: int) -> list[int]:
    """Choose the first images of every source that have two or more labels of a task on `ENOUGH` of the pixels."""
    chosen: dict[str, list[int]] = {}
    for index in sorted(chain.from_iterable(dataset.groups((task,)))):
        found = chosen.setdefault(dataset.records[index].source, [])
        if len(found) < images:
            labels = labels_of(dataset[index], task, dataset.vocabulary)
            if len(np.unique(labels[labels > 0])) > 1 and (labels > 0).mean() >= ENOUGH:
                found.append(index)
    return [index for found in chosen.values() for index in found]


def labels_of(sample: Mapping, task: str, vocabulary: Vocabulary) -> np.ndarray:
    """Ground truth of a sample, (H, W) ids as in `class_names`; parts only on objects whose parts are annotated."""
    if task != "part":
        return sample[task]
    ids = np.zeros_like(sample["object"])
    for (thing, channels), annotated in zip(vocabulary.part_slices.items(), sample["part_valid"], strict=True):
        if annotated:
            ids = np.where(sample["object"] == thing, part_ids(sample["part"], channels), ids)
    return ids


def save(comparisons: Sequence[Comparison], folder: Path, **facts) -> None:
    """Write ``maps.npz`` and ``index.json``, which records their provenance."""
    arrays, entries = {}, []
    for i, one in enumerate(comparisons):
        arrays |= {f"{i} image": one.image, f"{i} truth": one.truth.astype(np.uint16)}
        arrays |= {f"{i} {model}": ids.astype(np.uint16) for model, ids in one.predictions.items()}
        entries.append({"task": one.task, "key": one.key, "models": list(one.predictions)})
    names = {one.task: one.names for one in comparisons}
    with write_atomic(folder / "maps.npz") as temporary:
        np.savez_compressed(temporary, **arrays)
    with write_atomic(folder / "index.json") as temporary:
        temporary.write_text(json.dumps(provenance() | facts | {"names": names, "images": entries}, indent=1) + "\n")


def load(folder: Path) -> tuple[list[Comparison], dict]:
    """Read what `save` wrote: the comparisons, and the facts stored with them.

    Raises:
        FileNotFoundError: if nothing is stored.
    """
    path = folder / "index.json"
    if not path.exists():
        raise FileNotFoundError(f"there are no predictions in {folder}; notebook 11 stores them there.")
    facts, comparisons = json.loads(path.read_text()), []
    names, entries = facts.pop("names"), facts.pop("images")
    with np.load(folder / "maps.npz") as arrays:
        for i, entry in enumerate(entries):
            ids = {name: arrays[f"{i} {name}"].astype(np.int64) for name in ("truth", *entry["models"])}
            facts_of = entry["task"], entry["key"], arrays[f"{i} image"], ids.pop("truth")
            comparisons.append(Comparison(*facts_of, ids, tuple(names[entry["task"]])))
    return comparisons, facts
