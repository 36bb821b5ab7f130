"""The artist who follows the descriptions of `things` and `scenes`; `notation` explains their words."""

from collections import namedtuple
from collections.abc import Sequence

import numpy as np

from dgmlib.mini import outlines
from dgmlib.mini.canvas import Canvas, Light, Plane, shading, sky
from dgmlib.mini.materials import Surface, surface
from dgmlib.mini.notation import Rng, Step, number, read
from dgmlib.mini.tables import SCENES, THINGS
from dgmlib.mini.textures import motif

BOOK = read(THINGS) | read(SCENES)
PAINTS = {name: recipe for step in BOOK["paints"].steps for name, recipe, _ in step.words}
PRINTS = ("banded", "chequered", "grid", "polka-dotted", "zigzagged")
SHADES = {"shade": (0.50, 0.52, 0.56), "sun": (1.32, 1.26, 1.1)}  # multiply what is there

OUTLINES = {
    "rect": outlines.rectangle, "round": outlines.rounded, "oval": outlines.ellipse, "limb": outlines.capsule,
    "poly": lambda *points: np.array(points), "puff": outlines.blob, "ridge": outlines.ridge,
}  # fmt: skip
#: Where a thing stands: the middle of its front edge on the ground, sizes in metres, -1 where it is mirrored.
Frame = namedtuple("Frame", "x y z w h d flip", defaults=[1.0])
#: An area of a plane: the foot of its middle, sizes in metres, -1 where it is mirrored.
Face = namedtuple("Face", "plane u v w h flip", defaults=[1.0])


def paint_scene(name: str, canvas: Canvas, rng: Rng, subject: str = "") -> None:
    """Paint a scene on an empty canvas: at once what it draws, then from far to near what it puts, and a subject."""
    sizes = [number(size, rng) for size in BOOK[name].sizes]
    scene = Artist(canvas, rng, Frame(0, 0, 0, *(sizes * 3)[:3]))
    scene.follow(name)
    if subject:
        scene.follow(subject)
    for _, artist, thing in sorted(scene.later, key=lambda item: -item[0]):
        artist.follow(thing)


