"""Boundaries of label maps: where they are, which pixels are near them, and how well those of two maps agree."""

import numpy as np
from scipy.ndimage import distance_transform_edt

#: Matching tolerance for boundary pixels, a share of the image diagonal (Csurka et al. 2013); "near" is twice that.
TOLERANCE = 0.0075


def boundary(labels: np.ndarray, known: np.ndarray | bool = True) -> np.ndarray:
    """Thin boundary, (H, W) bool: pixels whose right or lower neighbour has another label, where both are ``known``."""
    known, mask = np.broadcast_to(known, labels.shape), np.zeros(labels.shape, bool)
    mask[:, :-1] |= (labels[:, 1:] != labels[:, :-1]) & known[:, 1:] & known[:, :-1]
    mask[:-1] |= (labels[1:] != labels[:-1]) & known[1:] & known[:-1]
    return mask


def near_boundaries(labels: np.ndarray) -> np.ndarray:
    """Mark the pixels within twice `TOLERANCE` of a boundary, (H, W) bool; none if the map has no boundary."""
    return _within(boundary(labels), 2 * TOLERANCE)


def boundary_f(found: np.ndarray, labels: np.ndarray) -> float:
    """F-measure of the boundaries of predicted classes or groups, (H, W) from 0; nan if the labels have no boundary.

    A boundary pixel is correct if the other map has one within `TOLERANCE`. The outline of unlabelled pixels (0) does
    not count as a boundary in either map.
    """
    true, seen = boundary(labels, labels > 0), boundary(found, labels > 0)
    if not true.any():
        return float("nan")
    precision = _within(true, TOLERANCE)[seen].mean() if seen.any() else 0.0
    recall = _within(seen, TOLERANCE)[true].mean()
    return float(2 * precision * recall / max(precision + recall, 1e-12))


def _within(mask: np.ndarray, share: float) -> np.ndarray:
    """Mark the pixels within a share of the diagonal, but at least one pixel, of a mask."""
    if not mask.any():
        return mask
    return distance_transform_edt(~mask) <= max(share * np.hypot(*mask.shape), 1)
