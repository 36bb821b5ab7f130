"""A painter's canvas for labelled scenes: flat shapes in a world in metres, seen by one pinhole camera.

Scenes are painted from far to near. Every stroke carries its labels with it, so that the label maps show exactly
what is visible. Colours are supersampled; a pixel's labels are those of the last shape that covers half of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dgmlib.broden.mini.materials import Surface
from dgmlib.broden.mini.names import MATERIALS, OBJECTS, PARTS
from dgmlib.broden.mini.shapes import ellipse, rectangle

SCALE = 2  # colour samples per pixel and axis
FINE = 2  # mask samples per colour sample and axis
NEGLIGIBLE = 0.05  # pixels: bounding boxes below are left out
TINY = 6  # colour samples: shapes up to this size show no pattern


@dataclass(frozen=True)
class Plane:
    """A plane square to one axis: ``x`` (side walls), ``y`` (floors, tops) or ``z`` (facing the camera).

    Points in it are given as (z, height), (x, z) and (x, height); all in metres, x to the right, z ahead.
    """

    axis: str
    at: float


@dataclass(frozen=True)
class Light:
    """Sun or lamp light: where it comes from, its colours, and the haze far things fade into."""

    towards: tuple[float, float, float]  # unit vector to the light: x right, y up, z towards the viewer
    key: np.ndarray
    ambient: np.ndarray
    haze: np.ndarray
    haze_depth: float  # metres at which haze covers 63 %, infinite for none
    dark: bool = False  # windows and lamps are lit

    def on(self, normal: tuple[float, float, float]) -> np.ndarray:
        """Colour by which a matt face with this normal is multiplied."""
        return self.ambient + self.key * max(0.0, float(np.dot(normal, self.towards)))


class Canvas:
    """Colour and label maps of one picture.

    Args:
        width, height: size of the finished picture in pixels.
        zoom: 1 shows the whole scene; 2 shows a window of half its width and height.
        centre: where in the scene that window lies, as fractions (0.5, 0.5 = the middle).
        labels_only: leave the colours out, which is several times faster.
    """

    def __init__(
        self,
        width: int,
        height: int,
        zoom: float = 1.0,
        centre: tuple[float, float] = (0.5, 0.5),
        labels_only: bool = False,
    ):
        self.width, self.height, self.zoom, self.centre = width, height, zoom, centre
        self.labels_only = labels_only
        self.colour = np.zeros((height * SCALE, width * SCALE, 3), np.float32)
        self.labels = {key: np.zeros((height, width), np.uint8) for key in ("object", "part", "material", "instance")}
        self.instances = 0
        self.waiting: list[tuple] = []

    def look(self, eye: float, horizon: float, focal: float, light: Light, shift: float = 0.0) -> None:
        """Place the camera and the light.

        Args:
            eye: height of the camera in metres.
            horizon: its place as a fraction of the scene's height, from the top.
            focal: focal length in heights of the scene.
            light: of all that is painted from now on.
            shift: how far right of the middle the vanishing point lies, in heights of the scene.
        """
        self.light = light
        full = self.height * self.zoom  # height in pixels of the scene the window is cut from
        self.eye, self.focal = eye, focal * full
        left = (self.width * self.zoom - self.width) * self.centre[0]
        top = (full - self.height) * self.centre[1]
        self.cx = self.width * self.zoom / 2 + shift * full - left
        self.cy = horizon * full - top

    def project(self, plane: Plane, points: np.ndarray) -> np.ndarray:
        """Pixel coordinates (N, 2) of points (N, 2) in a plane."""
        first, second = points[:, 0], points[:, 1]
        x, y, z = {"x": (plane.at, second, first), "y": (first, plane.at, second), "z": (first, second, plane.at)}[
            plane.axis
        ]
        pixels = np.empty((len(points), 2))
        pixels[:, 0] = self.cx + self.focal * x / z
        pixels[:, 1] = self.cy + self.focal * (self.eye - y) / z
        return pixels

    def unproject(self, plane: Plane, px: np.ndarray, py: np.ndarray):
        """In-plane coordinates, depth and size of a pixel in metres for pixel coordinates px (1, w), py (h, 1).

        Each result has the least shape that broadcasts to (h, w): what varies along rows only is (1, w).
        """
        right, down = (px - self.cx) / self.focal, (py - self.cy) / self.focal
        if plane.axis == "z":
            z = np.full((1, 1), plane.at, np.float32)
            return right * z, self.eye - down * z, z, z / self.focal
        if plane.axis == "y":
            drop = self.eye - plane.at
            z = drop / np.where(np.abs(down) < 1e-3, np.float32(np.copysign(1e-3, drop)), down)
            return right * z, z, z, z * np.maximum(1, np.abs(z / drop)) / self.focal
        z = plane.at / np.where(np.abs(right) < 1e-3, np.float32(np.copysign(1e-3, plane.at)), right)
        return z, self.eye - down * z, z, z * np.maximum(1, np.abs(z / plane.at)) / self.focal

    def add(self, name: str) -> "Thing":
        """Begin a new object of this name ("-" for things without a label)."""
        self.instances += name != "-"
        return Thing(self, name, self.instances if name != "-" else 0)

    def _cover(self, outlines: list[np.ndarray], blur: float = 0.0):
        """Box of pixels that polygons touch, their coverage of its colour samples, and the pixels half covered."""
        corners = np.concatenate(outlines)
        low, high = corners.min(0), corners.max(0)
        margin = 3 * blur + 0.5
        x0, y0 = max(int(low[0] - margin), 0), max(int(low[1] - margin), 0)
        x1, y1 = min(int(high[0] + margin) + 1, self.width), min(int(high[1] + margin) + 1, self.height)
        if x0 >= x1 or y0 >= y1 or np.prod(high - low) < NEGLIGIBLE:
            return None
        fine = 1 if blur else FINE
        step = SCALE * fine
        mask = Image.new("L", ((x1 - x0) * step, (y1 - y0) * step))
        draw = ImageDraw.Draw(mask)
        for outline in outlines:
            # PIL fills whole samples; the half shift makes the outline run between them
            corners = np.clip((outline - (x0, y0)) * step - 0.5, -1e5, 1e5)
            draw.polygon(corners.ravel().tolist(), fill=255)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(float(blur) * step))
        coverage = np.asarray(mask.reduce(fine), np.float32) / 255
        return (slice(y0, y1), slice(x0, x1)), coverage, np.asarray(mask.reduce(step)) >= 128

    def window(self, box: tuple[slice, slice]) -> tuple[slice, slice]:
        """The part of the supersampled colour map under a box of pixels."""
        return tuple(slice(s.start * SCALE, s.stop * SCALE) for s in box)

    def facing(self, plane: Plane) -> tuple[float, float, float]:
        """Normal of the side of a plane that the camera sees."""
        if plane.axis == "x":
            return (-1.0 if plane.at > 0 else 1.0, 0.0, 0.0)
        if plane.axis == "y":
            return (0.0, 1.0 if plane.at < self.eye else -1.0, 0.0)
        return (0.0, 0.0, 1.0)

    def later(self, z: float, draw: Callable, *arguments, **options) -> None:
        """Put off ``draw(canvas, *arguments)`` until `finish`, which goes from far to near."""
        self.waiting.append((z, draw, arguments, options))

    def finish(self) -> None:
        """Draw everything that was put off, from far to near."""
        for _, draw, arguments, options in sorted(self.waiting, key=lambda item: -item[0]):
            draw(self, *arguments, **options)
        self.waiting.clear()

    def tint(self, plane: Plane, outline: np.ndarray, colour: Sequence[float], blur: float = 0.0) -> None:
        """Multiply a soft-edged patch by a colour: a shadow, a patch of sunlight; blur in metres."""
        if self.labels_only:
            return
        spread = blur * self.focal / max(plane.at if plane.axis == "z" else 6.0, 0.5)
        found = self._cover([self.project(plane, outline)], min(spread, 12))
        if found is not None:
            box, alpha, _ = found
            self.colour[self.window(box)] *= 1 + alpha[..., None] * (np.asarray(colour, np.float32) - 1)

    def shade(self, plane: Plane, outline: np.ndarray, strength: float, blur: float = 0.0) -> None:
        """Darken a soft patch; blur in metres."""
        self.tint(plane, outline, (1 - strength) * np.array([0.80, 0.84, 0.90]) + 0.04, blur)

    def glow(self, x: float, y: float, z: float, radius: float, colour: Sequence[float], strength: float) -> None:
        """Add a round halo of light around a point in the world; radius in metres."""
        if self.labels_only:
            return
        (centre,) = self.project(Plane("z", z), np.array([[x, y]]))
        rows = (np.arange(self.height * SCALE, dtype=np.float32)[:, None] + 0.5) / SCALE - centre[1]
        columns = (np.arange(self.width * SCALE, dtype=np.float32) + 0.5) / SCALE - centre[0]
        distance = (rows**2 + columns**2) / (radius * self.focal / z) ** 2
        halo = strength * np.exp(-2.5 * distance)[..., None] * np.asarray(colour, np.float32)
        self.colour = 1 - (1 - self.colour) * (1 - np.clip(halo, 0, 1))

    def picture(self, rng: np.random.Generator, grain: float = 0.008) -> np.ndarray:
        """The finished picture (height, width, 3) uint8: exposed and graded, with soft corners and a sensor's grain."""
        colour = self.colour.reshape(self.height, SCALE, self.width, SCALE, 3).mean((1, 3))
        bright = float(np.quantile(colour.max(-1), 0.97))
        colour = np.clip(colour * np.clip(0.95 / bright, 0.85, 1.15 if self.light.dark else 1.35), 0, 1)
        colour = 0.7 * colour + 0.3 * colour**2 * (3 - 2 * colour)  # a little more contrast
        grey = colour.mean(-1, keepdims=True)
        colour = grey + 1.14 * (colour - grey)
        rows = np.linspace(-1, 1, self.height, dtype=np.float32)[:, None, None]
        columns = np.linspace(-1, 1, self.width, dtype=np.float32)[None, :, None]
        colour = colour * (1 - 0.06 * (rows**2 + columns**2))
        colour = colour + grain * rng.standard_normal(colour.shape, np.float32)
        return np.rint(np.clip(colour, 0, 1) * 255).astype(np.uint8)


