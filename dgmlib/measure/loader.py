"""Loading speed of training samples, compared with a reimplementation of unifiedparsing's loader, in turn."""

import os
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from dgmlib.broden.dataset import BrodenPlus
from dgmlib.broden.files import BrodenError, image_shape
from dgmlib.broden.loading import MULTIPLE, STRIDE, scaled_shape, train_loader
from dgmlib.broden.prepare import prepare_record
from dgmlib.broden.sampling import Draw, TrainBatches, evenly
from dgmlib.measure.study import markdown, publish
from dgmlib.paths import RESULTS
from dgmlib.superpixels import RegionMaps
from dgmlib.vocabulary import TASKS

LITERAL, RAW, PREPARED = "per-object resizing, as unifiedparsing", "dgmlib, before prepare", "dgmlib, prepared"


def measure(
    root: Sequence[Path],
    data: Sequence[str] = (),
    out: Path = RESULTS,
    tasks: Sequence[str] = TASKS,
    short_side: int = 450,
    max_regions: int = 512,
    images: int = 64,
    workers: int = 2,
    seconds: float = 5.0,
    rounds: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """Time the same draws with three loaders in turn: the original's, ours, and ours after `prepare`.

    Superpixel maps are in the cache before the clock starts; the original's loader does not use them. The machine's
    load averages are written with the table, ``loader.{csv,json,md}``, because samples per second depend on them.

    Args:
        root: data folders, as for `BrodenPlus`; copies and maps are made in a temporary folder.
        data: names of the folders in the table; by default the folders' own.
        out: output folder for the table.
        tasks: tasks whose labels are loaded.
        short_side: short side of the scaled images, in pixels.
        max_regions: maximum number of superpixels of an image.
        images: number of training images to use, from those that are on disk in their record's size.
        workers: number of loader processes.
        seconds: how long each loader runs in each round, from its first batch on.
        rounds: number of rounds; the median is reported.
        seed: seed of the draws.

    Returns:
        one row per folder and loader: "data", "loader", "samples/s", "times the original", and "CPU ms/sample", the
        processor time of one sample when a single process loads.
    """
    names = data or [Path(folder).resolve().name for folder in root]
    if len(names) != len(root):
        raise ValueError(f"data names {len(names)} of {len(root)} folders; give one name per folder, or none.")
    parts, load = [], {"before": os.getloadavg()}
    options = {"batch_size": 2, "short_sides": (short_side,), "iterations": 10**6, "seed": seed}
    for name, folder in zip(names, root, strict=True):
        with tempfile.TemporaryDirectory() as cache:
            loaders = _loaders(folder, Path(cache), tasks, images, max_regions, options)
            turns = [
                [_rate(loader(workers), seconds, perf_counter) for loader in loaders.values()] for _ in range(rounds)
            ]
            part = pd.DataFrame({"data": name, "loader": list(loaders), "samples/s": np.median(turns, 0)})
            part["times the original"] = part["samples/s"] / part["samples/s"][0]
            part["CPU ms/sample"] = [1000 / _rate(loader(0), seconds, process_time) for loader in loaders.values()]
            parts.append(part)
        load[f"after {name}"] = os.getloadavg()
    table = pd.concat(parts, ignore_index=True)
    facts = {"short_side": short_side, "max_regions": max_regions, "images": images, "workers": workers}
    facts |= {"seconds": seconds, "rounds": rounds, "load_averages_of_1_5_15_minutes": load}
    heading = (
        f"Training samples at short side {short_side} with {max_regions} superpixels cached, {workers} loader "
        f"processes on {os.cpu_count()} cores, the ways in turn.\n"
        f"Load average {load['before'][0]:.1f} before the runs: where others compute, samples/s is a lower bound; "
        f"the ratio and the CPU time\nof one sample in one process stand."
    )
    publish("loader", table, lambda rows: f"{heading}\n\n{markdown(rows.round(1))}\n", out, **facts)
    return table


def _loaders(
    root: Path, cache: Path, tasks: Sequence[str], images: int, max_regions: int, options: dict
) -> dict[str, Callable[[int], DataLoader]]:
    """Map each loader's name to a function of the number of processes, the original's first; caches are filled.

    Draws are the same. Records are chosen evenly from those whose image needs no resizing, as the original expects.
    """
    raw, prepared = (BrodenPlus(root, "train", tasks, cache / name) for name in ("raw", "prepared"))
    chosen = [raw.records[index] for index in evenly(len(raw), 4 * images)]
    sized = [r for r in chosen if image_shape(raw.sources.of(r).image(r), "restore it") == r.shape]
    if not sized:
        raise BrodenError(f"no image looked at in {root} has the size of its record; measure another folder.")
    raw.records = prepared.records = [sized[index] for index in evenly(len(sized), images)]
    for record in prepared.records:
        prepare_record(prepared.sources, record)
    for dataset in (raw, prepared):
        regions = RegionMaps(dataset.cache, max_regions)
        for index in range(len(dataset)):
            sample = dataset[index]
            regions(sample["key"], sample["image"])

    def literal(workers: int) -> DataLoader:
        draws = TrainBatches(raw, tasks, **options)
        return DataLoader(LiteralSamples(raw), batch_sampler=draws, collate_fn=list, num_workers=workers)

    def ours(dataset: BrodenPlus, workers: int) -> DataLoader:
        return train_loader(dataset, tasks, **options, max_regions=max_regions, workers=workers)

    return {LITERAL: literal, RAW: partial(ours, raw), PREPARED: partial(ours, prepared)}


def _rate(loader: DataLoader, seconds: float, clock: Callable[[], float]) -> float:
    """Samples per second on a clock, for a loader with batches of two, from its first batch on."""
    batches, loaded = iter(loader), 0
    next(batches)
    start = clock()
    while clock() - start < seconds:
        next(batches)
        loaded += 2
    return loaded / (clock() - start)


class LiteralSamples(Dataset):
    """Loads draws as unifiedparsing's TrainDataset does: one part map per object, each resized twice.

    Labels are read from the data set's original files.
    """

    def __init__(self, dataset: BrodenPlus):
        self.dataset = dataset

    def __getitem__(self, draw: Draw) -> dict[str, np.ndarray]:
        record, sources = self.dataset.records[draw.index], self.dataset.sources
        image, maps = sources.image(record), sources.of(record).maps(record)
        shape = scaled_shape(*image.shape[:2], draw.short_side, 1000)
        if draw.flip:
            image = image[:, ::-1]
            maps = {task: labels[:, ::-1] for task, labels in maps.items()}
        pixels = np.asarray(_resize(np.ascontiguousarray(image), shape, Image.Resampling.BILINEAR))
        sample = {"image": pixels.transpose(2, 0, 1).astype(np.float32) / 255}
        for task in ("object", "material"):
            if task in maps:
                # Labels beyond 255 are packed into the channels of a picture, as ADE20K does.
                coded = [maps[task] // 256 * 10, maps[task] % 256, np.zeros_like(maps[task])]
                sample[task] = _quarter(_resize(np.stack(coded, axis=-1).astype(np.uint8), shape))
        if "part" in maps:
            sample["part"], sample["part_valid"] = self._parts(maps["object"], maps["part"], shape)
        return sample

    def _parts(self, objects: np.ndarray, parts: np.ndarray, shape: tuple[int, int]) -> tuple:
        hierarchy = self.dataset.vocabulary.object_parts
        layers = np.zeros((len(hierarchy), *objects.shape), dtype=np.uint8)
        valid = np.zeros(len(hierarchy), dtype=bool)
        for number, (thing, allowed) in enumerate(hierarchy.items()):
            mask = objects == thing
            present = np.intersect1d(allowed, np.unique(parts * mask))
            valid[number] = len(present) > 1
            for part in present if valid[number] else ():
                layers[number] += ((parts == part) * mask * allowed.index(part)).astype(np.uint8)
        if not valid.any():
            return _quarter(np.zeros(shape, np.uint8)), valid
        resized = [_resize(layer, shape) for layer in layers]
        quarters = [_quarter(layer) for layer, ok in zip(resized, valid, strict=True) if ok]
        valid[valid] = [len(np.unique(quarter)) > 1 for quarter in quarters]
        return np.sum(quarters, axis=0), valid


def _resize(picture: np.ndarray, shape: Sequence[int], method: int = Image.Resampling.NEAREST) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize(shape[::-1], method))


def _quarter(picture: np.ndarray) -> np.ndarray:
    """Pad to a multiple of 32 and resize to a quarter."""
    beyond = [(0, -side % MULTIPLE) for side in picture.shape[:2]] + [(0, 0)] * (picture.ndim - 2)
    padded = np.pad(picture, beyond)
    return _resize(padded, [side // STRIDE for side in padded.shape[:2]])
