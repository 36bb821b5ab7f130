"""Official contour maps (``ucm2`` of MCG and gPb-OWT-UCM) -> label maps."""

from pathlib import Path

import h5py
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from ..matlab import load_matlab
from .graph import touching
from .merge import check_cap, cut


def labels_from_ucm(path: str | Path, max_regions: int = 512) -> np.ndarray:
    """Cut an official contour map into exactly ``min(max_regions, available)`` regions, weakest contours first.

    In a ``ucm2``, (2H + 1, 2W + 1), pixel (y, x) is at [2y + 1, 2x + 1], and the contour between two pixels lies
    between them. Pixels without a contour between them form one region; then the weakest contour is removed repeatedly,
    with ties in reading order.

    Args:
        path: a MATLAB file, version 7.3 or older, holding ``ucm2`` in any numeric type.
        max_regions: maximum number of regions, at least 1.

    Returns:
        (H, W) int32 labels 0..n-1 in reading order, 4-connected.

    Raises:
        FileNotFoundError: if there is no file at the path.
        ValueError: naming the file and what is wrong with it, or if the cap is not a whole number from 1.
    """
    check_cap(max_regions)
    ucm = _read(Path(path))
    contour = np.concatenate([ucm[1::2, 2:-1:2].ravel(), ucm[2:-1:2, 1::2].ravel()])  # in the order of `touching`
    pixel = np.arange((ucm.shape[0] // 2) * (ucm.shape[1] // 2)).reshape(ucm.shape[0] // 2, -1)
    rank = np.empty(len(contour))
    rank[np.argsort(contour, kind="stable")] = np.arange(1, len(contour) + 1)  # all differ: the spanning tree is unique
    tree = minimum_spanning_tree(coo_array((rank, touching(pixel)), shape=(pixel.size, pixel.size))).tocoo()
    merges = np.stack([tree.row, tree.col], 1)[np.argsort(tree.data)]
    available = pixel.size - np.count_nonzero(tree.data <= np.count_nonzero(contour == 0))
    return cut(pixel, merges, min(max_regions, available))


class ContourMapError(ValueError):
    """A contour map cannot be read, or is of another image."""


def _read(path: Path) -> np.ndarray:
    """The ``ucm2`` of a file, (2H + 1, 2W + 1) float64."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; pass a contour map as MCG or gPb-OWT-UCM saves it.")
    try:
        if h5py.is_hdf5(path):  # MATLAB 7.3, which stores columns first
            with h5py.File(path) as file:
                ucm = np.array(file["ucm2"]).T
        else:
            ucm = load_matlab(path)["ucm2"]
    except KeyError:
        raise ContourMapError(
            f"{path} has no variable 'ucm2'; pass a contour map as MCG or gPb-OWT-UCM saves it."
        ) from None
    except Exception as error:  # readers may raise anything for a damaged file
        raise ContourMapError(f"{path} is not a readable MATLAB file ({error}); fetch it again.") from error
    if ucm.ndim != 2 or min(ucm.shape) < 3 or any(side % 2 == 0 for side in ucm.shape):
        raise ContourMapError(f"'ucm2' in {path} is {ucm.shape}; it must be (2H + 1, 2W + 1), the double-sized map.")
    if ucm.dtype.kind not in "fiub" or not np.isfinite(ucm).all() or ucm.min() < 0:
        raise ContourMapError(f"'ucm2' in {path} must hold finite numbers from 0 up; it is {ucm.dtype}.")
    return ucm.astype(np.float64)
