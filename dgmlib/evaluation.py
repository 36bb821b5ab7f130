"""Evaluation by Broden+'s rules: pixels are counted over all images before any division.

The rules are unifiedparsing's, at the labels' own resolution: unlabelled pixels are ignored for objects and materials;
a class that occurs nowhere scores 0 and enters the mean; parts are scored within the *predicted* object, so a wrong
object also costs its parts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset
from torchmetrics.functional.classification import multiclass_confusion_matrix
from tqdm import tqdm

from dgmlib.broden.loading import view
from dgmlib.broden.sampling import evenly
from dgmlib.broden.workers import Reader, ReportingLoader
from dgmlib.interventions import evaluating, hooked
from dgmlib.parsing import check_finite
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import IMAGE_TASKS, Vocabulary

EPSILON = 1e-8


def evaluate(model: nn.Module, dataset: Dataset, *args, **kwargs) -> dict[str, float]:
    """Score a model on every image of a dataset that is labelled for at least one task; arguments as for `count`.

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
    """Count correct, predicted and labelled pixels, image by image.

    Args:
        model: called as ``model(images, regions, tasks=...)``.
        dataset: `BrodenPlus`, `FolderDataset` or `SceneParse150`.
        tasks: the tasks to score; those the dataset has no labels for are left out of the result.
        short_side: of the scaled image, in pixels; sides are rounded up to multiples of 32, which stretches slightly.
        max_regions: maximum number of superpixels per image.
        scales: multiples of ``short_side`` whose softmax outputs are averaged.
        device: where the model runs; it must already be there.
        max_size: maximum long side of a scaled image, in pixels.
        progress: False hides the progress bar; by default it is shown in a terminal.
        workers: number of processes that prefetch images.
        images: number of images, evenly spaced; by default all.

    Returns:
        `count_image` of every image that is labelled for at least one task, in the order of the dataset.

    Raises:
        ValueError: if the model's classes or their order differ from the dataset's, or no image is labelled.
        FloatingPointError: if the model's scores are not finite.
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
    if not labelled:
        raise ValueError(
            f"no image of the data is labelled for {' or '.join(tasks)}; score tasks that it has labels of."
        )
    labelled = [labelled[i] for i in evenly(len(labelled), images)]
    views = _Views(dataset, workers, RegionMaps(dataset.cache, max_regions), short_sides, max_size)
    loader = ReportingLoader(views, sampler=labelled, batch_size=None, num_workers=workers, generator=torch.Generator())
    hidden = None if progress is None else not progress
    counts = []
    with evaluating(model), torch.inference_mode():
        for sample, scaled in tqdm(loader, desc="evaluate", unit="image", disable=hidden):
            sample = {key: value.to(device) if torch.is_tensor(value) else value for key, value in sample.items()}
            scaled = [(image.to(device), regions.to(device)) for image, regions in scaled]
            predictions = predict(model, scaled, sample, dataset.vocabulary, tasks)
            found = count_image(predictions, sample, dataset.vocabulary, tasks)
            counts.append({task: counted.cpu() for task, counted in found.items()})
    return counts


def fractions(counts: Iterable[Mapping[str, Tensor]], vocabulary: Vocabulary) -> dict[str, float]:
    """Sum counts and turn them into Broden+'s metrics.

    Args:
        counts: results of `count_image`.
        vocabulary: the classes.

    Returns:
        fractions in [0, 1]: "object/mIoU", "object/pixel accuracy", the same for "part" and "material",
        "scene/accuracy", "texture/accuracy", for the tasks that were counted.
    """
    total: dict[str, Tensor] = {}
    for one in counts:
        for task, counted in one.items():
            total[task] = total.get(task, 0) + counted.double()
    result = {}
    for task, (hits, predicted, labelled) in total.items():
        accuracy, iou = hits.sum() / labelled.sum(), hits / (predicted + labelled - hits + EPSILON)
        if task in IMAGE_TASKS:
            result[f"{task}/accuracy"] = accuracy.item()
            continue
        if task == "part":  # per object, then over the objects with at least one labelled part pixel
            named = [slice(g.start + 1, g.stop) for g in vocabulary.part_slices.values()]  # without 0, no part
            named = [g for g in named if labelled[g].sum() > 0]
            means = [iou[g].mean() for g in named], [hits[g].sum() / labelled[g].sum() for g in named]
            mean_iou, accuracy = (torch.tensor(values, dtype=torch.float64).mean() for values in means)  # nan if none
        else:
            mean_iou = iou[1:].mean()
        result |= {f"{task}/mIoU": mean_iou.item(), f"{task}/pixel accuracy": accuracy.item()}
    return result


def predict(
    model: nn.Module, images: list[tuple[Tensor, Tensor]], sample: dict, vocabulary: Vocabulary, tasks: Sequence[str]
) -> dict:
    """Predict the labels of one image, averaging the softmax over its scales.

    Args:
        model: as in `evaluate`.
        images: ((1, 3, h, w) image, (1, h, w) superpixels) per scale.
        sample: the image's labels; only their tasks are predicted, and parts only for valid objects.
        vocabulary: gives the part head's groups.
        tasks: the tasks wanted.

    Returns:
        "object", "material" (H, W); "part" {object id: (H, W) index in its list}; "scene", "texture" (1,).
    """
    wanted = [task for task in tasks if task in sample]
    asked = wanted + ["object"] * ("part" in wanted and "object" not in wanted)
    valid = [thing for thing, ok in zip(vocabulary.object_parts, sample.get("part_valid", ()), strict=False) if ok]
    size, total = sample["image"].shape[:2], {}  # total: by task, and by ("part", object id)
    for image, regions in images:
        outputs = model(image, regions, tasks=tuple(asked))
        check_finite(outputs, asked)
        groups = {task: outputs[task] for task in asked if task != "part"}
        if "part" in asked:
            groups |= {("part", thing): outputs["part"][:, vocabulary.part_slices[thing]] for thing in valid}
        for name, logits in groups.items():
            if name not in IMAGE_TASKS:
                logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)  # (1, C, H, W)
            elif logits.ndim == 4:
                logits = logits.mean((2, 3))  # (1, C)
            total[name] = total.get(name, 0) + logits.softmax(1) / len(images)
    best = {name: p.argmax(1) if name in IMAGE_TASKS else p.argmax(1)[0] for name, p in total.items()}
    predictions = {task: best[task] for task in asked if task != "part"}
    if "part" in wanted:
        predictions["part"] = {thing: best["part", thing] for thing in valid}
    return predictions


@contextmanager
def listening(model: nn.Module) -> Iterator[dict[str, list[float]]]:
    """Record statistics of a model's groupings while it runs; none for a model without DGM.

    Yields:
        a dict, filled on exit with means over all images by level: "residual share", "graph share", "rank" (see
        `Grouping.heard`), "entropy" (0 at level 1, whose nodes are the superpixels) and "groups" that own a superpixel.
    """
    found: list[dict] = []

    def note(module: nn.Module, arguments: tuple, output: tuple) -> None:
        grouping, levels = output[1], range(1, len(output[1].nodes) + 1)
        entropy = [grouping.entropy(level).mean().item() for level in levels]
        groups = [grouping.counts(level).double().mean().item() for level in levels]
        found.append(grouping.heard() | {"entropy": entropy, "groups": groups})

    heard: dict[str, list[float]] = {}
    with hooked(note, model.dgm) if getattr(model, "dgm", None) is not None else nullcontext():
        yield heard
    for name in found[0] if found else ():
        heard[name] = [round(value, 4) for value in np.mean([one[name] for one in found], 0).tolist()]


def count_image(
    predictions: Mapping, sample: Mapping, vocabulary: Vocabulary, tasks: Sequence[str]
) -> dict[str, Tensor]:
    """Count an image's predictions, as returned by `predict`, for the tasks that it has labels for.

    Parts are counted per object, for objects whose parts are annotated: within the predicted object, not the true one,
    and including unlabelled pixels.

    Returns:
        task -> (3, classes) int64: hits, predicted and labelled pixels, or images for scene and texture.
    """
    counts = {}
    for task in tasks:
        if task not in sample or task not in predictions:
            continue
        if task == "part":
            counts[task] = torch.zeros(3, vocabulary.channels(task), dtype=torch.int64, device=sample[task].device)
            for thing, parts in predictions[task].items():
                group = vocabulary.part_slices[thing]
                predicted, true = parts * (predictions["object"] == thing), sample[task] * (sample["object"] == thing)
                counts[task][:, group] = _count(predicted, true, group.stop - group.start)
        else:
            true = torch.as_tensor(sample[task], device=predictions[task].device)
            ignored = -1 if task in IMAGE_TASKS else 0
            counts[task] = _count(predictions[task], true, vocabulary.channels(task), ignored)
    return counts


def _count(predicted: Tensor, true: Tensor, classes: int, ignored: int | None = None) -> Tensor:
    """Hits, predicted and labelled entries of every class, (3, classes)."""
    confusion = multiclass_confusion_matrix(
        predicted.flatten(), true.flatten(), classes, ignore_index=ignored, validate_args=False
    )  # rows true, columns predicted
    return torch.stack([confusion.diag(), confusion.sum(0), confusion.sum(1)])


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
