"""Outlines of shapes, and the artist that executes the descriptions of `tables`; `notation` explains their syntax."""

from collections import namedtuple
from collections.abc import Sequence

import numpy as np

from dgmlib.mini.canvas import Canvas, Light, Plane, shading, sky
from dgmlib.mini.materials import Surface, motif, surface
from dgmlib.mini.notation import Rng, Step, number, read
from dgmlib.mini.tables import SCENES, THINGS

BOOK = read(THINGS) | read(SCENES)
PAINTS = {name: recipe for step in BOOK["paints"].steps for name, recipe, _ in step.words}
PRINTS = ("banded", "chequered", "grid", "polka-dotted", "zigzagged")
SHADES = {"shade": (0.50, 0.52, 0.56), "sun": (1.32, 1.26, 1.1)}  # factors on the colours beneath
Pair = tuple[float, float]


def _circle(corners: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def rectangle(x: Pair, y: Pair) -> np.ndarray:
    """An upright rectangle between two x and two y."""
    return np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], float)


def ellipse(centre: Pair, radii: Pair, corners: float = 28) -> np.ndarray:
    """An ellipse or, with few corners, a polygon in it."""
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
    """The area under a line of hills between two x: up from y[0] to y[1], uneven by a share; ``sharp`` makes peaks.

    The same ``seed`` gives the same line at any height; ``cut`` keeps only what lies above that height.
    """
    along, wave = np.linspace(-1, 1, 110), np.array([[1.5], [3.3], [7.0], [14.0], [28.0]])
    rng = np.random.default_rng(int(seed)) if seed else rng
    t = along * wave * 2 + rng.uniform(0, 9, (5, 1))
    line = (2 * np.abs(t % 2 - 1) - 1 if sharp else np.sin(np.pi * t)) / wave**0.9 * rng.uniform(0.5, 1, (5, 1))
    line = y[0] + (y[1] - y[0]) * (1 - rough / 2 + rough / 2 * line.sum(0) / np.abs(line.sum(0)).max())
    foot = np.clip(cut + 0.1 * (y[1] - cut) * np.sin(50 * along), y[0], line)
    along = (x[0] + x[1]) / 2 + along * (x[1] - x[0]) / 2
    return np.concatenate([np.stack([along, line], 1), np.stack([along, foot], 1)[::-1]])


#: Verbs that fill an outline, (N, 2) corners in metres.
OUTLINES = {
    "rect": rectangle, "round": rounded, "oval": ellipse, "limb": capsule, "puff": blob, "ridge": ridge,
    "poly": lambda *points: np.array(points),
}  # fmt: skip
#: Position of a thing: the middle of its front edge on the ground, sizes in metres, -1 if it is mirrored.
Frame = namedtuple("Frame", "x y z w h d flip", defaults=[1.0])
#: An area of a plane: the middle of its lower edge, sizes in metres, -1 if it is mirrored.
Face = namedtuple("Face", "plane u v w h flip", defaults=[1.0])


def paint_scene(name: str, canvas: Canvas, rng: Rng, subject: str = "") -> None:
    """Paint a scene on an empty canvas, from far to near; a subject, "NAMES x z" as for ``put``, is shown close up."""
    sizes = [number(size, rng) for size in BOOK[name].sizes]
    scene = Artist(name, canvas, rng, Frame(0, 0, 0, *(sizes * 3)[:3]), flags=["close"] if subject else [])
    scene.follow()
    if subject:
        scene._do("put", *subject.split())
    for artist in sorted(scene.later, key=lambda artist: -(artist.where.z + artist.where.d)):
        artist.follow()


