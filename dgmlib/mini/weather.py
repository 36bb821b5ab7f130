"""Sun, sky and lamplight: a table of the times of day, and what a scene is lit by."""

from collections.abc import Callable

import numpy as np

from dgmlib.mini.canvas import Light
from dgmlib.mini.materials import Surface, oklch, smooth_noise
from dgmlib.mini.notation import Rng, number

#: Time: how often; sky at the zenith and at the horizon (lightness, chroma, hue); sunlight and light of the sky (RGB).
TIMES = {
    "day": (0.42, ".62~.75 .11 235~255", ".92 .04 230", (0.66, 0.63, 0.56), (0.54, 0.57, 0.62)),
    "morning": (0.18, ".78 .07 250", ".93 .05 20~70", (0.66, 0.58, 0.52), (0.54, 0.52, 0.57)),
    "golden": (0.18, ".7 .08 265", ".88 .11 55~80", (0.82, 0.62, 0.40), (0.48, 0.45, 0.50)),
    "overcast": (0.10, ".8 .02 250", ".9 .015 240", (0.25, 0.25, 0.25), (0.72, 0.74, 0.77)),
    "dusk": (0.12, ".4 .1 275", ".72 .13 10~55", (0.28, 0.22, 0.24), (0.42, 0.40, 0.52)),
}


def daylight(rng: Rng) -> tuple[Light, np.ndarray, np.ndarray]:
    """A time of day: its light, and the colours of the sky at the zenith and at the horizon."""
    time = list(TIMES)[rng.choice(len(TIMES), p=[row[0] for row in TIMES.values()])]
    _, *colours, key, ambient = TIMES[time]
    zenith, low = (oklch(*(number(text, rng) for text in colour.split())) for colour in colours)
    azimuth, height = rng.uniform(-1.0, 1.0), rng.uniform(0.5, 1.0)
    towards = np.array([np.sin(azimuth), height, 0.8 * np.cos(azimuth)])
    light = np.array(key), np.array(ambient), low * 0.92, rng.uniform(120, 500), time == "dusk"
    return Light(towards / np.linalg.norm(towards), *light), zenith, low


def lamplight(rng: Rng) -> Light:
    """The light of a room, by day or now and then in the evening."""
    dark = bool(rng.random() < 0.22)
    angle, warm = rng.uniform(-0.8, 0.8), rng.uniform(-0.03, 0.05) + 0.07 * dark
    towards = np.array([np.sin(angle), 0.9, np.cos(angle)])
    key = (0.42 if dark else rng.uniform(0.42, 0.6)) + warm * np.array([1, 0, -1])
    ambient = np.array([0.48, 0.45, 0.45] if dark else [0.62, 0.61, 0.61])
    return Light(towards / np.linalg.norm(towards), key, ambient, np.ones(3), np.inf, dark)


def sky(rng: Rng, zenith: np.ndarray, low: np.ndarray, bottom: float, top: float, dark: bool) -> Surface:
    """The sky as a wall far away: two colours, at heights in metres, and clouds."""
    shift, cover = rng.uniform(0, 9), rng.uniform(-0.5, 0.9)
    white = low * 0.8 if dark else 0.3 * low + 0.7 * np.array([1, 0.99, 0.97])

    def pattern(u, v, size):
        height = np.clip((v - bottom) / (top - bottom), 0, 1)[..., None] ** 0.7
        cloud = smooth_noise(u, 2.6 * v, 0.006, shift) + 0.5 * smooth_noise(u, 2.3 * v, 0.015, shift + 1)
        cloud = np.clip(0.9 * (cloud - 1.3 + cover), 0, 1)[..., None] * 0.85
        colour = low + (zenith - low) * height
        return colour + (white - colour) * cloud

    return Surface("-", np.ones(3), pattern, emission=1.0)


def shading(options: dict[str, str], shapes: list[np.ndarray], towards: np.ndarray) -> Callable | None:
    """How light falls on shapes, (N, 2) corners each, as a factor over in-plane coordinates; None for evenly.

    ``ball`` shades them like a ball, ``fade`` darkens them downwards, ``fold`` hangs them in folds, ``edge`` darkens
    them near the sides of their bounding box, as in the corners of a room; 0 to 1 each.
    """
    amounts = [float(options.get(kind, 0)) for kind in ("ball", "fade", "fold", "edge")]
    if not any(amounts):
        return None
    corners, (ball, fade, fold, edge), (right, up, _) = np.concatenate(shapes), amounts, towards
    low, high = corners.min(0), corners.max(0)

    def factor(u, v):
        across = (2 * u - low[0] - high[0]) / (high[0] - low[0] + 1e-6)
        along = (2 * v - low[1] - high[1]) / (high[1] - low[1] + 1e-6)
        lit = 1 + ball * (across * (0.30 * right - 0.12 * across) + along * (0.30 * up - 0.12 * along))
        lit = lit + fade * (0.5 * along - 0.3) + fold * np.sin(44 * u + 7 * low[0])
        if edge:
            near = [np.exp(2 * t) for t in (low[0] - u, u - high[0], low[1] - v, v - high[1])]
            lit = lit * (1 - edge * np.minimum(near[0] + near[1] + near[2] + near[3], 1.5))
        return lit

    return factor
