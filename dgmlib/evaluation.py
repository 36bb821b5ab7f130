"""Evaluation by Broden+'s rules: pixels are counted over all images before anything is divided.

The rules are unifiedparsing's, at the labels' own resolution: unlabelled pixels do not count for objects and
materials; a class that occurs nowhere scores 0 and is averaged in; parts are scored within the *predicted* object,
so that a wrong object costs its parts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix
from tqdm import tqdm

from dgmlib.broden.loading import view
from dgmlib.broden.workers import Reader, ReportingLoader
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import Vocabulary

EPSILON = 1e-8
# The label that is not counted.
_IGNORED = {"object": 0, "material": 0, "scene": -1, "texture": None}


def evaluate(
    model: nn.Module,
    dataset: Dataset,
    tasks: Sequence[str],
    short_side: int,
    max_regions: int = 512,
    scales: Sequence[float] = (1.0,),
    device: str | torch.device = "cpu",
    max_size: int = 1000,
    progress: bool | None = None,
    workers: int = 0,
) -> dict[str, float]:
    """Score a model on every image of a dataset that is labelled for one of ``tasks``.

    Args:
        model: called as ``model(images, regions, tasks=...)``.
        dataset: `BrodenPlus`, `FolderDataset` or `SceneParse150`.
        tasks: the tasks to score; those the dataset has no labels for are left out of the result.
        short_side: of the scaled image, in pixels; sides are then rounded up to a multiple of 32, stretching slightly.
        max_regions: the most superpixels of one image.
        scales: multiples of ``short_side`` whose softmax outputs are averaged.
        device: where the model runs; it must stand there already.
        max_size: the longest side of a scaled image, in pixels.
        progress: False hides the bar; by default it shows in a terminal.
        workers: processes that read images ahead.

    Returns:
        fractions in [0, 1]: "object/mIoU", "object/pixel accuracy", the same for "part" and "material",
        "scene/accuracy", "texture/accuracy".

    Raises:
        ValueError: if the model names other classes than the dataset, or in another order.
    """
    theirs, known = dataset.vocabulary, getattr(model, "vocabulary", dataset.vocabulary)
    other = [task for task in tasks if known.names(task) != theirs.names(task)]
    if "part" in tasks and known.object_parts != theirs.object_parts:
        other.append("which object has which parts")
    if other:
        raise ValueError(
            f"the model has other classes than the data, or in another order ({', '.join(other)}); open the data with "
            "vocabulary=model.vocabulary, or train a model on these classes."
        )
    short_sides = [round(short_side * scale) for scale in scales]
    labelled = [(index,) for index in sorted(chain.from_iterable(dataset.groups(tasks)))]
    views = _Views(dataset, workers, RegionMaps(dataset.cache, max_regions), short_sides, max_size)
    loader = ReportingLoader(views, sampler=labelled, batch_size=None, num_workers=workers, generator=torch.Generator())
    scores = Scores(dataset.vocabulary, tasks).to(device)
    hidden = None if progress is None else not progress
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for sample, images in tqdm(loader, desc="evaluate", unit="image", disable=hidden):
            sample = {key: value.to(device) if torch.is_tensor(value) else value for key, value in sample.items()}
            images = [(image.to(device), regions.to(device)) for image, regions in images]
            scores.update(predict(model, images, sample, dataset.vocabulary, tasks), sample)
    model.train(was_training)
    return scores.compute()


def predict(
    model: nn.Module, images: list[tuple[Tensor, Tensor]], sample: dict, vocabulary: Vocabulary, tasks: Sequence[str]
) -> dict:
    """Predict the labels of one image, averaging the softmax over its scales.

    Args:
        model: as in `evaluate`.
        images: ((1, 3, h, w) image, (1, h, w) superpixels) per scale.
        sample: the image's labels; only tasks among them are predicted, and only parts of objects that are valid.
        vocabulary: names the part head's groups.
        tasks: the tasks wanted.

    Returns:
        "object", "material" (H, W); "part" {object id: (H, W) index in its list}; "scene", "texture" (1,).
    """
    wanted = [task for task in tasks if task in sample]
    asked = wanted + ["object"] * ("part" in wanted and "object" not in wanted)
    valid = [thing for thing, ok in zip(vocabulary.object_parts, sample.get("part_valid", ()), strict=False) if ok]
    total: dict = {}
    for image, regions in images:
        outputs = model(image, regions, tasks=tuple(asked))
        for name, logits in _groups(outputs, asked, valid, vocabulary):
            size = sample["image"].shape[:2]
            if name in ("scene", "texture"):
                logits = logits if logits.ndim == 2 else logits.mean((2, 3))  # (1, C)
            else:
                logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)  # (1, C, H, W)
            total[name] = total.get(name, 0) + logits.softmax(1) / len(images)
    best = {name: probabilities.argmax(1) for name, probabilities in total.items()}
    predictions = {
        name: best[name] if name in ("scene", "texture") else best[name][0] for name in asked if name != "part"
    }
    if "part" in wanted:
        predictions["part"] = {thing: best["part", thing][0] for thing in valid}
    return predictions


def _groups(outputs, asked: Sequence[str], valid: Sequence[int], vocabulary: Vocabulary) -> Iterator[tuple]:
    """Every softmax group: (name, logits), the part head's being named ("part", object id)."""
    for task in asked:
        if task != "part":
            yield task, outputs[task]
    for thing in valid if "part" in asked else ():
        yield ("part", thing), outputs["part"][:, vocabulary.part_slices[thing]]


