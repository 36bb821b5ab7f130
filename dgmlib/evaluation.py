"""Evaluation by Broden+'s rules: pixels are counted over all images before anything is divided.

The rules are unifiedparsing's, at the labels' own resolution: unlabelled pixels do not count for objects and
materials; a class that occurs nowhere scores 0 and is averaged in; parts are scored within the *predicted* object,
so that a wrong object costs its parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from dgmlib.parsing import check_finite
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import Vocabulary

EPSILON = 1e-8
# The label that is not counted.
_IGNORED = {"object": 0, "material": 0, "scene": -1, "texture": None}


def evaluate(model: nn.Module, dataset: Dataset, *args, **kwargs) -> dict[str, float]:
    """Score a model on every image of a dataset that is labelled for one of the tasks; arguments as for `count`.

    Returns:
        fractions in [0, 1], see `fractions`.
    """
    return fractions(count(model, dataset, *args, **kwargs), dataset.vocabulary)


def count(
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
    images: int | None = None,
) -> list[dict[str, Tensor]]:
    """Count right, predicted and labelled pixels, image by image.

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
        images: how many, spread evenly; all of them if not given.

    Returns:
        `Scores.counts` of every image that is labelled for one of the tasks, in the order of the dataset.

    Raises:
        ValueError: if the model names other classes than the dataset, or in another order.
        FloatingPointError: if its scores are not finite.
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
    labelled = labelled[:: max(len(labelled) // (images or len(labelled)), 1)][:images]
    views = _Views(dataset, workers, RegionMaps(dataset.cache, max_regions), short_sides, max_size)
    loader = ReportingLoader(views, sampler=labelled, batch_size=None, num_workers=workers, generator=torch.Generator())
    hidden = None if progress is None else not progress
    was_training = model.training
    model.eval()
    counts = []
    with torch.inference_mode():
        for sample, scaled in tqdm(loader, desc="evaluate", unit="image", disable=hidden):
            sample = {key: value.to(device) if torch.is_tensor(value) else value for key, value in sample.items()}
            scaled = [(image.to(device), regions.to(device)) for image, regions in scaled]
            scores = Scores(dataset.vocabulary, tasks).to(device)
            scores.update(predict(model, scaled, sample, dataset.vocabulary, tasks), sample)
            counts.append({task: counted.cpu() for task, counted in scores.counts().items()})
    model.train(was_training)
    return counts


def fractions(counts: Iterable[Mapping[str, Tensor]], vocabulary: Vocabulary) -> dict[str, float]:
    """Add counts up and divide them by Broden+'s rules.

    Args:
        counts: `Scores.counts` of some images.
        vocabulary: the classes.

    Returns:
        fractions in [0, 1]: "object/mIoU", "object/pixel accuracy", the same for "part" and "material",
        "scene/accuracy", "texture/accuracy", of the tasks that were counted.
    """
    total: dict[str, Tensor] = {}
    for one in counts:
        for task, counted in one.items():
            total[task] = total.get(task, 0) + counted.double()
    result = {}
    for task, (hits, predicted, labelled) in total.items():
        iou = hits / (predicted + labelled - hits + EPSILON)
        if task == "part":  # within an object, then over the objects with at least one labelled part pixel
            named = [slice(group.start + 1, group.stop) for group in vocabulary.part_slices.values()]  # 0: none of them
            named = [group for group in named if labelled[group].sum() > 0]
            means = [iou[group].mean() for group in named], [hits[g].sum() / labelled[g].sum() for g in named]
            mean = [torch.stack(values).mean().item() if values else float("nan") for values in means]
        else:
            mean = [iou[1:].mean().item(), (hits.sum() / labelled.sum()).item()]
        result |= dict(zip((f"{task}/mIoU", f"{task}/pixel accuracy"), mean, strict=True))
        if task in ("scene", "texture"):
            del result[f"{task}/mIoU"]
            result[f"{task}/accuracy"] = result.pop(f"{task}/pixel accuracy")
    return result


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
        check_finite(outputs, asked)
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
    """Accumulates the counts of all tasks over some images.

    Args:
        vocabulary: the classes.
        tasks: the tasks to score.
    """

    def __init__(self, vocabulary: Vocabulary, tasks: Sequence[str]):
        super().__init__()
        self.vocabulary, self.metrics = vocabulary, nn.ModuleDict()
        for task in tasks:
            if task == "part":
                self.metrics[task] = PartCounts(vocabulary)
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

    def counts(self) -> dict[str, Tensor]:
        """Give the counts of the tasks that were seen, (3, classes): hits, predicted and labelled pixels or images."""
        result = {task: metric.compute() for task, metric in self.metrics.items() if metric.update_called}
        for task in result.keys() - {"part"}:
            confusion = result[task]  # rows true, columns predicted
            result[task] = torch.stack([confusion.diag(), confusion.sum(0), confusion.sum(1)])
        return result

    def compute(self) -> dict[str, float]:
        """Divide the counts, see `fractions`."""
        return fractions([self.counts()], self.vocabulary)


class PartCounts(Metric):
    """Counts of parts, object by object, on the images where the object's parts are annotated.

    The prediction is masked by the predicted object, not by the true one, and counts on unlabelled pixels too.
    """

    full_state_update = False

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self.slices = vocabulary.part_slices
        self.add_state("total", torch.zeros(3, vocabulary.channels("part"), dtype=torch.int64), dist_reduce_fx="sum")

    def update(
        self, predicted_objects: Tensor, predicted_parts: dict[int, Tensor], objects: Tensor, parts: Tensor
    ) -> None:
        """Count one image: (H, W) maps of object ids and of part indices; one predicted map per valid object."""
        for thing, prediction in predicted_parts.items():
            group = self.slices[thing]
            predicted = prediction * (predicted_objects == thing)
            true = parts * (objects == thing)
            counted = [x.flatten().bincount(minlength=group.stop - group.start) for x in (predicted, true)]
            hits = true[true == predicted].bincount(minlength=group.stop - group.start)
            self.total[:, group] += torch.stack([hits, *counted])

    def compute(self) -> Tensor:
        """(3, part channels): hits, predicted and labelled pixels."""
        return self.total


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
        return sample, views
