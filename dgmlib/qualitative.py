"""Fig. 4: what trained networks see in the same images, beside the truth; predicted once, stored small, shown anywhere.

The images are chosen by a rule, never by how they look: for every task and every source of the data, the first images
of the validation list with at least two labels of it, on a tenth of the image or more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dgmlib import presets, superpixels
from dgmlib.data import open_data
from dgmlib.evaluation import predict, view
from dgmlib.experiments import Cell
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import RUNS, write_atomic
from dgmlib.provenance import provenance
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import Vocabulary

#: Columns of Fig. 4, after image and truth.
MODELS = ("APCNet", "OCNet", "UPerNet", "DGM")
TASKS = ("object", "part", "material")
#: The setting of Table 1 whose models know all of them.
SETTING = "O+P+S+M+T"
NO_PART = "no part"
ENOUGH = 0.1  # of the image's pixels have to be labelled for it to be shown


@dataclass(frozen=True)
class Comparison:
    """One task of one image.

    Attributes:
        task: "object", "part" or "material".
        key: the image's id.
        image: (H, W, 3) uint8.
        truth: (H, W) class ids, 0 where nothing is labelled.
        predictions: model -> (H, W) class ids.
        names: class names by id, parts together with their object: "car: wheel".
    """

    task: str
    key: str
    image: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    names: tuple[str, ...]

    def right(self, model: str) -> float:
        """Share of the labelled pixels that a model names rightly; who draws no part earns nothing by "no part"."""
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
    """Let the trained cells of Table 1 predict the chosen validation images.

    Args:
        preset: of the cells, which must be trained: see `dgmlib.experiments.Cell`.
        data: root of the data set.
        runs: folder of all runs.
        seed: of the cells.
        images: how many for every task and source.
        models: rows of Table 1.

    Raises:
        FileNotFoundError: if a cell is not trained.
    """
    cells = {name: Cell(preset, name, SETTING, seed, data, runs) for name in models}
    networks = {name: cell.model() for name, cell in cells.items()}
    dataset = open_data(data, "val", cells[models[0]].tasks)
    regions_of = RegionMaps(dataset.cache, preset.model.max_regions)
    found = []
    for task in TASKS:
        for index in choose(dataset, task, images):
            sample = dataset[index]
            inputs = view(
                sample["image"],
                regions_of(sample["key"], sample["image"]),
                preset.testing.short_side,
                preset.testing.max_size,
            )
            maps = {name: _predicted(network, inputs, sample, task) for name, network in networks.items()}
            truth = labels_of(sample, task, dataset.vocabulary)
            found.append(
                Comparison(task, sample["key"], sample["image"], truth, maps, names_of(dataset.vocabulary, task))
            )
    return found


def choose(dataset: Dataset, task: str, images: int) -> list[int]:
    """Indices of the first so many images of every source with two or more labels of a task on `ENOUGH` pixels."""
    chosen: dict[str, list[int]] = {}
    for index in sorted(chain.from_iterable(dataset.groups((task,)))):
        own = chosen.setdefault(dataset.records[index].source, [])
        if len(own) < images:
            labels = labels_of(dataset[index], task, dataset.vocabulary)
            if len(np.unique(labels[labels > 0])) > 1 and (labels > 0).mean() >= ENOUGH:
                own.append(index)
    return [index for own in chosen.values() for index in own]


def names_of(vocabulary: Vocabulary, task: str) -> tuple[str, ...]:
    """Class names by the ids of `Comparison`; 0 is "-", and 1 of the parts is a labelled pixel of no part."""
    if task != "part":
        return vocabulary.names(task)
    pairs = [
        NO_PART if part == 0 else f"{vocabulary.objects[thing]}: {vocabulary.parts[part]}"
        for thing, parts in vocabulary.object_parts.items()
        for part in parts
    ]
    return ("-", NO_PART, *pairs)


def labels_of(sample: Mapping, task: str, vocabulary: Vocabulary) -> np.ndarray:
    """The truth of a sample, (H, W) ids as in `names_of`; parts count on the objects whose parts are annotated."""
    if task != "part":
        return sample[task]
    ids = np.zeros_like(sample["object"])
    for (thing, channels), annotated in zip(vocabulary.part_slices.items(), sample["part_valid"], strict=True):
        if annotated:
            ids = np.where(sample["object"] == thing, _pair(sample["part"], channels), ids)
    return ids


def parse(model: PerceptualParser, image: np.ndarray, short_side: int, max_size: int = 1000) -> dict[str, tuple]:
    """Predict objects, parts and materials of any image, parts inside the predicted objects.

    Args:
        model: with all five heads.
        image: (H, W, 3) uint8.
        short_side: of the scaled image that the model sees, in pixels.
        max_size: the longest side of it.

    Returns:
        task -> ((H, W) ids, names by id), as `dgmlib.viz.overview` takes them; and "scene" -> (id, names).
    """
    regions = superpixels.segment(image, model.recipe["model"]["max_regions"])
    inputs, vocabulary = view(image, regions, short_side, max_size), model.vocabulary
    wanted = dict.fromkeys((*TASKS, "scene")) | {"image": image, "part_valid": [True] * len(vocabulary.object_parts)}
    return {task: (_predicted(model, inputs, wanted, task), names_of(vocabulary, task)) for task in (*TASKS, "scene")}


@torch.inference_mode()
def _predicted(model: PerceptualParser, inputs: tuple[Tensor, Tensor], sample: Mapping, task: str) -> np.ndarray:
    """Ids as in `names_of`, (H, W), or (1,) for the scene; parts are looked for inside the predicted object."""
    predictions = predict(model, [inputs], sample, model.vocabulary, ("object", "part") if task == "part" else (task,))
    if task != "part":
        return predictions[task].numpy()
    ids = np.ones(sample["image"].shape[:2], dtype=np.int64)
    for thing, parts in predictions["part"].items():
        here = predictions["object"].numpy() == thing
        ids[here] = _pair(parts.numpy(), model.vocabulary.part_slices[thing])[here]
    return ids


def _pair(parts: np.ndarray, channels: slice) -> np.ndarray:
    """Position in an object's part list -> id of the pair; 1, "no part", for position 0."""
    return np.where(parts > 0, 2 + channels.start + parts, 1)


def save(comparisons: Sequence[Comparison], folder: Path, **facts) -> None:
    """Write ``maps.npz`` and ``index.json``, which says where they come from."""
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
    """Read what `save` wrote: the comparisons, and the facts beside them.

    Raises:
        FileNotFoundError: if there is nothing.
    """
    path = folder / "index.json"
    if not path.exists():
        raise FileNotFoundError(f"there are no predictions in {folder}; notebook 11 stores them there.")
    facts = json.loads(path.read_text())
    names, entries = ({task: tuple(own) for task, own in facts.pop("names").items()}, facts.pop("images"))
    with np.load(folder / "maps.npz") as arrays:
        comparisons = [
            Comparison(
                entry["task"],
                entry["key"],
                arrays[f"{i} image"],
                arrays[f"{i} truth"].astype(np.int64),
                {model: arrays[f"{i} {model}"].astype(np.int64) for model in entry["models"]},
                names[entry["task"]],
            )
            for i, entry in enumerate(entries)
        ]
    return comparisons, facts
