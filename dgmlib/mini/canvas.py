"""A painter's canvas for labelled scenes: flat shapes in a world in metres, seen by one pinhole camera.

Scenes are painted from far to near. Every stroke carries its labels, so the label maps show exactly what is visible.
Colours are supersampled; a pixel's labels are those of the last shape that covers half of it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dgmlib.mini.materials import Surface, oklch, smooth_noise
from dgmlib.mini.names import MATERIALS, OBJECTS, PARTS
from dgmlib.mini.notation import Rng, number

SCALE, FINE = 2, 2  # colour samples per pixel and axis; mask samples per colour sample and axis
NEGLIGIBLE, TINY = 0.05, 6  # bounding boxes to skip (square pixels); shapes without a pattern (colour samples)

#: Light of the sun and of a lamp in a room: probability, time; sky at the zenith and at the horizon (lightness, chroma,
#: hue); light of sun or lamp, and ambient light (red, green, blue).
TIMES = """
sun  .42 day       .62~.75 .11 235~255  .92 .04 230    .66 .63 .56  .54 .57 .62
sun  .18 morning   .78 .07 250          .93 .05 20~70  .66 .58 .52  .54 .52 .57
sun  .18 golden    .7 .08 265           .88 .11 55~80  .82 .62 .40  .48 .45 .50
sun  .10 overcast  .8 .02 250           .9 .015 240    .25 .25 .25  .72 .74 .77
sun  .12 dark      .4 .1 275            .72 .13 10~55  .28 .22 .24  .42 .40 .52
lamp .78 day       1 0 0                1 0 0          .46~.62 .5 .44~.56    .62 .61 .61
lamp .22 dark      1 0 0                1 0 0          .46~.52 .42 .32~.38   .48 .45 .45
"""


class Plane(NamedTuple):
    """A plane perpendicular to one axis: ``x`` (side walls), ``y`` (floors, tops) or ``z`` (facing the camera).

    Points in it are given as (z, height), (x, z) and (x, height); all in metres, x to the right, z ahead.
    """

    axis: str
    at: float


class Light(NamedTuple):
    """Sun or lamp light: its direction, its colours, and the haze that distant things fade into."""

    towards: np.ndarray  # unit vector to the light: x right, y up, z towards the viewer
    key: np.ndarray
    ambient: np.ndarray
    haze_depth: float  # metres at which haze covers 63 %, infinite for none
    dark: bool  # windows and lamps are lit
    zenith: np.ndarray
    horizon: np.ndarray

    @classmethod
    def drawn(cls, kind: str, rng: Rng) -> "Light":
        """Draw one of the `TIMES` of a "sun" or a "lamp"."""
        rows = [row.split() for row in TIMES.splitlines() if row.startswith(kind)]
        _, _, time, *texts = rows[rng.choice(len(rows), p=[float(row[1]) for row in rows])]
        zenith, horizon, key, ambient = np.reshape([number(text, rng) for text in texts], (4, 3))
        azimuth, height = rng.uniform(-1, 1), rng.uniform(0.5, 1)
        towards = np.array([np.sin(azimuth), height, 0.8 * np.cos(azimuth)])
        light = key, ambient, rng.uniform(120, 500) if kind == "sun" else np.inf, time == "dark"
        return cls(towards / np.linalg.norm(towards), *light, oklch(*zenith), oklch(*horizon))


def sky(rng: Rng, light: Light, bottom: float, top: float) -> Surface:
    """The sky as a distant wall with clouds, from the horizon to the zenith at heights in metres."""
    shift, cover, low = rng.uniform(0, 9), rng.uniform(-0.5, 0.9), light.horizon
    white = low * 0.8 if light.dark else 0.3 * low + 0.7 * np.array([1, 0.99, 0.97])

    def pattern(u, v, size):
        height = np.clip((v - bottom) / (top - bottom), 0, 1)[..., None] ** 0.7
        cloud = smooth_noise(u, 2.6 * v, 0.006, shift) + 0.5 * smooth_noise(u, 2.3 * v, 0.015, shift + 1)
        cloud = np.clip(0.9 * (cloud - 1.3 + cover), 0, 1)[..., None] * 0.85
        colour = low + (light.zenith - low) * height
        return colour + (white - colour) * cloud

    return Surface("-", np.ones(3), pattern, emission=1.0)


def shading(options: dict[str, str], shapes: list[np.ndarray], towards: np.ndarray) -> Callable | None:
    """How light falls on shapes, (N, 2) corners each, as a factor over in-plane coordinates; None if evenly.

    ``ball`` shades them like a ball, ``fade`` darkens them downwards, ``fold`` adds folds, ``edge`` darkens them near
    the sides of their bounding box, as in the corners of a room; 0 to 1 each.
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


