"""Procedural materials: each gives a surface its colour, grain and pattern, sized in metres."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

TILE, GRAIN = 1024, 32  # samples along the noise tile, and per bump

Pattern = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Surface:
    """A material with its colour and pattern.

    Args:
        material: its name, "-" for stuff without a material label (sky, water).
        colour: (3,) base colour, sRGB in [0, 1].
        pattern: maps in-plane coordinates (metres) and the size of a pixel (metres) to a factor on the colour,
            (H, W) or (H, W, 3); None for a plain surface.
        emission: 1 shines by itself, 0 only reflects.
    """

    material: str
    colour: np.ndarray
    pattern: Pattern | None = None
    emission: float = 0.0

    def __call__(self, u: np.ndarray, v: np.ndarray, size: np.ndarray, tint: np.ndarray) -> np.ndarray:
        """Colours (H, W, 3), or what broadcasts to that, at points u, v under light of a colour ``tint``."""
        base = (self.colour * tint).astype(np.float32)
        if self.pattern is None:
            return base
        factor = self.pattern(u, v, size).astype(np.float32, copy=False)
        return base * (factor if factor.ndim == 3 else factor[..., None])


def oklch(lightness: float, chroma: float, hue: float) -> np.ndarray:
    """SRGB colour of even lightness: lightness 0..1, chroma 0..0.2, hue in degrees (30 red, 90 yellow, 250 blue)."""
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    lms = np.array(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    mix = [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
    linear = np.clip(mix @ lms**3, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


@lru_cache(maxsize=1)
def _noise_tile() -> np.ndarray:
    """A seamless tile of smooth noise, GRAIN samples per bump, unit variance."""
    white = np.random.default_rng(20200614).standard_normal((TILE, TILE))
    smooth = gaussian_filter(white, GRAIN * 0.31, mode="wrap")
    return (smooth / smooth.std()).astype(np.float32)


def noise(u: np.ndarray, v: np.ndarray, fu: float, fv: float | None = None, shift: float = 0.0) -> np.ndarray:
    """Smooth noise of zero mean and unit variance with about fu, fv bumps per unit of u and v."""
    column = (u * np.float32(GRAIN * fu) + np.float32(71.3 * shift)).astype(np.int32) & (TILE - 1)
    row = (v * np.float32(GRAIN * (fv or fu)) + np.float32(131.7 * shift)).astype(np.int32) & (TILE - 1)
    return _noise_tile().ravel().take(row * TILE + column)


def smooth_noise(u: np.ndarray, v: np.ndarray, frequency: float, shift: float = 0.0) -> np.ndarray:
    """The same noise interpolated, for bumps so large that the tile's samples would show."""
    u, v = np.broadcast_arrays(u, v)
    where = [v * (GRAIN * frequency) + 131.7 * shift, u * (GRAIN * frequency) + 71.3 * shift]
    return map_coordinates(_noise_tile(), where, order=1, mode="grid-wrap")


def visible(period: float, size: np.ndarray) -> np.ndarray:
    """1 where a pattern of this period (metres) is resolved, falling to 0 where it is finer than two pixels."""
    return np.clip(period / size / 3 - 0.5, 0, 1)


def _hash(i: np.ndarray, j: np.ndarray, shift: float = 0.0) -> np.ndarray:
    """A fixed pseudo-random number in [0, 1) for every pair of whole numbers."""
    tile = _noise_tile()
    i, j = np.asarray(i, np.int64), np.asarray(j, np.int64)
    value = tile[(i * 137 + j * 211 + int(shift * 64)) % TILE, (i * 173 - j * 91) % TILE]
    return (value * 7.3) % 1.0


def _lines(t: np.ndarray, period: float, width: float, size: np.ndarray) -> np.ndarray:
    """Coverage in [0, 1] of thin lines of a width repeated with a period."""
    distance = np.abs((t / period + 0.5) % 1.0 - 0.5) * period
    sharp = np.clip((width / 2 - distance) / np.maximum(size, 1e-6) + 0.5, 0, 1)
    known = visible(period, size)
    return sharp * known + (1 - known) * width / period


def wood(rng: np.random.Generator, colour: np.ndarray | None = None, plank: float = 0.0, along: str = "u") -> Surface:
    """Grain along one direction, with joints between planks (width in metres) where there are any."""
    if colour is None:
        colour = oklch(rng.uniform(0.38, 0.78), rng.uniform(0.04, 0.10), rng.uniform(48, 80))
    shift, stretch = rng.uniform(0, 9), rng.uniform(6, 14)

    def pattern(u, v, size):
        if along == "v":
            u, v = v, u
        row = np.floor(v / plank) if plank else 0 * v
        offset = 3.1 * _hash(row, row * 0, shift) if plank else 0
        grain = noise(u + offset, v + 0.02 * noise(u, v, 1.5, 3, shift), 1.2, stretch * 2, shift)
        fine = noise(u + offset, v, 3.0, stretch * 9, shift + 1) * visible(0.1 / stretch, size)
        factor = 1 + 0.09 * grain + 0.07 * fine
        if plank:
            factor = factor * (0.88 + 0.24 * _hash(row, np.floor((u + offset) / 1.4), shift))
            factor = factor * (1 - 0.45 * _lines(v, plank, 0.012, size))
            factor = factor * (1 - 0.35 * _lines(u + offset, 1.4, 0.012, size))
        return factor

    return Surface("wood", colour, pattern)