class Artist:
    """Draws one thing in its frame, or one detail in many cells of a size; knows its parent's paints and lengths."""

    def __init__(self, canvas: Canvas, rng: Rng, where: Frame | list[Face], parent: "Artist | None" = None, flags=()):
        self.canvas, self.rng, self.where, self.flags = canvas, rng, where, set(flags)
        self.later: list[tuple[float, Artist, str]] = parent.later if parent else []  # what a scene puts: how far away
        self.paints, self.object = (dict(parent.paints), parent.object) if parent else ({}, ("-", 0))
        sizes = where if isinstance(where, Frame) else where[0]
        self.units = (parent.units if parent else {"m": 1.0}) | {"w": sizes.w, "h": sizes.h}
        if isinstance(where, Frame):
            self.units |= {"d": where.d, "z": where.z, "hue": rng.uniform(0, 360)}

    def follow(self, name: str) -> None:
        """Draw a description."""
        if BOOK[name].label != "^":
            self._object(BOOK[name].label)
        self._with(name)

    def _with(self, name: str) -> None:
        for step in BOOK[name].steps:
            if all((flag[1:] not in self.flags) if flag[0] == "-" else flag in self.flags for flag in step.flags):
                self._take(step)

    def _take(self, step: Step) -> None:
        options = dict(step.options)
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
                VERBS[step.verb](self, *words, **options)

    def _number(self, text: str, size: float = 1.0) -> float:
        self.units[""] = size
        return number(text, self.rng, self.units)

    def _values(self, words: Sequence[str], sizes: Sequence[float]) -> list:
        """Evaluate extents, whose first is a share of the first size and so on, points, and plain numbers."""
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

    def _object(self, name: str) -> None:
        self.canvas.objects += name != "-"
        self.object = (name, self.canvas.objects if name != "-" else 0)

    def _either(self, *flags: str) -> None:
        if not self.flags & set(flags):
            self.flags.add(flags[self.rng.integers(len(flags))])

    def _maybe(self, flag: str, chance: str, always: str = "") -> None:
        if self.rng.random() < float(chance) or always in self.flags:
            self.flags.add(flag)

    def _let(self, *pairs: str) -> None:
        for name, text in zip(pairs[::2], pairs[1::2], strict=True):
            self.units[name] = self._number(text, self.where.w)

    def _mix(self, name: str, recipe: str, inherit: str = "") -> None:
        if not (inherit and name in self.paints):
            self.paints[name] = self._surface(recipe)

    def _surface(self, recipe: str) -> Surface:
        """Mix one of the materials that " / " divides: a paint that has a name, one of `PAINTS`, or a new one."""
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

    def _mirror(self) -> None:
        self.where = self.where._replace(flip=self.where.flip * self.rng.choice([-1.0, 1.0]))

    def _draw(self, *words: str, **options: str) -> None:
        name, artist = self._hire(*words, **options)
        artist.follow(name)

    def _put(self, *words: str, **options: str) -> None:
        name, artist = self._hire(*words, **options)
        self.later.append((artist.where.z + artist.where.d, artist, name))

    def _hire(self, names: str, x: str, z: str, y: str = "0", **options: str) -> tuple[str, "Artist"]:
        """Find one of the things its frame; an extent instead of a place decides its size too."""
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
        return name, Artist(self.canvas, self.rng, spot, self, flags)

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
                Artist(self.canvas, self.rng, chosen, self, self.flags).follow(name)

    def _faces(self, options: dict[str, str]) -> list[Face]:
        """Where an outline is drawn: the front of the frame, its ground, its flank, or some of the cells."""
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
                values = self._values(words or ("-.5:.5", "0:1"), (faces[0].w, faces[0].h))
                shape = OUTLINES[verb](*chance, *values)
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
        xs, ys, zs = self._values((x, y, z), (f.w, f.h, f.d))
        xs, ys, zs = (
            sorted(f.x + f.flip * np.array(xs)),
            f.y + np.array(ys),
            np.maximum(f.z + np.array(zs), (0.4, 0.41)),
        )
        shapes = {"x": (zs, ys), "y": (xs, zs), "z": (xs, ys)}
        sides = [("y", ys[1], ys[1] < eye), ("y", ys[0], ys[0] > eye), ("x", xs[0], xs[0] > 0), ("x", xs[1], xs[1] < 0)]
        for axis, at, seen in (*sides, ("z", zs[0], True)):
            if seen:
                self._fill(Plane(axis, at), [outlines.rectangle(*shapes[axis])], paint, options)

    def _shadow(self, rx: str, rz: str) -> None:
        f, wide, deep = self.where, self._number(rx, self.where.w), self._number(rz, self.where.d)
        shape = outlines.ellipse((f.x - 0.35 * self.canvas.light.towards[0] * wide, f.z + f.d / 2), (wide, deep))
        self.canvas.tint(Plane("y", f.y), [np.maximum(shape, (-np.inf, 0.5))], SHADES["shade"], 0.2 * wide)

    def _glow(self, *words: str) -> None:
        f = self.where
        (x, y), radius, strength = self._values(words, (f.w, f.h))
        self.canvas.glow(f.x + f.flip * x, f.y + y, f.z, radius, strength)

    def _camera(self, kind: str, *numbers: str) -> None:
        canvas, rng, far = self.canvas, self.rng, 400.0
        light = Light.drawn(kind, rng)
        canvas.look(*self._values(numbers, ()), light, rng.uniform(-0.15, 0.15))
        self.flags |= {"dark"} if light.dark else set()
        if kind == "sun":
            self._object("sky")
            air = sky(rng, light, canvas.eye, canvas.eye + far * canvas.cy / canvas.focal)
            wall = outlines.rectangle((-3 * far, 3 * far), (-50, 3 * far))
            canvas.paint(Plane("z", far), [wall], air, (*self.object, "-"))
            if light.horizon[0] > light.horizon[2] and rng.random() < 0.6:  # the sun is low
                canvas.glow(rng.uniform(-150, 150), rng.uniform(15, 70), far, 130, 0.55)


#: Verbs of `notation` besides `OUTLINES`; `_step` calls a mix "=".
VERBS = {name[1:]: method for name, method in vars(Artist).items() if name[0] == "_"} | {"=": Artist._mix}
