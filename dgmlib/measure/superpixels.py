"""How well superpixels follow human segmentations: ours and other methods at equal counts, on BSDS500."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation
from skimage.metrics import contingency_table
from skimage.morphology import disk
from skimage.segmentation import slic
from torch.utils.data import Subset

from dgmlib.measure.baselines import felzenszwalb_at, seeds_like, slic_at, watershed_at
from dgmlib.measure.boundaries import boundary
from dgmlib.measure.study import markdown, publish, rows_of
from dgmlib.paths import RESULTS
from dgmlib.superpixels import segment, segment_hierarchy
from dgmlib.superpixels.fitting import HumanSegmentations, fit_images

#: Method in the table -> function of an image and the maximum number of regions.
METHODS = {
    "ours": segment,
    "SLIC": slic_at,
    "felzenszwalb": felzenszwalb_at,
    "SEEDS-like": seeds_like,
    "compact watershed": watershed_at,
}
COUNTS = (512, 256, 128, 64)
TOLERANCE = 2  # maximum distance of a human boundary from a found one, in pixels


def scores(regions: np.ndarray, human: Sequence[np.ndarray], image: np.ndarray) -> dict[str, float]:
    """Score a partition against all annotators of its image, averaged over them.

    Args:
        regions: (H, W) integers, 0..n-1.
        human: (H, W) integers, one map per annotator.
        image: (H, W, 3) RGB, for explained variation.

    Returns:
        achievable segmentation accuracy ``ASA``, boundary recall ``BR`` within `TOLERANCE`, under-segmentation error
        ``UE`` (Neubert and Protzel), explained variation ``EV``, and the number of ``regions``.
    """
    area, rows = np.bincount(regions.ravel()), []
    near = binary_dilation(boundary(regions), disk(TOLERANCE))
    for truth in human:
        shared = contingency_table(regions, truth, sparse_type="array").tocsr()  # (regions, segments), pixels
        leaking = np.minimum(shared.data, np.repeat(area, np.diff(shared.indptr)) - shared.data)
        rows.append((shared.max(1).sum() / regions.size, near[boundary(truth)].mean(), leaking.sum() / regions.size))
    pixels = image.reshape(regions.size, -1) - image.mean((0, 1))
    between = sum((np.bincount(regions.ravel(), channel) ** 2 / area).sum() for channel in pixels.T)
    asa, br, ue = np.mean(rows, 0)
    return {"ASA": asa, "BR": br, "UE": ue, "EV": between / (pixels**2).sum(), "regions": len(area)}


def measure(
    data: Path, out: Path = RESULTS, workers: int = 1, split: str = "val", images: int | None = None
) -> pd.DataFrame:
    """Write ``superpixels.{csv,json,md}``: our superpixels and other methods on BSDS500, at equal counts.

    Args:
        data: folder of BSDS500, with ``images/val/*.jpg`` and ``groundTruth/val/*.mat``.
        out: output folder for the table.
        workers: number of processes.
        split: "val", which no constant was fitted to, or "train".
        images: number of images, spread evenly; all of them if not given.

    Returns:
        one row per method and count: `scores`, averaged over images.
    """
    photographs = HumanSegmentations(data, split)
    count = min(images or len(photographs), len(photographs))
    name = f"BSDS500 {split}, {count} images, all annotators"
    rows = rows_of(_methods, {name: photographs}, images, workers)
    table = rows.drop(columns="image").groupby(["data", "max_regions", "method"], sort=False).mean().reset_index()
    ratio = time_ratio([photographs[index][0] for index in range(min(count, 20))])
    heading = (
        f"Superpixels on {name}. ASA achievable segmentation accuracy, BR boundary recall within {TOLERANCE} px,\n"
        "UE under-segmentation error (lower is better), EV explained variation; SEEDS-like is our own\n"
        f"simplification of SEEDS. Our time is {ratio:.2f} times that of scikit-image's SLIC, in turn in one thread.\n"
    )

    def render(rows: pd.DataFrame) -> str:
        shown = rows.drop(columns="data").rename(columns={"max_regions": "regions at most"})
        shown["regions"] = shown["regions"].map("{:.0f}".format)
        shown[["ASA", "BR", "UE", "EV"]] = shown[["ASA", "BR", "UE", "EV"]].map("{:.4f}".format)
        return f"{heading}\n{markdown(shown)}\n"

    facts = {"data": name, "tolerance_pixels": TOLERANCE, "time_over_slic_512": round(ratio, 3)}
    publish("superpixels", table, render, out, **facts)
    return table


def kept_aside(data: Path, out: Path = RESULTS, workers: int = 1, folds: int = 4) -> pd.DataFrame:
    """Write ``superpixels_kept_aside.{csv,json,md}``: cross-validation of the fitted constants on training images.

    The constants of P are fitted to all folds of BSDS500's training images but one and segment the images of that one.
    What was chosen by hand on training images (`merge.BOUNDARY` and the smoothings) is the same in all folds.

    Args:
        data: folder of BSDS500, with ``images/train/*.jpg`` and ``groundTruth/train/*.mat``.
        out: output folder for the table.
        workers: number of processes.
        folds: number of folds; image k is in fold ``k % folds``.

    Returns:
        one row per count: `scores`, averaged over images.
    """
    photographs = HumanSegmentations(data, "train")
    name = f"BSDS500 train, {len(photographs)} images in {folds} folds, all annotators"
    fold_of, parts = np.arange(len(photographs)) % folds, []
    for fold in range(folds):
        others, kept = (Subset(photographs, np.flatnonzero(where)) for where in (fold_of != fold, fold_of == fold))
        weights = list(fit_images(others, workers=workers).values())
        parts.append(rows_of(partial(_fitted, weights), {name: kept}, workers=workers))
    table = pd.concat(parts).drop(columns="image").groupby(["data", "max_regions"], sort=False).mean().reset_index()
    heading = f"Superpixels on {name}, every image segmented with constants fitted to the other folds."

    def render(rows: pd.DataFrame) -> str:
        return f"{heading}\n\n{markdown(rows.drop(columns='data').round(4))}\n"

    publish("superpixels_kept_aside", table, render, out, data=name, tolerance_pixels=TOLERANCE)
    return table


def time_ratio(images: Sequence[np.ndarray], repeats: int = 5) -> float:
    """Median ratio of our time to that of scikit-image's SLIC, 512 regions, in turn in one thread."""
    ratios = []
    segment(images[0])  # compiles
    for image in images * repeats:
        began = process_time()
        segment(image, 512)
        between = process_time()
        slic(image, 512, channel_axis=-1)
        ratios.append((between - began) / (process_time() - between))
    return float(np.median(ratios))


def _methods(photographs: HumanSegmentations, index: int) -> list[dict]:
    image, human = photographs[index]
    methods = ((count, name, method(image, count)) for count in COUNTS for name, method in METHODS.items())
    return [{"max_regions": count, "method": name} | scores(regions, human, image) for count, name, regions in methods]


def _fitted(weights: list[float], photographs: Subset, index: int) -> list[dict]:
    image, human = photographs[index]
    maps = zip(COUNTS, segment_hierarchy(image, COUNTS, weights), strict=True)
    return [{"max_regions": count} | scores(regions, human, image) for count, regions in maps]