def brick(rng: np.random.Generator, colour: np.ndarray | None = None) -> Surface:
    """Courses of bricks in running bond, each of its own tone, in pale mortar."""
    if colour is None:
        kind = rng.random()
        hue, chroma = (rng.uniform(28, 55), rng.uniform(0.06, 0.12)) if kind < 0.75 else (rng.uniform(60, 90), 0.04)
        colour = oklch(rng.uniform(0.42, 0.72), chroma, hue)
    shift, height, pale = rng.uniform(0, 9), rng.uniform(0.11, 0.2), rng.uniform(0.85, 1.5)

    def pattern(u, v, size):
        row = np.floor(v / height)
        offset = u + (row % 2) * height * 1.3
        tone = 1 + (0.42 * _hash(row, np.floor(offset / (height * 2.6)), shift) - 0.21) * visible(height, size)
        tone = tone * (1 + 0.05 * noise(u, v, 12, 12, shift))
        joint = np.maximum(_lines(v, height, 0.022, size), _lines(offset, height * 2.6, 0.022, size))
        return tone + joint * (pale - tone)

    return Surface("brick", colour, pattern)


def stone(rng: np.random.Generator, colour: np.ndarray | None = None, block: float = 0.0) -> Surface:
    """Mottled and speckled, in blocks of a height (metres) where it is cut."""
    if colour is None:
        colour = oklch(rng.uniform(0.5, 0.82), rng.uniform(0.005, 0.045), rng.uniform(40, 280))
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        factor = 1 + 0.09 * noise(u, v, 1.3, shift=shift) + 0.07 * noise(u, v, 6, shift=shift)
        factor = factor + 0.10 * noise(u, v, 24, shift=shift + 2) * visible(0.05, size)
        if block:
            row = np.floor(v / block)
            offset = u + block * 2.2 * _hash(row, row * 0, shift)
            factor = factor * (0.88 + 0.24 * _hash(row, np.floor(offset / (block * 1.7)), shift))
            joint = np.maximum(_lines(v, block, 0.03, size), _lines(offset, block * 1.7, 0.03, size))
            factor = factor * (1 - 0.38 * joint)
        return factor

    return Surface("stone", colour, pattern)


def tile(rng: np.random.Generator, colour: np.ndarray | None = None, side: float | None = None) -> Surface:
    """Square glazed tiles with pale joints, plain or in two tones like a draughtboard."""
    if colour is None:
        colour = oklch(rng.uniform(0.55, 0.9), rng.uniform(0.0, 0.08), rng.uniform(0, 360))
    side = side or rng.uniform(0.18, 0.45)
    shift, two = rng.uniform(0, 9), rng.choice([0.0, 0.0, 0.25, 0.4])
    joint_tone = rng.uniform(0.7, 1.25)

    def pattern(u, v, size):
        i, j = np.floor(u / side), np.floor(v / side)
        known = visible(side, size)
        factor = 1 + known * (0.12 * _hash(i, j, shift) - 0.06) - two * ((i + j) % 2 - 0.5) * known
        bevel = (u / side - i - 0.5) + (v / side - j - 0.5)
        factor = factor * (1 + 0.07 * bevel * known)
        joint = np.maximum(_lines(u, side, 0.02, size), _lines(v, side, 0.02, size))
        return factor + joint * (joint_tone - factor)

    return Surface("tile", colour, pattern)


def fabric(rng: np.random.Generator, colour: np.ndarray | None = None, motif: Pattern | None = None) -> Surface:
    """A soft weave with folds, plain or printed with a motif."""
    if colour is None:
        colour = oklch(rng.uniform(0.4, 0.88), rng.uniform(0.01, 0.12), rng.uniform(0, 360))
    shift, thread = rng.uniform(0, 9), rng.uniform(0.02, 0.035)

    def pattern(u, v, size):
        weave = np.sin(2 * np.pi * u / thread) * np.sin(2 * np.pi * v / thread) * visible(thread, size)
        factor = 1 + 0.07 * weave + 0.05 * noise(u, v, 3, 2, shift) + 0.035 * noise(u, v, 30, shift=shift)
        return factor if motif is None else factor[..., None] * motif(u, v, size)

    return Surface("fabric", colour, pattern)


