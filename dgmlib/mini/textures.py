"""Eight textures after the Describable Textures Dataset: pictures of their own, and prints on fabrics in the scenes."""

import numpy as np

from dgmlib.mini.materials import Pattern, noise, oklch, smooth_noise
from dgmlib.mini.notation import Rng


def palette(rng: Rng, count: int) -> list[np.ndarray]:
    """Colours that go together and differ in lightness: a base hue, its neighbours, sometimes its opposite."""
    hue, chroma = rng.uniform(0, 360), rng.uniform(0.02, 0.13)
    lightness = rng.permutation(np.linspace(rng.uniform(0.3, 0.5), rng.uniform(0.78, 0.94), count))
    spread = rng.choice([25, 60, 180])
    return [oklch(value, chroma * rng.uniform(0.6, 1.2), hue + spread * i) for i, value in enumerate(lightness)]


def motif(kind: str, rng: Rng, period: float = 1.0, turn: float = 0.0) -> Pattern:
    """Pattern of one of `names.TEXTURES`: maps (u, v, pixel size) in metres to colours (H, W, 3).

    It repeats after ``period`` metres and is turned by ``turn`` radians.
    """
    ground, figure, third = palette(rng, 3)
    share, shift = rng.uniform(0.3, 0.6), rng.uniform(0, 9)
    cosine, sine = np.cos(turn) / period, np.sin(turn) / period

    def pattern(u, v, size):
        u, v, size = cosine * u + sine * v, cosine * v - sine * u, size / period

        def mix(cover, over, under=ground):
            return under + cover * (over - under)

        def inside(distance):  # coverage of the side where a distance is positive, blended over one pixel
            return np.clip(distance / np.maximum(size, 1e-6) + 0.5, 0, 1)[..., None]

        def stripes(t, width):  # in the middle of every period
            return inside(width / 2 - np.abs(t % 1.0 - 0.5))

        if kind == "banded":  # bands of several colours and uneven widths
            t, result = v + 0.02 * noise(u, v, 0.5, 0.5, shift), ground
            for start, width, colour in ((0.1, 0.28 * share + 0.1, figure), (0.55, 0.25, third), (0.9, 0.06, figure)):
                result = mix(stripes(t - start + 0.5, width), colour, result)
        elif kind == "chequered":
            result = mix(inside(4 * (np.abs(u % 1 - 0.5) - 0.25) * (np.abs(v % 1 - 0.5) - 0.25)), figure)
        elif kind == "grid":
            width = 0.05 + 0.12 * share
            result = mix(np.maximum(stripes(u, width), stripes(v, width)), figure)
        elif kind == "honeycombed":  # by the distance to the walls between the cells of a hexagonal lattice
            step, points = np.array([1.0, 3**0.5]), np.stack([u, v], -1)
            near = points - step * np.round(points / step)
            other = points - step * (np.round(points / step - 0.5) + 0.5)
            near = np.abs(np.where((near**2).sum(-1, keepdims=True) < (other**2).sum(-1, keepdims=True), near, other))
            wall = 0.5 - np.maximum(near[..., 0], near[..., 0] / 2 + near[..., 1] * 3**0.5 / 2)
            result = mix(inside(0.03 + 0.07 * share - wall), figure, ground * (0.82 + 0.5 * wall[..., None]))
        elif kind == "marbled":
            warp = smooth_noise(u, v, 0.35, shift) + 0.5 * smooth_noise(u, v, 0.9, shift + 1)
            vein = np.exp(-5 * np.abs(np.sin(1.3 * (u + v) + 1.7 * warp)))[..., None]
            thin = 0.6 * np.exp(-9 * np.abs(smooth_noise(u, v, 0.6, shift + 3)))[..., None]
            cloud = (0.5 + 0.25 * smooth_noise(u, v, 0.3, shift + 2))[..., None].clip(0, 1)
            result = mix(np.maximum(vein, thin), figure, mix(0.5 * cloud, third, ground))
        elif kind == "polka-dotted":
            spot = 0.17 + 0.2 * share - np.hypot((u + v) % 1.0 - 0.5, (u - v) % 1.0 - 0.5)
            result = mix(inside(spot), figure)
        elif kind == "woven":  # strands over and under each other, three to the period, each rounded by light
            u, v = 1.5 * u[..., None], 1.5 * v[..., None]
            over, across, along = (np.floor(u) + np.floor(v)) % 2 == 0, u % 1.0 - 0.5, v % 1.0 - 0.5
            strand = mix(0.25 * share, figure)
            warp = strand * (1.08 - 2.4 * across**2) * (1 - 1.5 * along**2)
            weft = mix(0.35, ground, strand) * (1.0 - 2.4 * along**2) * (1 - 1.5 * across**2)
            side = np.where(over, across, along)
            fibre = np.where(np.abs(side) > 0.42, 0.4, 1 + 0.05 * np.sin(10 * np.pi * side))
            result = np.where(over, warp, weft) * fibre
        else:  # zigzagged
            t = (v + 1.2 * np.abs(u % 1.0 - 0.5)) * 1.5
            result = mix(stripes(t, share), figure)
            result = mix(stripes(t + 0.5, 0.18), third, result)
        return result.astype(np.float32)

    return pattern


def texture_picture(kind: str, rng: Rng, width: int, height: int) -> np.ndarray:
    """A picture (height, width, 3) uint8 filled with one texture, bent, lit from a side and a little worn."""
    y, x = np.mgrid[: 2 * height, : 2 * width].astype(np.float32) / (2 * height)  # two samples a pixel
    pattern = motif(kind, rng, period=rng.uniform(0.09, 0.3), turn=rng.normal(0, 0.35))
    bend, lean = rng.uniform(0.0, 0.018), rng.uniform(-0.35, 0.35, 2)
    depth = 1 + lean[0] * (x - 0.6) + lean[1] * (y - 0.5)  # seen at a slant
    u, v = (t * depth + bend * smooth_noise(x, y, 1.5, rng.uniform(0, 9)) for t in (x, y))
    angle, fall = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5)
    light = 1 + fall * ((x - 0.6) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    wear = 1 + rng.uniform(0.01, 0.05) * smooth_noise(x, y, 3, 3.0) + rng.uniform(0.01, 0.05) * noise(x, y, 40, 40)
    colour = pattern(u, v, np.full_like(u, 0.5 / height)) * (light * wear)[..., None]
    colour = colour.reshape(height, 2, width, 2, 3).mean((1, 3))
    colour += rng.uniform(0.005, 0.02) * rng.standard_normal(colour.shape, np.float32)
    return np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)
