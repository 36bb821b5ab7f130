"""Outlines of shapes, (N, 2) corners each in metres, to be filled on a plane of a canvas."""

import numpy as np

from dgmlib.mini.notation import Rng

Pair = tuple[float, float]


def _circle(corners: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def rectangle(x: Pair, y: Pair) -> np.ndarray:
    """An upright rectangle between two x and two y."""
    return np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], float)


def ellipse(centre: Pair, radii: Pair, corners: float = 28) -> np.ndarray:
    """An ellipse, or with few corners a polygon in it."""
    return centre + _circle(int(corners)) * radii


def rounded(x: Pair, y: Pair, radius: float) -> np.ndarray:
    """A rectangle with rounded corners."""
    radius = min(radius, (x[1] - x[0]) / 2, (y[1] - y[0]) / 2)
    inner = rectangle((x[0] + radius, x[1] - radius), (y[0] + radius, y[1] - radius))
    return (inner[[2, 3, 0, 1], None] + radius * _circle(24).reshape(4, 6, 2)).reshape(-1, 2)


def capsule(start: Pair, end: Pair, r0: float, r1: float | None = None) -> np.ndarray:
    """A limb: two round ends joined by straight sides."""
    arc = np.linspace(np.pi / 2, 3 * np.pi / 2, 8) + np.arctan2(end[1] - start[1], end[0] - start[0])
    turn = np.stack([np.cos(arc), np.sin(arc)], 1)
    return np.concatenate([start + r0 * turn, end - (r0 if r1 is None else r1) * turn])


def blob(rng: Rng, centre: Pair, radii: Pair, rough: float = 0.15) -> np.ndarray:
    """An irregular round shape: leaves of a tree, a bush, a stone."""
    circle = _circle(40)
    wave, angle = np.array([[2], [3], [5], [7], [11]]), np.arctan2(circle[:, 1], circle[:, 0])
    bumps = rng.uniform(0.3, 1, (5, 1)) / wave**0.5 * np.sin(wave * angle + rng.uniform(0, 2 * np.pi, (5, 1)))
    return centre + circle * (1 + rough * bumps.sum(0))[:, None] * radii


def ridge(rng: Rng, x: Pair, y: Pair, rough: float, sharp: float = 0, seed: float = 0, cut: float = -9e9) -> np.ndarray:
    """What lies under a line of hills between two x: from y[0] up to y[1], uneven by a share; 1 makes peaks of them.

    The same ``seed`` gives the same line, whatever its height; ``cut`` leaves only what lies above that height.
    """
    along, wave = np.linspace(-1, 1, 110), np.array([[1.5], [3.3], [7.0], [14.0], [28.0]])
    rng = np.random.default_rng(int(seed)) if seed else rng
    t = along * wave * 2 + rng.uniform(0, 9, (5, 1))
    line = (2 * np.abs(t % 2 - 1) - 1 if sharp else np.sin(np.pi * t)) / wave**0.9 * rng.uniform(0.5, 1, (5, 1))
    line = y[0] + (y[1] - y[0]) * (1 - rough / 2 + rough / 2 * line.sum(0) / np.abs(line.sum(0)).max())
    foot = np.clip(cut + 0.1 * (y[1] - cut) * np.sin(50 * along), y[0], line)
    along = (x[0] + x[1]) / 2 + along * (x[1] - x[0]) / 2
    return np.concatenate([np.stack([along, line], 1), np.stack([along, foot], 1)[::-1]])