class Thing:
    """One object of a picture; everything painted through it carries its name and number."""

    def __init__(self, canvas: Canvas, name: str, number: int):
        self.canvas, self.name, self.number = canvas, name, number

    def paint(
        self,
        plane: Plane,
        outline: np.ndarray | list[np.ndarray],
        surface: Surface,
        part: str = "-",
        round: float = 0.0,
        modulate: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
        normal: tuple[float, float, float] | None = None,
        opacity: float = 1.0,
        haze: bool = True,
    ) -> None:
        """Fill a polygon of a plane, or several with one surface.

        Args:
            plane: where the polygon lies.
            outline: (N, 2) its corners in the plane's coordinates, metres, or a list of such.
            surface: what it is made of.
            part: name of the part it belongs to ("-" for none).
            round: 0 for a flat shape, 1 for one shaded like a ball.
            modulate: factor on the colour as a function of the in-plane coordinates.
            normal: direction the face looks in; by default the one that shows it to the camera.
            opacity: 1 covers what was there.
            haze: whether the air between dims it.
        """
        canvas = self.canvas
        outlines = outline if isinstance(outline, list) else [outline]
        found = canvas._cover([canvas.project(plane, one) for one in outlines])
        if found is None:
            return
        box, alpha, inside = found
        if not canvas.labels_only:
            rows, columns = box
            px = (np.arange(columns.start * SCALE, columns.stop * SCALE, dtype=np.float32)[None] + 0.5) / SCALE
            py = (np.arange(rows.start * SCALE, rows.stop * SCALE, dtype=np.float32)[:, None] + 0.5) / SCALE
            first, second, depth, size = canvas.unproject(plane, px, py)
            tint = (1 - surface.emission) * canvas.light.on(normal or canvas.facing(plane)) + surface.emission
            tiny = max(alpha.shape) <= TINY
            colour = surface.colour * tint if tiny else surface(first, second, size, tint)
            if round:
                colour = colour * self._roundness(np.concatenate(outlines), first, second, round)
            if modulate is not None:
                colour = colour * modulate(first, second).astype(np.float32)[..., None]
            if haze and np.isfinite(canvas.light.haze_depth):
                veil = 1 - np.exp(-np.maximum(depth, 0) / np.float32(canvas.light.haze_depth))[..., None]
                colour = colour + (canvas.light.haze - colour) * veil
            under = canvas.colour[canvas.window(box)]
            under += (np.float32(opacity) * alpha)[..., None] * (colour - under)
        if opacity >= 0.5:
            labels = canvas.labels
            labels["object"][box][inside] = OBJECTS.index(self.name)
            labels["part"][box][inside] = PARTS.index(part)
            labels["material"][box][inside] = MATERIALS.index(surface.material)
            labels["instance"][box][inside] = self.number

    def _roundness(self, corners: np.ndarray, first: np.ndarray, second: np.ndarray, amount: float) -> np.ndarray:
        """Factor on the colour that makes a flat shape look like a ball in the light."""
        low, high = corners.min(0), corners.max(0)
        across = (2 * first - low[0] - high[0]) / (high[0] - low[0] + 1e-6)
        along = (2 * second - low[1] - high[1]) / (high[1] - low[1] + 1e-6)
        right, up, _ = self.canvas.light.towards
        lit = across * (0.30 * right - 0.12 * across) + along * (0.30 * up - 0.12 * along)
        return (1 + np.float32(amount) * lit)[..., None]

    def front(
        self, z: float, outline: np.ndarray | list[np.ndarray], surface: Surface, part: str = "-", **options
    ) -> None:
        """Fill a polygon that faces the camera at depth z."""
        self.paint(Plane("z", z), outline, surface, part, **options)

    def box(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        surface: Surface,
        part: str = "-",
        **options,
    ) -> None:
        """Paint the visible faces of a box given by its extents, lower value first."""
        z0, z1 = max(z[0], 0.4), max(z[1], 0.41)
        if y[1] < self.canvas.eye:
            self.paint(Plane("y", y[1]), rectangle(x, (z0, z1)), surface, part, **options)
        if y[0] > self.canvas.eye:
            self.paint(Plane("y", y[0]), rectangle(x, (z0, z1)), surface, part, **options)
        if x[0] > 0:
            self.paint(Plane("x", x[0]), rectangle((z0, z1), y), surface, part, **options)
        if x[1] < 0:
            self.paint(Plane("x", x[1]), rectangle((z0, z1), y), surface, part, **options)
        self.front(z0, rectangle(x, y), surface, part, **options)

    def ground_shadow(self, x: float, z: float, width: float, depth: float, strength: float = 0.45) -> None:
        """Soft contact shadow on the ground, leaning away from the light."""
        lean = -self.canvas.light.towards[0]
        outline = ellipse((x + lean * width * 0.35, z), width * 0.62, depth)
        outline[:, 1] = np.maximum(outline[:, 1], 0.5)
        self.canvas.shade(Plane("y", 0.0), outline, strength, blur=0.12 * width)