@contextmanager
def listening(model: nn.Module) -> Iterator[dict[str, list[float]]]:
    """Note what the groupings of a model say of themselves while it runs; nothing of a model without DGM.

    Yields:
        a dict that holds, afterwards, means over all images by level: "residual share", "graph share", "rank" (see
        `Grouping.heard`), "entropy" (0 at level 1, whose nodes hear themselves) and "groups" that own a superpixel.
    """
    found: list[dict] = []

    def note(module: nn.Module, arguments: tuple, output: tuple) -> None:
        grouping, levels = output[1], range(1, len(output[1].nodes) + 1)
        entropy = [0.0, *(grouping.entropy(level).mean().item() for level in levels[1:])]
        groups = [grouping.counts(level).double().mean().item() for level in levels]
        found.append(grouping.heard() | {"entropy": entropy, "groups": groups})

    heard: dict[str, list[float]] = {}
    hook = model.dgm.register_forward_hook(note) if getattr(model, "dgm", None) is not None else None
    try:
        yield heard
    finally:
        if hook is not None:
            hook.remove()
    for name in found[0] if found else ():
        heard[name] = [round(value, 4) for value in np.mean([one[name] for one in found], 0).tolist()]


class Scores(nn.Module):
    """Accumulates the scores of all tasks over a dataset.

    Args:
        vocabulary: the classes.
        tasks: the tasks to score.
    """

    def __init__(self, vocabulary: Vocabulary, tasks: Sequence[str]):
        super().__init__()
        self.metrics = nn.ModuleDict()
        for task in tasks:
            if task == "part":
                self.metrics[task] = PartScores(vocabulary)
            else:
                self.metrics[task] = MulticlassConfusionMatrix(
                    vocabulary.channels(task), ignore_index=_IGNORED[task], validate_args=False
                )

    def update(self, predictions: dict, sample: dict) -> None:
        """Count one image; labels of tasks the image does not carry are left out."""
        for task, metric in self.metrics.items():
            if task == "part" and task in sample:
                metric.update(predictions["object"], predictions["part"], sample["object"], sample["part"])
            elif task in sample and task in predictions:
                target = torch.as_tensor(sample[task], device=predictions[task].device)
                metric.update(predictions[task].flatten(), target.flatten())

    def compute(self) -> dict[str, float]:
        """Divide the counts of the tasks that were seen."""
        result = {}
        for task, metric in self.metrics.items():
            if not metric.update_called:
                continue
            if task == "part":
                result |= {f"part/{name}": value for name, value in metric.compute().items()}
                continue
            confusion = metric.compute().double()  # rows true, columns predicted
            hits, labelled = confusion.diag(), confusion.sum(1)
            accuracy = (hits.sum() / labelled.sum()).item()
            if task in ("object", "material"):
                union = labelled + confusion.sum(0) - hits
                result[f"{task}/mIoU"] = (hits / (union + EPSILON))[1:].mean().item()
                result[f"{task}/pixel accuracy"] = accuracy
            else:
                result[f"{task}/accuracy"] = accuracy
        return result


class PartScores(Metric):
    """Part scores, object by object, on the images where the object's parts are annotated.

    The prediction is masked by the predicted object, not by the true one, and counts on unlabelled pixels too.
    """

    full_state_update = False

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self.slices = vocabulary.part_slices
        channels = vocabulary.channels("part")
        for name in ("hits", "predicted", "labelled"):  # pixels per channel of the part head
            self.add_state(name, torch.zeros(channels, dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, predicted_objects: Tensor, predicted_parts: dict[int, Tensor], objects: Tensor, parts: Tensor
    ) -> None:
        """Count one image: (H, W) maps of object ids and of part indices; one predicted map per valid object."""
        for thing, prediction in predicted_parts.items():
            group = self.slices[thing]
            size = group.stop - group.start
            predicted = prediction * (predicted_objects == thing)
            true = parts * (objects == thing)
            self.predicted[group] += predicted.flatten().bincount(minlength=size)
            self.labelled[group] += true.flatten().bincount(minlength=size)
            self.hits[group] += true[true == predicted].bincount(minlength=size)

    def compute(self) -> dict[str, float]:
        """Average over each object's parts, then over the objects with at least one labelled part pixel."""
        ious, accuracies = [], []
        union = self.predicted + self.labelled - self.hits
        for group in self.slices.values():
            named = slice(group.start + 1, group.stop)  # index 0 is "none of these"
            labelled = self.labelled[named].sum()
            if labelled > 0:
                ious.append((self.hits[named] / (union[named].double() + EPSILON)).mean())
                accuracies.append(self.hits[named].sum() / labelled.double())
        mean = {"mIoU": ious, "pixel accuracy": accuracies}
        return {name: torch.stack(values).mean().item() if values else float("nan") for name, values in mean.items()}


class _Views(Reader):
    """The images to evaluate, one at a time, with their scaled copies."""

    def __init__(self, dataset, workers: int, regions: RegionMaps, short_sides: Sequence[int], max_size: int):
        super().__init__(dataset, workers)
        self.regions, self.short_sides, self.max_size = regions, short_sides, max_size

    def load(self, index: int) -> tuple[dict, list[tuple[Tensor, Tensor]]]:
        """Read one image, its labels, and its copies scaled to every short side."""
        sample = self.dataset[index]
        regions = self.regions(sample["key"], sample["image"])
        views = [view(sample["image"], regions, short_side, self.max_size) for short_side in self.short_sides]
        return {key: _tensor(value) for key, value in sample.items()}, views


def _tensor(value):
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
