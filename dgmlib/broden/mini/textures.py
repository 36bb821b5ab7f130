"""Eight textures after the Describable Textures Dataset: pictures of their own, and prints on fabrics in the scenes."""

import numpy as np

from dgmlib.broden.mini.materials import Pattern, noise, oklch, smooth_noise
from dgmlib.broden.mini.names import TEXTURES


def palette(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Colours that go together and differ in lightness: a base hue, its neighbours, sometimes its opposite."""
    hue, chroma = rng.uniform(0, 360), rng.uniform(0.02, 0.13)
    lightness = rng.permutation(np.linspace(rng.uniform(0.3, 0.5), rng.uniform(0.78, 0.94), count))
    spread = rng.choice([25, 60, 180])
    return [oklch(value, chroma * rng.uniform(0.6, 1.2), hue + spread * i) for i, value in enumerate(lightness)]


def _edge(distance: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Coverage of the side where a distance (metres) is positive, blended over one pixel."""
    return np.clip(distance / np.maximum(size, 1e-6) + 0.5, 0, 1)[..., None]


def _wave(t: np.ndarray) -> np.ndarray:
    """Triangle wave of period 1 between -0.25 and 0.25."""
    return np.abs((t + 0.25) % 1.0 - 0.5) - 0.25


def motif(kind: str, rng: np.random.Generator, period: float = 1.0, turn: float = 0.0) -> Pattern:
    """Pattern of one texture class: maps (u, v, pixel size) in metres to colours (H, W, 3).

    Args:
        kind: one of ``TEXTURES``.
        rng: draws colours and proportions.
        period: repeat in metres.
        turn: rotation in radians.
    """
    ground, figure, third = palette(rng, 3)
    share, shift = rng.uniform(0.3, 0.6), rng.uniform(0, 9)
    cosine, sine = np.cos(turn) / period, np.sin(turn) / period

    def mix(cover: np.ndarray, over: np.ndarray, under: np.ndarray) -> np.ndarray:
        return under + cover * (over - under)

    def banded(u, v, size):
        # bands of several colours and uneven widths
        t = v + 0.02 * noise(u, v, 0.5, shift=shift)
        result = ground
        for start, width, colour in ((0.1, 0.28 * share + 0.1, figure), (0.55, 0.25, third), (0.9, 0.06, figure)):
            result = mix(_edge(width / 2 - np.abs((t - start + 0.5) % 1.0 - 0.5), size), colour, result)
        return result

    def chequered(u, v, size):
        return mix(_edge(4 * _wave(u) * _wave(v), size), figure, ground)

    def grid(u, v, size):
        width = 0.05 + 0.12 * share
        line = np.maximum(
            _edge(width / 2 - np.abs(u % 1.0 - 0.5), size), _edge(width / 2 - np.abs(v % 1.0 - 0.5), size)
        )
        return mix(line, figure, ground)

    def honeycombed(u, v, size):
        # distance to the walls between the cells of a hexagonal lattice
        step = np.array([1.0, 3**0.5])
        points = np.stack([u, v], -1)
        near = points - step * np.round(points / step)
        other = points - step * (np.round(points / step - 0.5) + 0.5)
        choose = ((near**2).sum(-1) < (other**2).sum(-1))[..., None]
        near = np.abs(np.where(choose, near, other))
        wall = 0.5 - np.maximum(near[..., 0], near[..., 0] / 2 + near[..., 1] * 3**0.5 / 2)
        cell = ground * (0.82 + 0.5 * wall[..., None])
        return mix(_edge(0.03 + 0.07 * share - wall, size), figure, cell)

    def marbled(u, v, size):
        warp = smooth_noise(u, v, 0.35, shift) + 0.5 * smooth_noise(u, v, 0.9, shift + 1)
        vein = np.exp(-5 * np.abs(np.sin(1.3 * (u + v) + 1.7 * warp)))[..., None]
        thin = 0.6 * np.exp(-9 * np.abs(smooth_noise(u, v, 0.6, shift + 3)))[..., None]
        cloud = (0.5 + 0.25 * smooth_noise(u, v, 0.3, shift + 2))[..., None].clip(0, 1)
        return mix(np.maximum(vein, thin), figure, mix(0.5 * cloud, third, ground))

    def polka_dotted(u, v, size):
        a, b = (u + v) % 1.0 - 0.5, (u - v) % 1.0 - 0.5
        return mix(_edge(0.17 + 0.2 * share - np.hypot(a, b), size), figure, ground)

    def woven(u, v, size):
        # strands over and under each other, three to the period, each rounded by light
        u, v = 1.5 * u, 1.5 * v
        over = ((np.floor(u) + np.floor(v)) % 2 == 0)[..., None]
        across, along = (u % 1.0 - 0.5)[..., None], (v % 1.0 - 0.5)[..., None]
        strand = mix(0.25 * share, figure, ground)
        warp = strand * (1.08 - 2.4 * across**2) * (1 - 1.5 * along**2)
        weft = mix(0.35, ground, strand) * (1.0 - 2.4 * along**2) * (1 - 1.5 * across**2)
        fibre = 1 + 0.05 * np.sin(2 * np.pi * 5 * np.where(over, across, along))
        gap = np.where(over, np.abs(across), np.abs(along)) > 0.42
        return np.where(over, warp, weft) * np.where(gap, 0.4, fibre)

    def zigzagged(u, v, size):
        t = (v + 1.2 * np.abs(u % 1.0 - 0.5)) * 1.5
        result = mix(_edge(share / 2 - np.abs(t % 1.0 - 0.5), size * 1.5), figure, ground)
        return mix(_edge(0.09 - np.abs((t + 0.5) % 1.0 - 0.5), size * 1.5), third, result)

    draw = dict(
        zip(TEXTURES, (banded, chequered, grid, honeycombed, marbled, polka_dotted, woven, zigzagged), strict=True)
    )[kind]

    def pattern(u, v, size):
        return draw(cosine * u + sine * v, cosine * v - sine * u, size / period).astype(np.float32)

    return pattern


def texture_picture(kind: str, rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A picture (height, width, 3) uint8 filled with one texture, bent, lit from a side and a little worn."""
    scale = 2  # supersampling
    y, x = np.mgrid[: height * scale, : width * scale].astype(np.float32) / (height * scale)
    pattern = motif(kind, rng, period=rng.uniform(0.09, 0.3), turn=rng.normal(0, 0.35))
    bend, lean = rng.uniform(0.0, 0.018), rng.uniform(-0.35, 0.35, 2)
    depth = 1 + lean[0] * (x - 0.6) + lean[1] * (y - 0.5)  # seen at a slant
    u = x * depth + bend * smooth_noise(x, y, 1.5, rng.uniform(0, 9))
    v = y * depth + bend * smooth_noise(x, y, 1.5, rng.uniform(0, 9))
    colour = pattern(u, v, np.full_like(u, 1.0 / (height * scale)))
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
    light = 1 + fall * ((x - 0.6) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    wear = 1 + rng.uniform(0.01, 0.05) * smooth_noise(x, y, 3, 3.0) + rng.uniform(0.01, 0.05) * noise(x, y, 40)
    colour = colour * (light * wear)[..., None]
    colour = colour.reshape(height, scale, width, scale, 3).mean((1, 3))
    colour = colour + rng.uniform(0.005, 0.02) * rng.standard_normal(colour.shape, np.float32)
    return np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)