class Canvas:
    """Colour and label maps of one picture, ``width`` x ``height`` pixels.

    ``zoom`` 2 shows a window of half the scene's width and height; ``centre`` is its position, as fractions.
    """

    def __init__(self, width: int, height: int, zoom: float = 1.0, centre=(0.5, 0.5)):
        self.width, self.height, self.zoom, self.centre = width, height, zoom, centre
        self.objects = 0  # painted so far
        self.colour = np.zeros((height * SCALE, width * SCALE, 3), np.float32)
        self.labels = {key: np.zeros((height, width), np.uint8) for key in ("object", "instance", "part", "material")}

    def look(self, eye: float, horizon: float, focal: float, light: Light, shift: float = 0.0) -> None:
        """Place camera (metres high) and light; horizon from the top, focal length and shift right in scene heights."""
        full = self.height * self.zoom  # height in pixels of the scene the window is cut from
        self.light, self.eye, self.focal = light, eye, focal * full
        self.cx = self.width * self.zoom * 0.5 + shift * full - self.width * (self.zoom - 1) * self.centre[0]
        self.cy = horizon * full - self.height * (self.zoom - 1) * self.centre[1]

    def project(self, plane: Plane, points: np.ndarray) -> np.ndarray:
        """Pixel coordinates (N, 2) of points (N, 2) in a plane."""
        place = dict(zip({"x": "zy", "y": "xz", "z": "xy"}[plane.axis], points.T, strict=True)) | {plane.axis: plane.at}
        right, down = place["x"] / place["z"], (self.eye - place["y"]) / place["z"]
        return np.stack(np.broadcast_arrays(self.cx + self.focal * right, self.cy + self.focal * down), 1)

    def unproject(self, plane: Plane, px: np.ndarray, py: np.ndarray) -> tuple[np.ndarray, ...]:
        """In-plane coordinates, depth and size of a pixel in metres for pixel coordinates px (1, w), py (h, 1).

        Each result has the smallest shape that broadcasts to (h, w): what varies along rows only is (1, w).
        """
        right, down = (px - self.cx) / self.focal, (py - self.cy) / self.focal
        if plane.axis == "z":
            z = np.full((1, 1), plane.at, np.float32)
            return right * z, self.eye - down * z, z, z / self.focal
        away, slope = (self.eye - plane.at, down) if plane.axis == "y" else (plane.at, right)
        z = away / np.where(np.abs(slope) < 1e-3, np.float32(np.copysign(1e-3, away)), slope)
        size = z * np.maximum(1, np.abs(z / away)) / self.focal
        return (right * z, z, z, size) if plane.axis == "y" else (z, self.eye - down * z, z, size)

    def _cover(self, plane: Plane, outlines: Sequence[np.ndarray], blur: float = 0.0):
        """Find samples that polygons touch, their coverage, the box of pixels, and which pixels are half covered."""
        corners = self.project(plane, np.concatenate(outlines))
        low, high = corners.min(0), corners.max(0)
        x0, y0 = np.maximum((low - 3 * blur - 0.5).astype(int), 0).tolist()
        x1, y1 = np.minimum((high + 3 * blur + 1.5).astype(int), (self.width, self.height)).tolist()
        if x0 >= x1 or y0 >= y1 or np.prod(high - low) < NEGLIGIBLE:
            return None
        fine = 1 if blur else FINE
        step = SCALE * fine
        mask = Image.new("L", ((x1 - x0) * step, (y1 - y0) * step))
        draw, start = ImageDraw.Draw(mask), 0
        # PIL fills whole samples; the half shift makes the outline run between them
        corners = np.clip((corners - (x0, y0)) * step - 0.5, -1e5, 1e5)
        for outline in outlines:
            draw.polygon(corners[start : start + len(outline)].ravel().tolist(), fill=255)
            start += len(outline)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(float(blur) * step))
        samples = slice(y0 * SCALE, y1 * SCALE), slice(x0 * SCALE, x1 * SCALE)
        half = np.asarray(mask.reduce(step)) >= 128
        return samples, np.asarray(mask.reduce(fine), np.float32)[..., None] / 255, (slice(y0, y1), slice(x0, x1)), half

    def paint(
        self, plane: Plane, outlines: Sequence[np.ndarray], surface: Surface, labels=("-", 0, "-"), modulate=None
    ) -> None:
        """Fill polygons of a plane, (N, 2) corners each in metres, with one surface.

        ``labels`` are the object's name and number and the part's name, ``modulate`` a factor on the colour as a
        function of the in-plane coordinates.
        """
        found = self._cover(plane, outlines)
        if found is None:
            return
        (rows, columns), alpha, box, inside = found
        numbers = OBJECTS.index(labels[0]), labels[1], PARTS.index(labels[2]), MATERIALS.index(surface.material)
        for layer, value in zip(self.labels.values(), numbers, strict=True):
            layer[box][inside] = value
        px = (np.arange(columns.start, columns.stop, dtype=np.float32)[None] + 0.5) / SCALE
        py = (np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5) / SCALE
        first, second, depth, size = self.unproject(plane, px, py)
        # ceilings are lit from the room below
        up = (0.0, 1.0, 0.0) if plane.at < self.eye else (0.0, 0.6, 0.4)
        normal = {"x": (-np.sign(plane.at), 0.0, 0.0), "y": up, "z": (0.0, 0.0, 1.0)}[plane.axis]
        light = self.light.ambient + self.light.key * max(0.0, float(np.dot(normal, self.light.towards)))
        tint = (1 - surface.emission) * light + surface.emission
        colour = surface.colour * tint if max(alpha.shape) <= TINY else surface(first, second, size, tint)
        if modulate is not None:
            colour = colour * modulate(first, second).astype(np.float32)[..., None]
        if surface.emission < 1 and np.isfinite(self.light.haze_depth):  # the sky shines through
            veil = 1 - np.exp(-np.maximum(depth, 0) / np.float32(self.light.haze_depth))[..., None]
            colour = colour + (0.92 * self.light.horizon - colour) * veil
        under = self.colour[rows, columns]
        under += alpha * (colour - under)

    def tint(self, plane: Plane, outlines: Sequence[np.ndarray], colour: Sequence[float], blur: float) -> None:
        """Multiply soft-edged patches by a colour: shadows, sunlight; blur in metres."""
        spread = min(blur * self.focal / max(plane.at if plane.axis == "z" else 6.0, 0.5), 12)
        found = self._cover(plane, outlines, spread)
        if found is not None:
            self.colour[found[0]] *= 1 + found[1] * (np.asarray(colour, np.float32) - 1)

    def glow(self, x: float, y: float, z: float, radius: float, strength: float) -> None:
        """Add a round halo of lamplight around a point in the world; radius in metres."""
        (centre,) = self.project(Plane("z", z), np.array([[x, y]]))
        rows, columns = np.ogrid[: self.height * SCALE, : self.width * SCALE]
        distance = np.hypot((columns + 0.5) / SCALE - centre[0], (rows + 0.5) / SCALE - centre[1])
        halo = strength * np.exp(-2.5 * (distance * z / radius / self.focal) ** 2).astype(np.float32)
        self.colour = 1 - (1 - self.colour) * (1 - np.clip(halo[..., None] * np.float32([1.0, 0.83, 0.52]), 0, 1))

    def picture(self, rng: Rng) -> np.ndarray:
        """The finished picture (height, width, 3) uint8: exposed and graded, with darker corners and sensor grain."""
        colour = self.colour.reshape(self.height, SCALE, self.width, SCALE, 3).mean((1, 3))
        bright = float(np.quantile(colour.max(-1), 0.97))
        colour = np.clip(colour * np.clip(0.95 / bright, 0.85, 1.15 if self.light.dark else 1.35), 0, 1)
        colour = 0.7 * colour + 0.3 * colour**2 * (3 - 2 * colour)  # a little more contrast
        grey = colour.mean(-1, keepdims=True)
        y, x = np.ogrid[-1 : 1 : self.height * 1j, -1 : 1 : self.width * 1j]
        colour = (grey + 1.14 * (colour - grey)) * (1 - 0.06 * (x**2 + y**2))[..., None]
        colour = colour + 0.008 * rng.standard_normal(colour.shape, np.float32)
        return np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)
