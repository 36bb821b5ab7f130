"""Label map -> region adjacency graph, as PyTorch Geometric expects it, and back to pixels."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch_geometric.data import Data


def region_adjacency(labels: np.ndarray) -> np.ndarray:
    """Find the regions that share a pixel side: PyG's ``edge_index``.

    Args:
        labels: (H, W) integer label map, 0..n-1; negative labels are padding and have no neighbours.

    Returns:
        (2, E) int64, both directions of every pair, sorted by source and then target; no self-loops.
    """
    return _boundaries(labels)[0]


def to_pyg(image: np.ndarray, labels: np.ndarray) -> "Data":
    """Turn an image and its label map into a PyG graph of regions.

    ``values[data.pixel_index].view(data.height, data.width, -1)`` paints any (n, C) node values back onto the pixels;
    ``pixel_index`` is shifted by PyG's batching as ``edge_index`` is.

    Args:
        image: (H, W), (H, W, 1) or (H, W, C) array; unsigned integers over their full range, or floats.
        labels: (H, W) integer label map, 0..n-1, every label in use.

    Returns:
        ``x`` (n, C) mean colour, integers scaled to [0, 1]; ``pos`` (n, 2) centroids in pixels, x before y;
        ``area`` (n,) in pixels; ``edge_index`` (2, E) as `region_adjacency`; ``edge_attr`` (E, 1) length of the
        shared boundary in pixel sides; ``pixel_index`` (H * W,) region of every pixel; ``height`` and ``width``.

    Raises:
        ValueError: if the two differ in size, or a label is negative or unused.
    """
    import torch
    from torch_geometric.data import Data  # takes seconds to import, and only this function needs it

    image = np.asarray(image)
    edges, lengths = _boundaries(labels)
    if image.shape[:2] != labels.shape:
        raise ValueError(f"The image is {image.shape[:2]} and its labels {labels.shape}; pass a map of that image.")
    labels = np.asarray(labels).astype(np.int64)
    flat = labels.ravel()
    if flat.min() < 0 or not (area := np.bincount(flat)).all():
        raise ValueError("Labels must be 0..n-1 with every one in use; renumber them, and crop padding off.")
    scale = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
    rows, columns = np.indices(labels.shape)
    pixels = np.dstack([image / scale, columns, rows])  # (H, W, C + 2)
    means = torch.from_numpy(region_means(pixels, labels)).float()
    return Data(
        x=means[:, :-2],
        pos=means[:, -2:],
        area=torch.from_numpy(area).float(),
        edge_index=torch.from_numpy(edges),
        edge_attr=torch.from_numpy(lengths).float()[:, None],
        pixel_index=torch.from_numpy(flat),
        height=labels.shape[0],
        width=labels.shape[1],
    )


def region_means(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean of (H, W, C) values over every region, (n, C); 0 for an unused label. Negative labels are padding."""
    inside = labels >= 0
    area = np.maximum(np.bincount(labels[inside]), 1)
    return np.stack([np.bincount(labels[inside], channel) / area for channel in values[inside].T], 1)


def touching(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of all pairs of pixels (H, W) that share a side, (P,) each: first pairs in a row, then in a column."""
    first = np.concatenate([values[:, :-1].ravel(), values[:-1].ravel()])
    return first, np.concatenate([values[:, 1:].ravel(), values[1:].ravel()])


def _boundaries(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directed edges (2, E) and the number of pixel sides that each pair shares (E,)."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"Labels are {labels.dtype} of shape {labels.shape}; pass an (H, W) integer map.")
    first, second = touching(labels.astype(np.int64))
    keep = (first != second) & (first >= 0) & (second >= 0)
    first, second = first[keep], second[keep]
    n = int(labels.max()) + 1
    keys, lengths = np.unique(np.concatenate([first * n + second, second * n + first]), return_counts=True)
    return np.stack([keys // n, keys % n]), lengths
