"""How well a label map follows human segmentations: the four measures of the quality table."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import binary_dilation
from scipy.sparse import coo_array
from skimage.io import imread
from skimage.morphology import disk


def load_human(path: str | Path) -> list[np.ndarray]:
    """Read every annotator's segmentation of a BSDS500 ``groundTruth`` file: (H, W) int64 maps, 0..n-1."""
    annotators = loadmat(path)["groundTruth"].ravel()
    return [a["Segmentation"][0, 0].astype(np.int64) - 1 for a in annotators]


def boundary(labels: np.ndarray) -> np.ndarray:
    """Thin boundary mask, (H, W) bool: pixels whose right or lower neighbour has another label."""
    mask = np.zeros(labels.shape, bool)
    mask[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    mask[:-1] |= labels[1:] != labels[:-1]
    return mask


def scores(labels: np.ndarray, human: Sequence[np.ndarray], image: np.ndarray, tolerance: int = 2) -> dict[str, float]:
    """Score one label map against all annotators of its image, averaged over them.

    Args:
        labels: (H, W) integer label map, 0..n-1.
        human: (H, W) integer maps, one per annotator.
        image: (H, W, 3) RGB, for explained variation.
        tolerance: how far, in pixels, a human boundary may lie from a found one.

    Returns:
        achievable segmentation accuracy ``ASA``, boundary recall ``BR``, under-segmentation error ``UE`` (Neubert and
        Protzel), explained variation ``EV``, and the number of ``regions``.
    """
    n = int(labels.max()) + 1
    flat = labels.ravel()
    near = binary_dilation(boundary(labels), disk(tolerance))
    rows = []
    for truth in human:
        overlap = coo_array((np.ones(flat.size), (flat, truth.ravel()))).tocsr()
        overlap.sum_duplicates()
        area = np.repeat(overlap.sum(1), np.diff(overlap.indptr))
        asa = overlap.max(axis=1).sum() / flat.size
        ue = np.minimum(overlap.data, area - overlap.data).sum() / flat.size
        rows.append((asa, near[boundary(truth)].mean(), ue))
    pixels = image.reshape(flat.size, -1).astype(np.float64)
    pixels = pixels - pixels.mean(0)
    area = np.bincount(flat, minlength=n)
    between = sum((np.bincount(flat, channel, n) ** 2 / area).sum() for channel in pixels.T)
    asa, br, ue = np.mean(rows, 0)
    return {"ASA": asa, "BR": br, "UE": ue, "EV": between / (pixels**2).sum(), "regions": n}


def read_split(data: str | Path, split: str) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Read a split of BSDS500: (image, human label maps) pairs in the order of their names.

    Args:
        data: folder with ``images/SPLIT/*.jpg`` and ``groundTruth/SPLIT/*.mat``.
        split: "train" or "val".
    """
    paths = sorted(Path(data, "images", split).glob("*.jpg"))
    if not paths:
        raise ValueError(f"{Path(data, 'images', split)} has no .jpg images; pass the folder of BSDS500.")
    return [(imread(p), load_human(Path(data, "groundTruth", split, f"{p.stem}.mat"))) for p in paths]
