"""The quality table: our superpixels beside other methods, at equal counts, on human segmentations."""

from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from skimage.segmentation import slic
from tqdm import tqdm

from ..paths import RESULTS, write_atomic
from ..provenance import markdown, write_table
from .baselines import felzenszwalb_at, seeds_like, slic_at, watershed_at
from .fitting import fit_images
from .quality import read_split, scores
from .segmentation import segment, segment_hierarchy

#: Method of the table -> function of an image and the most regions.
METHODS = {
    "ours": segment,
    "SLIC": slic_at,
    "felzenszwalb": felzenszwalb_at,
    "SEEDS-like": seeds_like,
    "compact watershed": watershed_at,
}
COUNTS = (512, 256, 128, 64)


def benchmark(
    data: Path, out: Path = RESULTS, workers: int = 1, split: str = "val", images: int | None = None
) -> pd.DataFrame:
    """Write the quality table ``superpixels.{csv,md,json}``: ours beside other methods on BSDS500, at equal counts.

    Args:
        data: folder of BSDS500, with ``images/val/*.jpg`` and ``groundTruth/val/*.mat``.
        out: where the table goes.
        workers: processes.
        split: "val", which no constant was fitted to, or "train".
        images: how many images, all of them if not given.

    Returns:
        one row per method and count: the scores of `dgmlib.superpixels.quality.scores`, averaged over images.
    """
    items = read_split(data, split)[:images]
    bar = tqdm(total=len(items), unit="image", desc="quality table", disable=None)
    rows = []
    with bar, Parallel(workers, return_as="generator") as pool:
        for part in pool(delayed(_rows)(image, human) for image, human in items):
            rows += part
            bar.update()
    table = pd.DataFrame(rows).groupby(["max_regions", "method"], sort=False).mean().reset_index()
    name = f"BSDS500 {split}, {len(items)} images, all annotators"
    table.insert(0, "data", name)
    ratio = time_ratio([image for image, _ in items[:20]])
    write_table(table, "superpixels", Path(out), data=name, tolerance_pixels=2, time_over_slic_512=round(ratio, 3))
    with write_atomic(Path(out) / "superpixels.md") as temporary:
        temporary.write_text(_markdown(table, name, ratio))
    return table


def kept_aside(data: Path, out: Path = RESULTS, workers: int = 1, folds: int = 4) -> pd.DataFrame:
    """Write ``superpixels_kept_aside.{csv,md,json}``: BSDS500's training images, each kept aside from its constants.

    The constants of P are fitted to all folds but one, whose images they then segment. What was chosen by hand on
    training images (`merge.BOUNDARY` and the smoothings) is the same in all folds.

    Args:
        data: folder of BSDS500, with ``images/train/*.jpg`` and ``groundTruth/train/*.mat``.
        out: where the table goes.
        workers: processes.
        folds: image k is in fold ``k % folds``.

    Returns:
        one row per count: the scores of `dgmlib.superpixels.quality.scores`, averaged over images.
    """
    items, rows = read_split(data, "train"), []
    for fold in range(folds):
        fitted = fit_images([item for k, item in enumerate(items) if k % folds != fold], workers=workers)
        jobs = (delayed(_fitted_rows)(*item, list(fitted.values())) for item in items[fold::folds])
        rows += [row for part in Parallel(workers)(jobs) for row in part]
    table = pd.DataFrame(rows).groupby("max_regions", sort=False).mean().reset_index()
    name = f"BSDS500 train, {len(items)} images in {folds} folds, all annotators"
    table.insert(0, "data", name)
    write_table(table, "superpixels_kept_aside", Path(out), data=name, tolerance_pixels=2)
    with write_atomic(Path(out) / "superpixels_kept_aside.md") as temporary:
        said = f"Superpixels on {name}, every image segmented with constants fitted to the other folds."
        temporary.write_text(f"{said}\n\n{markdown(table.drop(columns='data').round(4))}\n")
    return table


def time_ratio(images: list[np.ndarray], repeats: int = 5) -> float:
    """Measure our time over that of scikit-image's SLIC, 512 regions, in turn in one thread: the median ratio."""
    ratios = []
    segment(images[0])  # compiles
    for image in images * repeats:
        began = process_time()
        segment(image, 512)
        between = process_time()
        slic(image, 512, channel_axis=-1)
        ratios.append((between - began) / (process_time() - between))
    return float(np.median(ratios))


def _rows(image, human):
    methods = ((count, name, method(image, count)) for count in COUNTS for name, method in METHODS.items())
    return [{"max_regions": count, "method": name} | scores(labels, human, image) for count, name, labels in methods]


def _fitted_rows(image, human, weights):
    maps = segment_hierarchy(image, COUNTS, weights)
    return [{"max_regions": count} | scores(labels, human, image) for count, labels in zip(COUNTS, maps, strict=True)]


def _markdown(table, name, ratio):
    lines = [
        f"Superpixels on {name}. ASA achievable segmentation accuracy, BR boundary recall within 2 px,",
        "UE under-segmentation error (lower is better), EV explained variation; SEEDS-like is our own",
        f"simplification of SEEDS. Our time is {ratio:.2f} times that of scikit-image's SLIC, in turn in one thread.",
        "",
        "| regions at most | method | ASA | BR | UE | EV | regions |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in table.itertuples():
        cells = (f"{value:.4f}" for value in (row.ASA, row.BR, row.UE, row.EV))
        lines.append(f"| {row.max_regions} | {row.method} | {' | '.join(cells)} | {row.regions:.0f} |")
    return "\n".join(lines) + "\n"
