"""Materials, each a row of one table (label, range of colours, layers of its pattern), and eight textures as in DTD."""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from dgmlib.mini.notation import Rng, number

SIDE, GRAIN = 1024, 32  # samples along a side of the noise tile, and per bump

Pattern = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

#: Name, material label; lightness, chroma, hue | layers, which fade out where they are too far away to be resolved:
#: ``courses`` (in rows; ``boards``, upright): height, length in heights, offset of rows (.5 running bond, 1 random),
#: joint, its brightness, spread of brightness, contrast of a draughtboard; ``tinge`` and any of `LAYERS`: amount,
#: bumps per metre across and up.
RECIPES = """
brick    brick   .42~.72 .05~.12 28~62    | courses .11~.2 2.6 .5 .022 .85~1.5 .21 0  soft .05 12 12
carpet   carpet  .45~.8  .02~.1  0~360    | soft .10 22 22  soft .08 60 60  soft .04 1.5 1.5
ceramic  ceramic .5~.93  .01~.13 0~360    | soft .03 5 5  gleam .5 3 .8
fabric   fabric  .4~.88  .01~.12 0~360    | soft .06 35 35  soft .05 3 2  soft .035 30 30
foliage  foliage .45~.7  .07~.14 105~150  | soft .14 1.8 1.8  soft .20 6.5 6.5  tinge .06 1.8 1.8
leaves   foliage .42~.66 .09~.13 100~150  | soft .14 3 3  soft .18 12 12  tinge .06 3 3
woods    foliage .46~.6  .07~.10 110~165  | soft .12 .15 .15  soft .16 .5 .5  tinge .06 .15 .15
grass    foliage .6~.76  .09~.14 106~138  | soft .08 2.2 1  soft .13 9 4  soft .12 50 18  tinge .10 .22 .12
glass    glass   .42~.78 .02~.06 200~260  | streak .30 1.1 .9  soft .12 .5 .5
leather  leather .3~.65  .02~.1  20~80    | crease .10 9 5  soft .16 1.6 1
metal    metal   .5~.85  .0~.03  60~280   | band .16 .5 2.2  soft .05 3 90
painted  painted .6~.94  .0~.09  0~360    | soft .022 .8 .8
skin     skin    .42~.86 .05~.08 48~66    |
stone    stone   .5~.82  .005~.045 40~280 | soft .09 1.3 1.3  soft .07 6 6  soft .10 24 24
blocks   stone   .5~.82  .005~.045 40~280 | courses .35~.6 1.7 1 .03 .62 .12 0  soft .09 1.3 1.3  soft .1 24 24
asphalt  stone   .45~.62 .015    40~280   | soft .04 .8 .8  soft .06 8 8  soft .03 40 40
gravel   stone   .66~.85 .04     70~85    | soft .05 1 1  soft .08 8 8  soft .05 40 40
tile     tile    .55~.9  .0~.08  0~360    | courses .18~.45 1 0 .02 .7~1.25 .06 0|0|.25|.4  soft .03 2 2
roofing  tile    .35~.6  .02~.11 15~60    | courses .3 1 .5 .04 .7 .08 0|.2  soft .04 1 1
wood     wood    .38~.78 .04~.10 48~80    | soft .09 1.2 20  soft .07 3 90
upright  wood    .38~.78 .04~.10 48~80    | soft .09 20 1.2  soft .07 90 3
planks   wood    .38~.78 .04~.10 48~80    | boards .1~.2 9 1 .012 .55 .12 0  soft .09 24 1.2  soft .07 90 3
siding   wood    .4~.75  .04~.10 30~80    | courses .2~.25 9 1 .02 .5 .12 0  soft .09 1.2 20  soft .07 3 90
plain    -       .6      .0      0        |
fur      -       .35~.85 .01~.08 50~85    | soft .08 9 22  spots 0|0|.35 3 3
sand     -       .8~.9   .04~.07 70~88    | soft .03 .6 .6  soft .05 9 9  soft .03 45 45
water    -       .55~.74 .06~.11 195~248  | soft .05 .35 1.3  soft .04 .9 3.2  gleam .5 .35 1.3
crag     stone   .5~.68  .01~.05 200~300  | soft .12 .05 .02  soft .08 .2 .2  soft .05 .6 .6
"""

