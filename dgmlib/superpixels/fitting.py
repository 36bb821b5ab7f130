"""Fit the merge cost's constants to the human segmentations of BSDS500."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from joblib import delayed
from skimage.io import imread
from tqdm import tqdm

from ..matlab import load_matlab
from ..parallel import parallel
from .merge import FEATURES, cut, merge_order, pair_features, region_graph
from .partition import fine_partition, lab_image

#: Weights of the first round: different colours are different things.
START = (-5.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)

#: Region counts at which pairs are collected.
COUNTS = (3000, 1000, 500, 250)


class HumanSegmentations(Sequence):
    """A split of BSDS500, sorted by file name and read on demand.

    Items are pairs: an image, (H, W, 3) uint8, and a list of every annotator's segments, (H, W) int64 from 0.

    Args:
        folder: with ``images/SPLIT/*.jpg`` and ``groundTruth/SPLIT/*.mat``.
        split: "train" or "val".

    Raises:
        ValueError: if there are no images.
    """

    def __init__(self, folder: str | Path, split: str):
        self.images = sorted(Path(folder, "images", split).glob("*.jpg"))
        self.truth = Path(folder, "groundTruth", split)
        if not self.images:
            raise ValueError(f"{Path(folder, 'images', split)} has no .jpg images; pass the folder of BSDS500.")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, list[np.ndarray]]:
        path = self.images[index]
        annotators = load_matlab(self.truth / f"{path.stem}.mat")["groundTruth"].ravel()
        return imread(path), [a["Segmentation"][0, 0].astype(np.int64) - 1 for a in annotators]


def fit(data: Path, rounds: int = 2, workers: int = 1) -> dict[str, float]:
    """Fit the weights of P to the training images of BSDS500; `dgmlib.superpixels.merge.WEIGHTS` holds the result.

    Every round merges all images with the current weights, stops at several region counts, and regresses, on all pairs
    found there, the share of the smaller region that a merge would put on the wrong side of a human boundary.

    Args:
        data: folder of BSDS500, see `HumanSegmentations`.
        rounds: number of times to merge and regress.
        workers: number of processes.

    Returns:
        the weight of every feature, rounded to three decimal places.
    """
    return fit_images(HumanSegmentations(data, "train"), rounds, workers)


def fit_images(
    images: Sequence[tuple[np.ndarray, list[np.ndarray]]], rounds: int = 2, workers: int = 1
) -> dict[str, float]:
    """Fit to (image, human label maps) pairs; see `fit`."""
    weights = np.array(START)
    for number in range(1, rounds + 1):
        jobs = (delayed(examples)(image, human, weights) for image, human in images)
        found = parallel(workers, return_as="generator")(jobs)
        found = tqdm(found, f"round {number} of {rounds}", len(images), unit="image", disable=None)
        features, share, smaller = (np.concatenate(part) for part in zip(*found, strict=True))
        weights = logistic(features, share, smaller)
    return dict(zip(FEATURES, weights.round(3).tolist(), strict=True))


def examples(image: np.ndarray, human: Sequence[np.ndarray], weights: Sequence[float]) -> list[np.ndarray]:
    """Collect pairs during merging: features (P, F), the share of the smaller region lost by a merge, and its area."""
    lab = lab_image(image)
    fine = fine_partition(lab)
    merges = merge_order(region_graph(fine, lab), min(COUNTS), weights)
    starts = np.cumsum([0] + [truth.max() + 1 for truth in human])
    columns = np.stack([truth.ravel() + start for truth, start in zip(human, starts[:-1], strict=True)])
    parts = []
    for count in COUNTS:
        labels = cut(fine, merges, count)
        graph = region_graph(labels, lab)
        n, width = len(graph.regions), starts[-1]
        overlap = np.bincount((labels.ravel() * width + columns).ravel(), minlength=n * width).reshape(n, width)
        one, other = overlap[graph.pairs[:, 0]], overlap[graph.pairs[:, 1]]
        # Pixels that agree with every annotator's majority label, before and after the merge.
        before, second, after = (
            np.maximum.reduceat(rows, starts[:-1], axis=1).mean(1) for rows in (one, other, one + other)
        )
        smaller = graph.regions[graph.pairs, 0].min(1)
        parts.append((pair_features(*graph), (before + second - after) / smaller, smaller))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def logistic(features: np.ndarray, target: np.ndarray, importance: np.ndarray, steps: int = 25) -> np.ndarray:
    """Weighted logistic regression on targets in [0, 1] by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (importance * (p - target))
        hessian = (features * (importance * p * (1 - p))[:, None]).T @ features
        weights -= np.linalg.solve(hessian, gradient)
    return weights