def carpet(rng: np.random.Generator, colour: np.ndarray | None = None, motif: Pattern | None = None) -> Surface:
    """Short pile: grainy and matt, plain or with a motif."""
    if colour is None:
        colour = oklch(rng.uniform(0.45, 0.8), rng.uniform(0.02, 0.1), rng.uniform(0, 360))
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        factor = 1 + 0.10 * noise(u, v, 22, shift=shift) + 0.08 * noise(u, v, 60, shift=shift) * visible(0.02, size)
        factor = factor + 0.04 * noise(u, v, 1.5, shift=shift)
        return factor if motif is None else factor[..., None] * motif(u, v, size)

    return Surface("carpet", colour, pattern)


def foliage(rng: np.random.Generator, colour: np.ndarray | None = None, leaf: float = 0.12) -> Surface:
    """Leaves in light and shade; leaf size in metres."""
    if colour is None:
        colour = oklch(rng.uniform(0.45, 0.7), rng.uniform(0.07, 0.14), rng.uniform(105, 150))
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        coarse = noise(u, v, 0.22 / leaf, shift=shift)
        leaves = noise(u, v, 0.8 / leaf, shift=shift + 3)
        light = 1 + 0.14 * coarse + 0.20 * leaves * (0.4 + 0.6 * visible(leaf, size))
        return light[..., None] * (1 + 0.06 * coarse[..., None] * np.array([1.2, 0.3, -1.0], np.float32))

    return Surface("foliage", colour, pattern)


def metal(rng: np.random.Generator, colour: np.ndarray | None = None) -> Surface:
    """Brushed metal with soft bands of reflection."""
    if colour is None:
        colour = oklch(rng.uniform(0.5, 0.85), rng.uniform(0.0, 0.03), rng.uniform(60, 280))
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        bands = noise(u, v, 0.5, 2.2, shift) + 0.5 * noise(u, v, 1.0, 5.0, shift + 1)
        brushed = noise(u, v, 3, 90, shift) * visible(0.02, size)
        return 1 + 0.16 * np.tanh(1.6 * bands) + 0.05 * brushed

    return Surface("metal", colour, pattern)


def glass(rng: np.random.Generator, colour: np.ndarray | None = None, lit: bool = False) -> Surface:
    """Panes with slanting reflections, or lit from within."""
    if lit:
        return Surface("glass", oklch(rng.uniform(0.8, 0.9), 0.12, rng.uniform(70, 90)), None, emission=0.85)
    if colour is None:
        colour = oklch(rng.uniform(0.42, 0.78), rng.uniform(0.02, 0.06), rng.uniform(200, 260))
    shift, slant = rng.uniform(0, 9), rng.uniform(0.5, 1.4)

    def pattern(u, v, size):
        streak = noise(u + slant * v, 0 * v, 1.1, 1, shift)
        return 1 + 0.30 * np.clip(streak * 2, 0, 1) + 0.12 * noise(u, v, 0.5, shift=shift)

    return Surface("glass", colour, pattern, emission=0.25)


def ceramic(rng: np.random.Generator, colour: np.ndarray | None = None) -> Surface:
    """Smooth glaze with a clear highlight on one side."""
    if colour is None:
        colour = oklch(rng.uniform(0.5, 0.93), rng.uniform(0.01, 0.13), rng.uniform(0, 360))
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        gleam = np.clip(noise(u, v, 3.0, 0.8, shift) - 0.9, 0, 1)
        return 1 + 0.03 * noise(u, v, 5, shift=shift) + 0.5 * gleam

    return Surface("ceramic", colour, pattern)


def leather(rng: np.random.Generator, colour: np.ndarray | None = None) -> Surface:
    """Dark sheen and fine creases."""
    if colour is None:
        colour = oklch(rng.uniform(0.3, 0.6), rng.uniform(0.02, 0.1), rng.uniform(20, 80))
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        crease = np.abs(noise(u, v, 9, 5, shift)) * visible(0.1, size)
        sheen = np.clip(noise(u, v, 1.6, 1.0, shift + 1), -1, 2)
        return 1.02 - 0.10 * np.exp(-8 * crease) + 0.16 * sheen

    return Surface("leather", colour, pattern)


def painted(rng: np.random.Generator, colour: np.ndarray | None = None) -> Surface:
    """Even paint with faint clouds, as on plaster or lacquered boards."""
    if colour is None:
        colour = oklch(rng.uniform(0.6, 0.94), rng.uniform(0.0, 0.09), rng.uniform(0, 360))
    shift = rng.uniform(0, 9)
    return Surface("painted", colour, lambda u, v, size: 1 + 0.022 * noise(u, v, 0.8, shift=shift))


def skin(rng: np.random.Generator, colour: np.ndarray | None = None) -> Surface:
    """Skin from pale to dark."""
    if colour is None:
        colour = oklch(rng.uniform(0.42, 0.86), rng.uniform(0.05, 0.08), rng.uniform(48, 66))
    return Surface("skin", colour)


def plain(colour: np.ndarray, emission: float = 0.0) -> Surface:
    """A surface without material label."""
    return Surface("-", colour, None, emission)