class Artist:
    """Draws one thing in its frame, or one detail in many cells of a size; inherits its parent's paints and lengths."""

    def __init__(self, name: str, canvas: Canvas, rng: Rng, where: Frame | list[Face], parent=None, flags=()):
        self.name, self.canvas, self.rng, self.where, self.flags = name, canvas, rng, where, set(flags)
        self.later: list[Artist] = parent.later if parent else []  # things that a scene has ``put``
        self.paints, self.object = (dict(parent.paints), parent.object) if parent else ({}, ("-", 0))
        sizes = where if isinstance(where, Frame) else where[0]
        self.units = (parent.units if parent else {"m": 1.0}) | {"w": sizes.w, "h": sizes.h}
        if isinstance(where, Frame):
            self.units |= {"d": where.d, "z": where.z, "hue": rng.uniform(0, 360)}

    def follow(self) -> None:
        """Execute the description of this name."""
        if BOOK[self.name].label != "^":
            self._do("object", BOOK[self.name].label)
        self._do("with", self.name)

    def _take(self, step: Step) -> None:
        options = ({"ball": ".9"} if step.verb in ("limb", "puff") else {}) | step.options
        chance, times = float(options.pop("p", 1)), int(number(options.pop("n", "1"), self.rng))
        stroke = step.verb in OUTLINES
        # outlines of one step are painted at once, unless each has its own light or brightness
        together = stroke and "ball" not in options and "~" not in options.get("tone", "")
        for words in [step.words] * times if together else step.words * times:
            if chance < 1 and self.rng.random() >= chance:
                continue
            if stroke:
                self._outline(step.verb, words if together else [words], options)
            else:
                self._do(step.verb, *words, **options)

    def _do(self, verb: str, *words: str, **options: str) -> None:
        match verb:
            case "object":
                self.canvas.objects += words[0] != "-"
                self.object = (words[0], self.canvas.objects if words[0] != "-" else 0)
            case "with":
                for step in BOOK[words[0]].steps:
                    if all((flag.lstrip("-") in self.flags) != (flag[0] == "-") for flag in step.flags):
                        self._take(step)
            case "either" if not self.flags & set(words):
                self.flags.add(words[self.rng.integers(len(words))])
            case "maybe" if self.rng.random() < float(words[1]) or words[-1] in self.flags:
                self.flags.add(words[0])
            case "let":
                for name, text in zip(words[::2], words[1::2], strict=True):
                    self.units[name] = self._number(text, self.where.w)
            case "=" if not (words[2] and words[0] in self.paints):
                self.paints[words[0]] = self._surface(words[1])
            case "mirror":
                self.where = self.where._replace(flip=self.where.flip * self.rng.choice([-1.0, 1.0]))
            case "draw":
                self._hire(*words, **options).follow()
            case "put":
                self.later.append(self._hire(*words, **options))
            case "cells" | "box" | "shadow" | "glow" | "camera":
                getattr(self, f"_{verb}")(*words, **options)

    def _number(self, text: str, size: float = 1.0) -> float:
        self.units[""] = size
        return number(text, self.rng, self.units)

    def _values(self, words: Sequence[str], sizes: Sequence[float]) -> list:
        """Evaluate extents (the first as a share of the first size, and so on), points, and plain numbers."""
        found, along = [], iter(sizes)
        for word in words:
            if ":" in word:
                size = next(along)
                found.append(sorted(self._number(end, size) for end in word.split(":")))
            elif "," in word:
                found.append([self._number(part, size) for part, size in zip(word.split(","), sizes, strict=False)])
            else:
                found.append(self._number(word))
        return found

    def _surface(self, recipe: str) -> Surface:
        """Mix one of the materials separated by " / ": a named paint, one of `PAINTS`, or a new one."""
        if recipe in self.paints:
            return self.paints[recipe]
        choices = recipe.split(" / ")
        name, *words = choices[self.rng.integers(len(choices))].split()
        options = {key: number(value, self.rng) for key, value in (word.split("=") for word in words if "=" in word)}
        if name in self.paints or name in PAINTS:
            found = self._surface(PAINTS.get(name, name))
        else:
            colour = [self._number(word) for word in words if "=" not in word]
            found = surface(name, self.rng, *colour, emission=options.get("lit", 0))
        if self.rng.random() < options.get("print", 0):
            period, turn = options["period"] * self.rng.uniform(0.7, 1.5), self.rng.choice([0, 0, np.pi / 4])
            figure, weave = motif(str(self.rng.choice(PRINTS)), self.rng, period, turn), found.pattern
            found = found._replace(colour=np.ones(3), pattern=lambda *at: weave(*at)[..., None] * figure(*at))
        return found._replace(colour=found.colour * options["tone"]) if "tone" in options else found

    def _hire(self, names: str, x: str, z: str, y: str = "0", **options: str) -> "Artist":
        """Create the artist of one of the things in its frame; an extent instead of a place also sets its size."""
        name, f, at = str(self.rng.choice(names.split("|"))), self.where, {}
        sizes = [number(size, self.rng) for size in BOOK[name].sizes] * 3
        size = {key: self._number(options[key]) if key in options else sizes[i] for i, key in enumerate("whd")}
        for axis, key, text in (("z", "d", z), ("y", "h", y), ("x", "w", x)):
            ends = sorted(self._number(end, getattr(f, key)) for end in text.split(":"))
            size[key] = ends[1] - ends[0] if len(ends) == 2 else size[key]
            at[axis] = sum(ends) / len(ends) if axis == "x" else getattr(f, axis) + ends[0]
            self.units["z"] = at["z"]
        self.units["z"] = f.z
        flags = self.flags if BOOK[name].label == "^" else self.flags & {"dark"}
        flags = flags | {str(self.rng.choice(flag.split("|"))) for key, flag in options.items() if key == "as"}
        spot = Frame(f.x + f.flip * at["x"], at["y"], max(at["z"], 0.4), *size.values(), f.flip)
        return Artist(name, self.canvas, self.rng, spot, self, flags)

    def _cells(self, names: str, x: str = "-.5:.5", y: str = "0:1", size: str = "1,1", **options: str) -> None:
        cells: dict[str, list[Face]] = {name: [] for name in names.split("|")}
        for face in self._faces(options):
            (left, right), (low, high), about = self._values((x, y, size), (face.w, face.h))
            columns, rows = max(1, round((right - left) / about[0])), max(1, round((high - low) / about[1]))
            w, h = (right - left) / columns, (high - low) / rows
            for i, j in np.ndindex(columns, rows):
                u, v = face.u + face.flip * (left + (i + 0.5) * w), face.v + low + j * h
                cells[str(self.rng.choice(names.split("|")))].append(Face(face.plane, u, v, w, h, face.flip))
        for name, chosen in cells.items():
            if chosen:
                Artist(name, self.canvas, self.rng, chosen, self, self.flags).follow()

    def _faces(self, options: dict[str, str]) -> list[Face]:
        """Find the faces for an outline: the front of the frame, its ground, its flank, or some of the cells."""
        f, some, on = self.where, float(options.get("some", 1)), options.get("on")
        if isinstance(f, list):
            return [face for face in f if some == 1 or self.rng.random() < some]
        y, z = f.y + self._number(options.get("up", "0"), f.h), f.z + self._number(options.get("z", "0"), f.d)
        if on != "x":
            place = (Plane("y", y), f.x, z, f.w, f.d) if on else (Plane("z", max(z, 0.3)), f.x, y, f.w, f.h)
            return [Face(*place, f.flip)]
        flank = max(f.x - f.w / 2, 0) + min(f.x + f.w / 2, 0)  # towards the middle of the picture; 0 if it is hidden
        if "at" in options:
            flank = f.x + f.flip * self._number(options["at"], f.w)
        return [Face(Plane("x", flank), f.z, f.y, f.d, f.h)] if flank else []

    def _outline(self, verb: str, repeats: list[tuple[str, ...]], options: dict[str, str]) -> None:
        shapes, chance = [], [self.rng] if verb in ("puff", "ridge") else []
        if faces := self._faces(options):
            for _, *words in repeats:
                shape = OUTLINES[verb](*chance, *self._values(words or ("-.5:.5", "0:1"), (faces[0].w, faces[0].h)))
                shapes += [shape * (face.flip, 1) + (face.u, face.v) for face in faces]
            self._fill(faces[0].plane, shapes, repeats[0][0], options)

    def _fill(self, plane: Plane, shapes: list[np.ndarray], paint: str, options: dict[str, str]) -> None:
        name, _, part = paint.partition(":")
        if name in SHADES:
            self.canvas.tint(plane, shapes, SHADES[name], self._number(options.get("blur", ".05m")))
            return
        found = self._surface(f"{name} tone={options['tone']}" if "tone" in options else name)
        labels = (*self.object, part.replace("_", " ") or "-")
        self.canvas.paint(plane, shapes, found, labels, shading(options, shapes, self.canvas.light.towards))

    def _box(self, paint: str, x: str = "-.5:.5", y: str = "0:1", z: str = "0:1", **options: str) -> None:
        f, eye = self.where, self.canvas.eye
        xs, ys, zs = np.array(self._values((x, y, z), (f.w, f.h, f.d)))
        xs, ys, zs = sorted(f.x + f.flip * xs), f.y + ys, np.maximum(f.z + zs, (0.4, 0.41))
        shapes = {"x": (zs, ys), "y": (xs, zs), "z": (xs, ys)}
        sides = [("y", ys[1], ys[1] < eye), ("y", ys[0], ys[0] > eye), ("x", xs[0], xs[0] > 0), ("x", xs[1], xs[1] < 0)]
        for axis, at, seen in (*sides, ("z", zs[0], True)):
            if seen:
                self._fill(Plane(axis, at), [rectangle(*shapes[axis])], paint, options)

    def _shadow(self, rx: str, rz: str) -> None:
        f, wide, deep = self.where, self._number(rx, self.where.w), self._number(rz, self.where.d)
        shape = ellipse((f.x - 0.35 * self.canvas.light.towards[0] * wide, f.z + f.d / 2), (wide, deep))
        self.canvas.tint(Plane("y", f.y), [np.maximum(shape, (-np.inf, 0.5))], SHADES["shade"], 0.2 * wide)

    def _glow(self, *words: str) -> None:
        f = self.where
        (x, y), radius, strength = self._values(words, (f.w, f.h))
        self.canvas.glow(f.x + f.flip * x, f.y + y, f.z, radius, strength)

    def _camera(self, kind: str, *numbers: str) -> None:
        canvas, rng, far, light = self.canvas, self.rng, 400.0, Light.drawn(kind, self.rng)
        numbers = (".9~1.3", ".4~.5", "1.2~1.4") if "close" in self.flags else numbers
        canvas.look(*self._values(numbers, ()), light, rng.uniform(-0.15, 0.15))
        self.flags |= {"dark"} if light.dark else set()
        if kind == "sun":
            self._do("object", "sky")
            air = sky(rng, light, canvas.eye, canvas.eye + far * canvas.cy / canvas.focal)
            wall = rectangle((-3 * far, 3 * far), (-50, 3 * far))
            canvas.paint(Plane("z", far), [wall], air, (*self.object, "-"))
            if light.horizon[0] > light.horizon[2] and rng.random() < 0.6:  # the sun is low
                canvas.glow(rng.uniform(-150, 150), rng.uniform(15, 70), far, 130, 0.55)
