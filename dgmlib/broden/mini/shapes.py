"""Outlines of simple shapes, (N, 2) corners each, to be filled on a plane of a canvas."""

import numpy as np

Rng = np.random.Generator


def rectangle(x: tuple[float, float], y: tuple[float, float]) -> np.ndarray:
    """Corners (4, 2) of an upright rectangle."""
    return np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], float)


def ellipse(centre: tuple[float, float], rx: float, ry: float | None = None, points: int = 28) -> np.ndarray:
    """Corners (points, 2) of an ellipse."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([centre[0] + rx * np.cos(angle), centre[1] + (ry or rx) * np.sin(angle)], 1)


def rounded(x: tuple[float, float], y: tuple[float, float], radius: float) -> np.ndarray:
    """Corners of a rectangle with rounded corners."""
    radius = min(radius, (x[1] - x[0]) / 2, (y[1] - y[0]) / 2)
    arc = np.linspace(0, np.pi / 2, 6)
    corners = []
    right, left, top, bottom = x[1] - radius, x[0] + radius, y[1] - radius, y[0] + radius
    for turn, (cx, cy) in enumerate([(right, top), (left, top), (left, bottom), (right, bottom)]):
        angle = arc + turn * np.pi / 2
        corners.append(np.stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)], 1))
    return np.concatenate(corners)


def capsule(start: tuple[float, float], end: tuple[float, float], r0: float, r1: float | None = None) -> np.ndarray:
    """Corners of a limb: two round ends joined by straight sides."""
    r1 = r0 if r1 is None else r1
    direction = np.arctan2(end[1] - start[1], end[0] - start[0])
    arc = np.linspace(np.pi / 2, 3 * np.pi / 2, 8)
    tail = np.stack([start[0] + r0 * np.cos(arc + direction), start[1] + r0 * np.sin(arc + direction)], 1)
    tip = np.stack([end[0] - r1 * np.cos(arc + direction), end[1] - r1 * np.sin(arc + direction)], 1)
    return np.concatenate([tail, tip])


def blob(rng: Rng, centre: tuple[float, float], rx: float, ry: float, rough: float = 0.12):
    """Corners of an irregular round shape: bushes, stones, clouds."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.ones_like(angle)
    for wave in (2, 3, 5, 7, 11):
        radius += rough / wave**0.5 * rng.uniform(0.3, 1) * np.sin(wave * angle + rng.uniform(0, 2 * np.pi))
    return np.stack([centre[0] + rx * radius * np.cos(angle), centre[1] + ry * radius * np.sin(angle)], 1)


def moved(outline: np.ndarray, x: float, scale: float = 1.0, y: float = 0.0, flip: float = 1.0) -> np.ndarray:
    """An outline drawn around the origin, scaled and placed at (x, y); flip -1 mirrors it."""
    return np.asarray(outline, float) * (scale * flip, scale) + (x, y)
