"""Label map -> region adjacency graph, as PyTorch Geometric wants it."""

import numpy as np


def region_adjacency(labels: np.ndarray) -> np.ndarray:
    """Which regions share a side of a pixel: PyG's ``edge_index``.

    Args:
        labels: (H, W) integer label map, 0..n-1; negative labels are padding and have no neighbours.

    Returns:
        (2, E) int64, both directions of every pair, sorted by source and then target; no self-loops.
    """
    labels = np.asarray(labels)
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"Labels are {labels.dtype} of shape {labels.shape}; pass an (H, W) integer map.")
    first = np.concatenate([labels[:, :-1].ravel(), labels[:-1].ravel()]).astype(np.int64)
    second = np.concatenate([labels[:, 1:].ravel(), labels[1:].ravel()]).astype(np.int64)
    keep = (first != second) & (first >= 0) & (second >= 0)
    first, second = first[keep], second[keep]
    n = int(labels.max(initial=0)) + 1
    keys = np.unique(np.concatenate([first * n + second, second * n + first]))
    return np.stack([keys // n, keys % n])