#: What a layer adds to the brightness, from noise of unit variance.
LAYERS = {
    "soft": lambda n: n, "band": lambda n: np.tanh(1.6 * n), "gleam": lambda n: np.clip(n - 0.9, 0, 1),
    "streak": lambda n: np.clip(2 * n, 0, 1), "crease": lambda n: -np.exp(-8 * np.abs(n)),
    "spots": lambda n: -1.0 * (n > 0.6),
}  # fmt: skip


class Surface(NamedTuple):
    """A material: its label ("-" for stuff without one), its colour, (3,) sRGB in [0, 1], and its pattern.

    The pattern maps in-plane coordinates and the size of a pixel, all in metres, to a factor on the colour, (H, W) or
    (H, W, 3). A surface with emission 1 is luminous, with 0 it only reflects.
    """

    material: str
    colour: np.ndarray
    pattern: Pattern | None = None
    emission: float = 0.0

    def __call__(self, u: np.ndarray, v: np.ndarray, size: np.ndarray, tint: np.ndarray) -> np.ndarray:
        """Colours (H, W, 3), or what broadcasts to that, at points u, v under light of colour ``tint``."""
        base = (self.colour * tint).astype(np.float32)
        if self.pattern is None:
            return base
        factor = self.pattern(u, v, size).astype(np.float32, copy=False)
        return base * (factor if factor.ndim == 3 else factor[..., None])


_LMS = np.array([[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]])
_RGB = np.array([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
                 [-0.0041960863, -0.7034186147, 1.7076147010]])  # fmt: skip


