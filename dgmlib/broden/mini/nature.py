"""Light, sky, land and water: what the outdoor scenes share."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Light, Plane
from dgmlib.broden.mini.materials import Surface, oklch
from dgmlib.broden.mini.shapes import Rng, rectangle

FAR = 400.0  # metres: where the sky hangs


def daylight(rng: Rng) -> tuple[Light, np.ndarray, np.ndarray]:
    """A time of day: its light, and the colours of the sky at the zenith and at the horizon."""
    kind = rng.choice(["day", "morning", "golden", "overcast", "dusk"], p=[0.42, 0.18, 0.18, 0.1, 0.12])
    zenith, horizon, key, ambient = {
        "day": (oklch(rng.uniform(0.62, 0.75), 0.11, rng.uniform(235, 255)), oklch(0.92, 0.04, 230),
                (0.66, 0.63, 0.56), (0.54, 0.57, 0.62)),
        "morning": (oklch(0.78, 0.07, 250), oklch(0.93, 0.05, rng.uniform(20, 70)),
                    (0.66, 0.58, 0.52), (0.54, 0.52, 0.57)),
        "golden": (oklch(0.7, 0.08, 265), oklch(0.88, 0.11, rng.uniform(55, 80)),
                   (0.82, 0.62, 0.4), (0.48, 0.45, 0.5)),
        "overcast": (oklch(0.8, 0.02, 250), oklch(0.9, 0.015, 240), (0.25, 0.25, 0.25), (0.72, 0.74, 0.77)),
        "dusk": (oklch(0.4, 0.1, 275), oklch(0.72, 0.13, rng.uniform(10, 55)), (0.28, 0.22, 0.24), (0.42, 0.4, 0.52)),
    }[kind]  # fmt: skip
    azimuth = rng.uniform(-1.0, 1.0)
    towards = np.array([np.sin(azimuth), rng.uniform(0.5, 1.0), 0.8 * np.cos(azimuth)])
    light = Light(
        towards=tuple(towards / np.linalg.norm(towards)),
        key=np.array(key, np.float32),
        ambient=np.array(ambient, np.float32),
        haze=horizon * 0.92,
        haze_depth=rng.uniform(120, 500),
        dark=kind == "dusk",
    )
    return light, zenith, horizon


def outdoors(canvas: Canvas, rng: Rng, eye: float, horizon: float, focal: float) -> None:
    """Set the camera and the light, and paint the sky with its clouds and perhaps the low sun."""
    light, zenith, low = daylight(rng)
    canvas.look(eye, horizon, focal, light, shift=rng.uniform(-0.12, 0.12))
    top = eye + FAR * horizon / focal
    shift, cover = rng.uniform(0, 9), rng.uniform(-0.5, 0.9)
    white = low * 0.8 if light.dark else 0.3 * low + 0.7 * np.array([1, 0.99, 0.97])

    def gradient(u, v, size):
        height = np.clip((v - eye) / (top - eye), 0, 1)[..., None] ** 0.7
        cloud = m.smooth_noise(u, 2.6 * v, 0.006, shift) + 0.5 * m.smooth_noise(u, 2.3 * v, 0.015, shift + 1)
        cloud = np.clip(0.9 * (cloud - 1.3 + cover), 0, 1)[..., None] * 0.85
        colour = low + (zenith - low) * height
        return colour + (white - colour) * cloud

    surface = Surface("-", np.ones(3), gradient, emission=1.0)
    canvas.add("sky").front(FAR, rectangle((-3 * FAR, 3 * FAR), (-50, 3 * FAR)), surface, haze=False)
    if low[0] > low[2] and rng.random() < 0.6:
        canvas.glow(rng.uniform(-150, 150), rng.uniform(15, 70), FAR, 130, (1.0, 0.85, 0.6), 0.55)


def ground(canvas: Canvas, name: str, surface: Surface, x: tuple = (-300.0, 300.0), z: tuple = (0.5, 350.0)) -> None:
    """A level stretch of ground."""
    canvas.add(name).paint(Plane("y", 0.0), rectangle(x, z), surface)


def path(canvas: Canvas, name: str, surface: Surface, centre: np.ndarray, z: np.ndarray, half: float) -> None:
    """A way along a line on the ground, given by its centre x at depths z."""
    sides = [np.stack([centre - half, z], 1), np.stack([centre + half, z], 1)[::-1]]
    canvas.add(name).paint(Plane("y", 0.0), np.concatenate(sides), surface)


def speckled(rng: Rng, colour: np.ndarray, material: str, coarse: float, fine: float, depth: float = 0.08) -> Surface:
    """Asphalt, sand, gravel: noise at two sizes (bumps per metre), and grains where the eye is near."""
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        large = m.noise(u, v, coarse, shift=shift) * m.visible(1 / coarse, size)
        small = m.noise(u, v, fine, shift=shift + 1) * m.visible(1 / fine, size)
        grains = m.noise(u, v, 5 * fine, shift=shift + 2) * m.visible(0.2 / fine, size)
        return 1 + depth * (0.6 * large + small + 0.6 * grains)

    return Surface(material, colour, pattern)


def grass(rng: Rng) -> Surface:
    """Lawn or meadow: tufts, and patches that turn yellow."""
    shift = rng.uniform(0, 9)
    colour = oklch(rng.uniform(0.6, 0.76), rng.uniform(0.09, 0.14), rng.uniform(108, 138))
    dry = np.array([1.12, 1.0, 0.85], np.float32)

    def pattern(u, v, size):
        patch = np.clip(0.5 + 0.4 * m.noise(u, v, 0.22, 0.12, shift), 0, 1)[..., None]
        tufts = 0.08 * m.noise(u, v, 2.2, 1.0, shift) * m.visible(0.6, size)
        blades = 0.13 * m.noise(u, v, 9, 4, shift + 1) * m.visible(0.15, size)
        near = 0.12 * m.noise(u, v, 50, 18, shift + 2) * m.visible(0.03, size)
        return (1 + tufts + blades + near)[..., None] * (1 + (dry - 1) * patch)

    return Surface("foliage", colour, pattern)


def hills(
    canvas: Canvas,
    rng: Rng,
    z: float,
    height: float,
    name: str,
    surface: Surface,
    base: float = -2.0,
    peaks: bool = False,
) -> None:
    """A ridge across the picture at depth z, of a height in metres; with sharp peaks or rolling."""
    reach = 1.9 * z * canvas.width / canvas.height
    x = np.linspace(-reach, reach, 110)
    line = np.zeros_like(x)
    for wave in (1.5, 3.3, 7.0, 14.0, 28.0):
        t = x / reach * wave * 2 + rng.uniform(0, 9)
        line += (2 * np.abs(t % 2 - 1) - 1 if peaks else np.sin(np.pi * t)) / wave**0.9 * rng.uniform(0.5, 1)
    line = base + height * (0.55 + 0.45 * line / np.abs(line).max())
    canvas.add(name).front(z, np.concatenate([np.stack([x, line], 1), [(reach, -30), (-reach, -30)]]), surface)


def mountain_rock(rng: Rng, snow: float) -> Surface:
    """Bare rock, white above a height (metres)."""
    shift, colour = rng.uniform(0, 9), oklch(rng.uniform(0.5, 0.68), rng.uniform(0.01, 0.05), rng.uniform(200, 300))
    white = np.array([0.97, 0.98, 1.0], np.float32)

    def pattern(u, v, size):
        ridge = 1 + 0.16 * m.smooth_noise(u + 0.6 * v, 0.6 * v, 0.05, shift) + 0.08 * m.noise(u, v, 0.2, shift=shift)
        cap = np.clip((v - snow + 9 * m.smooth_noise(u, v, 0.06, shift)) / 6, 0, 1)[..., None]
        return ridge[..., None] * (colour + (white - colour) * cap)

    return Surface("stone", np.ones(3), pattern)


def water(rng: Rng, tone: float, hue: float) -> Surface:
    """Rippled water, brighter far away; no material label."""
    shift, colour = rng.uniform(0, 9), oklch(tone, rng.uniform(0.06, 0.11), hue)

    def pattern(u, v, size):
        ripple = m.noise(u, v, 0.35, 1.3, shift) + 0.7 * m.noise(u, v, 0.9, 3.2, shift + 1)
        glint = 0.6 * np.clip(ripple - 1.5, 0, 1)
        calm = np.clip(3.0 / np.sqrt(np.maximum(v, 1)), 0.25, 1)
        return 1 + 0.25 * np.clip(v / 120, 0, 1) + (0.07 * ripple + glint) * calm

    return Surface("-", colour, pattern)