def oklch(lightness: float, chroma: float, hue: float) -> np.ndarray:
    """Convert OKLCH to an sRGB colour: lightness 0..1, chroma 0..0.2, hue in degrees (30 red, 90 yellow, 250 blue)."""
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    linear = np.clip(_RGB @ (_LMS @ (lightness, a, b)) ** 3, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


@cache
def _noise_tile() -> np.ndarray:
    """A seamless tile of smooth noise, GRAIN samples per bump, unit variance."""
    white = np.random.default_rng(20200614).standard_normal((SIDE, SIDE))
    smooth = gaussian_filter(white, GRAIN * 0.31, mode="wrap")
    return (smooth / smooth.std()).astype(np.float32)


def noise(u: np.ndarray, v: np.ndarray, fu: float, fv: float, shift: float = 0.0) -> np.ndarray:
    """Smooth noise of zero mean and unit variance with about fu, fv bumps per unit of u and v."""
    column = (u * np.float32(GRAIN * fu) + np.float32(71.3 * shift)).astype(np.int32) & (SIDE - 1)
    row = (v * np.float32(GRAIN * fv) + np.float32(131.7 * shift)).astype(np.int32) & (SIDE - 1)
    return _noise_tile().ravel().take(row * SIDE + column)


def smooth_noise(u: np.ndarray, v: np.ndarray, frequency: float, shift: float = 0.0) -> np.ndarray:
    """The same noise interpolated, for bumps so large that the tile's samples would be visible."""
    u, v = np.broadcast_arrays(u, v)
    where = [v * (GRAIN * frequency) + 131.7 * shift, u * (GRAIN * frequency) + 71.3 * shift]
    return map_coordinates(_noise_tile(), where, order=1, mode="grid-wrap")


def visible(period: float, size: np.ndarray) -> np.ndarray:
    """1 where a pattern of this period (metres) is resolved, falling to 0 at one and a half pixels."""
    return np.clip(period / size / 3 - 0.5, 0, 1)


def _chance(i: np.ndarray, j: np.ndarray, shift: float) -> np.ndarray:
    """A fixed pseudo-random number in [0, 1) for every pair of integers."""
    i, j = i.astype(np.int64), j.astype(np.int64)
    return (_noise_tile()[(i * 137 + j * 211 + int(shift * 64)) % SIDE, (i * 173 - j * 91) % SIDE] * 7.3) % 1.0


def _lines(t: np.ndarray, period: float, width: float, size: np.ndarray) -> np.ndarray:
    """Coverage in [0, 1] of thin lines of a width repeated with a period."""
    distance, known = np.abs((t / period + 0.5) % 1.0 - 0.5) * period, visible(period, size)
    sharp = np.clip((width / 2 - distance) / np.maximum(size, 1e-6) + 0.5, 0, 1)
    return sharp * known + (1 - known) * width / period


def _courses(u, v, size, shift, height, ratio, bond, joint, tone, spread, draught):
    """Bricks, blocks, tiles or planks in rows along u: the factor (H, W) on their colour, see `RECIPES`."""
    length, row = height * ratio, np.floor(v / height)
    offset = u + length * (row % 2 * 0.5 if bond == 0.5 else bond * _chance(row, 0 * row, shift))
    column, known = np.floor(offset / length), visible(height, size)
    factor = 1 + known * (spread * (2 * _chance(row, column, shift) - 1) - draught * ((row + column) % 2 - 0.5))
    seam = np.maximum(_lines(v, height, joint, size), _lines(offset, length, joint, size))
    return factor + seam * (tone - factor)


def _pattern(layers: list[tuple[str, list[float]]], shift: float) -> Pattern:
    """Combine the layers of a recipe: their sum, times courses and tinges."""

    def pattern(u, v, size):
        total, product = np.float32(1), np.float32(1)
        for i, (kind, (amount, *rest)) in enumerate(layers):
            if kind in ("courses", "boards"):
                along = (u, v) if kind == "courses" else (v, u)
                product = product * _courses(*along, size, shift, amount, *rest)
            elif kind == "tinge":
                bumps = (amount * noise(u, v, *rest, shift))[..., None]
                product = product[..., None] * (1 + bumps * np.array([1.2, 0.3, -1.0], np.float32))
            else:
                bumps = LAYERS[kind](noise(u + v if kind == "streak" else u, v, *rest, shift + i))
                total = total + amount * visible(1 / max(rest), size) * bumps
        return product * (total[..., None] if product.ndim == 3 else total)

    return pattern


_BOOK = {}  # name -> label, colour, layers
for _line in RECIPES.strip().splitlines():
    _head, _, _tail = _line.partition("|")
    _name, _label, *_colour = _head.split()
    _BOOK[_name] = _label, _colour, [layer.split() for layer in re.findall(r"[a-z]+[^a-z]+", _tail + " ")]


def surface(name: str, rng: Rng, *colour: float, emission: float = 0.0) -> Surface:
    """Mix a material by its name in `RECIPES`; lightness, chroma and hue that are not given are drawn."""
    label, ranges, layers = _BOOK[name]
    colour = (*colour, *(number(text, rng) for text in ranges[len(colour) :]))
    drawn = [(kind, [number(text, rng) for text in texts]) for kind, *texts in layers]
    pattern = _pattern(drawn, rng.uniform(0, 9)) if drawn else None
    return Surface(label, oklch(*colour), pattern, emission or 0.25 * (label == "glass"))


def motif(kind: str, rng: Rng, period: float = 1.0, turn: float = 0.0) -> Pattern:
    """Pattern of one of `names.TEXTURES`: maps (u, v, pixel size) in metres to colours (H, W, 3).

    It repeats after ``period`` metres and is turned by ``turn`` radians.
    """
    # colours that go together and differ in lightness: a base hue, its neighbours, sometimes its opposite
    hue, chroma, spread = rng.uniform(0, 360), rng.uniform(0.02, 0.13), rng.choice([25, 60, 180])
    tones = enumerate(rng.permutation(np.linspace(rng.uniform(0.3, 0.5), rng.uniform(0.78, 0.94), 3)))
    ground, figure, third = (oklch(tone, chroma * rng.uniform(0.6, 1.2), hue + spread * i) for i, tone in tones)
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
            result = np.where(over, warp, weft) * np.where(np.abs(side) > 0.42, 0.4, 1 + 0.05 * np.sin(31 * side))
        else:  # zigzagged
            t = (v + 1.2 * np.abs(u % 1.0 - 0.5)) * 1.5
            result = mix(stripes(t, share), figure)
            result = mix(stripes(t + 0.5, 0.18), third, result)
        return result.astype(np.float32)

    return pattern


def texture_picture(kind: str, rng: Rng, width: int, height: int) -> np.ndarray:
    """A picture (height, width, 3) uint8 filled with one texture, bent, lit from one side and slightly worn."""
    y, x = np.mgrid[: 2 * height, : 2 * width].astype(np.float32) / (2 * height)  # two samples per pixel
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
