"""Things under the open sky: people, cars, trees, houses, streets' buildings, boats, dogs."""

from __future__ import annotations

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Plane, Thing, blob, capsule, ellipse, rectangle, rounded
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.textures import motif

Rng = np.random.Generator


def moved(outline: np.ndarray, x: float, scale: float = 1.0, y: float = 0.0, flip: float = 1.0) -> np.ndarray:
    """An outline drawn around the origin, placed at (x, y)."""
    return np.asarray(outline, float) * (scale * flip, scale) + (x, y)


def cloth(rng: Rng, colour: np.ndarray | None = None, printed: float = 0.3, period: float = 0.16) -> Surface:
    """Fabric, printed with one of the textures now and then."""
    if rng.random() < printed:
        kind = rng.choice(["banded", "chequered", "grid", "polka-dotted", "zigzagged"])
        turn = rng.choice([0.0, 0.0, np.pi / 4])
        return m.fabric(rng, np.ones(3), motif(kind, rng, period * rng.uniform(0.7, 1.5), turn))
    return m.fabric(rng, colour)


def person(canvas: Canvas, rng: Rng, x: float, z: float, height: float = 0.0, ground: float = 0.0) -> None:
    """Somebody standing or walking."""
    someone = canvas.add("person")
    k = (height or rng.choice([1.72, 1.72, 1.2]) * rng.uniform(0.93, 1.07)) / 1.72
    hue = rng.uniform(0, 360)
    skin = m.skin(rng)
    top = cloth(rng, oklch(rng.uniform(0.4, 0.9), rng.uniform(0.02, 0.14), hue), period=0.2)
    below = m.fabric(rng, oklch(rng.uniform(0.25, 0.6), rng.uniform(0.01, 0.08), hue + rng.choice([0, 30, 180])))
    hair = plain(oklch(rng.uniform(0.18, 0.65), rng.uniform(0.01, 0.08), rng.uniform(40, 80)))
    shoe = m.leather(rng, oklch(rng.uniform(0.2, 0.5), 0.03, hue))
    flip, skirt = rng.choice([-1.0, 1.0]), rng.random() < 0.35
    stride = rng.choice([0.05, 0.12, 0.22])

    def put(outline, surface, part, round=0.8):
        someone.front(z, moved(outline, x, k, ground, flip), surface, part, round=round)

    if ground == 0.0:
        someone.ground_shadow(x, z, 0.45 * k, 0.3 * k)
    leg = skin if skirt or rng.random() < 0.2 else below
    sleeve = top if rng.random() < 0.6 else skin
    swing = stride * 1.3
    lift = rng.random() < 0.2
    put(capsule((-0.19, 1.37), (-0.26 - swing, 1.05), 0.055, 0.045), sleeve, "arm")
    put(capsule((-0.26 - swing, 1.05), (-0.2 - 1.5 * swing, 0.8), 0.045, 0.035), skin, "arm")
    for side in (-1, 1):
        put(capsule((side * 0.08, 0.85), (side * (0.07 + stride), 0.1), 0.1, 0.06), leg, "leg")
        put(capsule((side * (0.06 + stride), 0.04), (side * (0.07 + stride) + 0.09, 0.035), 0.045, 0.035), shoe, "leg")
    put(np.array([(-0.055, 1.4), (0.055, 1.4), (0.05, 1.52), (-0.05, 1.52)]), skin, "head")
    body = [
        (-0.23, 1.4),
        (-0.12, 1.45),
        (0.12, 1.45),
        (0.23, 1.4),
        (0.17, 1.1),
        (0.19, 0.8),
        (-0.19, 0.8),
        (-0.17, 1.1),
    ]
    if skirt:
        put(np.array([(-0.16, 1.0), (0.16, 1.0), (0.3, 0.5), (-0.3, 0.5)]), below, "torso")
    put(np.array(body), top, "torso")
    if lift:
        put(capsule((0.19, 1.37), (0.42, 1.5), 0.055, 0.045), sleeve, "arm")
        put(capsule((0.42, 1.5), (0.5, 1.78), 0.045, 0.04), skin, "arm")
    else:
        put(capsule((0.2, 1.36), (0.25 + swing, 1.05), 0.055, 0.045), sleeve, "arm")
        put(capsule((0.25 + swing, 1.05), (0.22 + 1.8 * swing, 0.82), 0.045, 0.04), skin, "arm")
    long = rng.random() < 0.4
    if long:
        put(ellipse((-0.02, 1.58), 0.135, 0.19), hair, "head")
    put(ellipse((0.0, 1.6), 0.1, 0.125), skin, "head")
    put(np.array([(-0.11, 1.58), (-0.11, 1.68), (-0.05, 1.75), (0.05, 1.75), (0.11, 1.69), (0.1, 1.64), (-0.05, 1.68)]),
        hair, "head", round=0.3)  # fmt: skip


def dog(canvas: Canvas, rng: Rng, x: float, z: float, scale: float = 1.0) -> None:
    """A dog from the side."""
    animal = canvas.add("dog")
    coat = oklch(rng.uniform(0.3, 0.85), rng.uniform(0.01, 0.08), rng.uniform(50, 85))
    shift = rng.uniform(0, 9)

    def fur(tone: float) -> Surface:
        return Surface("-", coat * tone, lambda u, v, size: 1 + 0.09 * m.noise(u, v, 9 / scale, 22 / scale, shift))

    flip, dark = rng.choice([-1.0, 1.0]), plain(oklch(0.2, 0.01, 50))
    animal.ground_shadow(x, z, 0.9 * scale, 0.25 * scale)

    def put(outline, surface, part, round=0.7):
        animal.front(z, moved(outline, x, scale, 0.0, flip), surface, part, round=round)

    put(capsule((-0.36, 0.52), (-0.6, rng.uniform(0.55, 0.85)), 0.05, 0.025), fur(0.95), "tail")
    for at, tone in ((-0.24, 0.75), (0.2, 0.75), (-0.34, 1.0), (0.3, 1.0)):
        put(capsule((at, 0.42), (at + rng.uniform(-0.05, 0.05), 0.04), 0.075, 0.045), fur(tone), "leg")
    put(capsule((-0.28, 0.47), (0.26, 0.5), 0.15, 0.17), fur(1.0), "torso")
    put(capsule((0.28, 0.56), (0.4, 0.74), 0.12, 0.1), fur(1.02), "torso")
    put(ellipse((0.44, 0.8), 0.13, 0.12), fur(1.06), "head")
    put(capsule((0.5, 0.77), (0.62, 0.745), 0.065, 0.05), fur(1.12), "head")
    put(capsule((0.38, 0.86), (0.33, 0.7), 0.05, 0.06), fur(0.7), "head")
    put(ellipse((0.655, 0.765), 0.026), dark, "head", round=0)
    put(ellipse((0.49, 0.835), 0.02), dark, "head", round=0)


def _wheel(thing: Thing, rng: Rng, x: float, y: float, z: float, radius: float, squeeze: float = 1.0) -> None:
    tyre, rim = plain(oklch(0.24, 0.01, 260)), m.metal(rng, oklch(0.72, 0.01, 250))
    thing.front(z, ellipse((x, y), radius * squeeze, radius), tyre, "wheel")
    thing.front(z, ellipse((x, y), 0.62 * radius * squeeze, 0.62 * radius), rim, "wheel", round=0.8)
    thing.front(z, ellipse((x, y), 0.18 * radius * squeeze, 0.18 * radius), tyre, "wheel")


def car_paint(rng: Rng) -> np.ndarray:
    """A car's colour: often grey, white or black."""
    if rng.random() < 0.4:
        return oklch(rng.choice([0.3, 0.6, 0.92]), 0.01, 250)
    return oklch(rng.uniform(0.4, 0.75), rng.uniform(0.07, 0.16), rng.uniform(0, 360))


def car_side(canvas: Canvas, rng: Rng, x: float, z: float, scale: float = 1.0) -> None:
    """A car seen from the side."""
    car = canvas.add("car")
    colour, flip = car_paint(rng), rng.choice([-1.0, 1.0])
    body, pane = m.metal(rng, colour), m.glass(rng, oklch(rng.uniform(0.35, 0.65), 0.03, 240))
    van = rng.random() < 0.25
    car.ground_shadow(x, z, 4.4 * scale, 0.7 * scale, 0.6)

    def put(outline, surface, part="-", **options):
        car.front(z, moved(outline, x, scale, 0.0, flip), surface, part, **options)

    hood, tail = rng.uniform(0.85, 0.95), rng.uniform(0.95, 1.05)
    if van:
        roof = [(-2.05, 1.1), (-1.95, 1.75), (0.75, 1.8), (1.45, 1.1)]
        panes = [[(-1.85, 1.12), (-1.78, 1.62), (-0.85, 1.65), (-0.85, 1.12)]]
        panes += [[(-0.75, 1.12), (-0.75, 1.65), (0.1, 1.65), (0.1, 1.12)]]
        panes += [[(0.2, 1.12), (0.2, 1.65), (0.68, 1.67), (1.2, 1.12)]]
        height = 1.1
    else:
        roof = [(-1.75, tail), (-1.15, 1.42), (-0.2, 1.48), (0.45, 1.4), (1.15, hood)]
        panes = [[(-1.5, 1.0), (-1.08, 1.35), (-0.35, 1.39), (-0.35, 1.0)]]
        panes += [[(-0.25, 1.0), (-0.25, 1.4), (0.4, 1.33), (0.9, 0.98)]]
        height = tail
    shell = [(-2.1, 0.35), (-2.15, 0.7), (-2.05, height), *roof, (1.95, 0.8), (2.12, 0.68), (2.12, 0.35)]
    put(shell, body, modulate=lambda u, v: 0.78 + 0.32 * np.clip(v / scale, 0, 1.2))
    for edge in (-0.30, 0.85):
        put(rectangle((edge - 1.1, edge), (0.42, 1.0)), body, "door",
            modulate=lambda u, v: 0.82 + 0.30 * np.clip(v / scale, 0, 1.2))  # fmt: skip
        put(rectangle((edge - 0.012, edge + 0.012), (0.42, 1.0)), plain(colour * 0.5), "door")
        put(rectangle((edge - 1.02, edge - 0.82), (0.84, 0.885)), m.metal(rng), "door")
    for outline in panes:
        put(outline, pane, "window")
    put(rectangle((-2.14, 2.12), (0.3, 0.4)), plain(oklch(0.3, 0.01, 250)))
    put(rounded((1.86, 2.1), (0.6, 0.74), 0.05), plain(oklch(0.95, 0.05, 95), 0.4), "headlight")
    put(rounded((-2.13, -1.95), (0.66, 0.84), 0.04), plain(oklch(0.55, 0.2, 28), 0.3))
    for at in (-1.32, 1.36):
        put(ellipse((at, 0.36), 0.4), plain(oklch(0.2, 0.01, 250)))
        _wheel(car, rng, x + flip * at * scale, 0.34 * scale, z, 0.33 * scale)


def car_front(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """A car that comes or goes along the street, with its flank in perspective."""
    car = canvas.add("car")
    colour = car_paint(rng)
    body, pane = m.metal(rng, colour), m.glass(rng, oklch(rng.uniform(0.35, 0.65), 0.03, 240))
    dark = plain(oklch(0.24, 0.01, 250))
    back, coming = z + 3.9, rng.random() < 0.5
    car.canvas.shade(Plane("y", 0.0), rectangle((x - 1.0, x + 1.0), (z - 0.15, back)), 0.6, blur=0.15)
    side = Plane("x", x - 0.88 if x > 0 else x + 0.88)
    if abs(x) > 0.88:
        car.paint(side, rectangle((z, back), (0.3, 0.95)), body)
        car.paint(side, rectangle((z + 1.3, z + 3.3), (0.4, 0.95)), body, "door")
        car.paint(side, rectangle((z + 2.3, z + 2.34), (0.4, 0.95)), dark, "door")
        car.paint(side, np.array([(z + 1.0, 0.95), (z + 1.7, 1.42), (z + 3.2, 1.42), (z + 3.8, 0.95)]), body)
        car.paint(side, np.array([(z + 1.25, 0.98), (z + 1.8, 1.34), (z + 3.1, 1.34), (z + 3.5, 0.98)]), pane, "window")
        for at in (z + 0.75, z + 3.1):
            car.paint(side, ellipse((at, 0.32), 0.36, 0.32), dark, "wheel")
            car.paint(side, ellipse((at, 0.32), 0.2, 0.18), m.metal(rng), "wheel")
    car.paint(Plane("y", 1.45), rectangle((x - 0.68, x + 0.68), (z + 1.5, z + 3.2)), body)
    car.paint(Plane("y", 0.95), rectangle((x - 0.88, x + 0.88), (z, z + 1.3)), body)
    for at in (-0.68, 0.68):
        car.front(z, rounded((x + at - 0.13, x + at + 0.13), (0.0, 0.5), 0.08), dark, "wheel")
    cab = np.array([(-0.84, 0.93), (-0.66, 1.42), (-0.4, 1.47), (0.4, 1.47), (0.66, 1.42), (0.84, 0.93)])
    car.front(z + 0.9, moved(cab, x), body)
    car.front(z + 0.88, moved(cab * (0.88, 1) + (0, -0.03), x), pane, "window")
    car.front(z, rounded((x - 0.9, x + 0.9), (0.3, 0.97), 0.14), body,
              modulate=lambda u, v: 0.75 + 0.35 * np.clip(v, 0, 1))  # fmt: skip
    car.front(z, rectangle((x - 0.5, x + 0.5), (0.42, 0.56)), dark)
    car.front(z, rectangle((x - 0.2, x + 0.2), (0.6, 0.7)), plain(oklch(0.92, 0.03, 95)))
    lamp = plain(oklch(0.95, 0.05, 95), 0.5) if coming else plain(oklch(0.55, 0.2, 28), 0.4)
    for at in (-0.68, 0.68):
        car.front(z, ellipse((x + at, 0.74), 0.15, 0.1), lamp, "headlight" if coming else "-")


def tree(canvas: Canvas, rng: Rng, x: float, z: float, height: float, kind: str = "", hue: float | None = None) -> None:
    """A broad-leaved tree, a fir or a palm."""
    plant = canvas.add("tree")
    kind = kind or rng.choice(["broad", "broad", "fir"])
    hue = rng.choice([rng.uniform(105, 150), rng.uniform(105, 150), rng.uniform(45, 100)]) if hue is None else hue
    bark = m.wood(rng, oklch(rng.uniform(0.3, 0.5), 0.03, rng.uniform(50, 75)), along="v")
    tone, leaf = rng.uniform(0.42, 0.66), 0.06 * height**0.5
    plant.ground_shadow(x, z, 0.55 * height, 0.18 * height, 0.5)
    lean = rng.uniform(-0.05, 0.05) * height
    if kind == "palm":
        stem = np.array([(-0.16, 0), (0.16, 0), (0.10 + lean * 2, height), (-0.08 + lean * 2, height)])
        plant.front(z, moved(stem, x), bark, "trunk", round=0.8)
        for angle in np.linspace(-0.45, np.pi + 0.45, 9) + rng.normal(0, 0.08, 9):
            reach = height * 0.42
            tip = (lean * 2 + reach * np.cos(angle), height + reach * 0.55 * np.sin(angle) - 0.16 * height)
            middle = (lean * 2 + 0.55 * reach * np.cos(angle), height + 0.32 * reach + 0.2 * reach * np.sin(angle))
            root = (lean * 2, height)
            width = np.array([0, 0.07 * height])
            frond = np.array([root, middle, tip, middle - width])
            leaves = m.foliage(rng, oklch(tone + rng.uniform(-0.06, 0.06), 0.11, hue), leaf)
            plant.front(z, moved(frond, x), leaves, "crown")
        return
    width = rng.uniform(0.045, 0.075) * height
    top = 0.35 if kind == "fir" else 0.62
    stem = np.array([(-width * 1.3, 0), (width * 1.3, 0), (width * 0.6 + lean, top * height)])
    stem = np.concatenate([stem, [(-width * 0.6 + lean, top * height)]])
    plant.front(z, moved(stem, x), bark, "trunk", round=0.8)
    if kind == "fir":
        for step, level in enumerate(np.linspace(0.16, 0.66, 4)):
            spread = 0.27 * height * (1 - 0.21 * step)
            edge = np.linspace(-1, 1, 9)
            skirt = np.stack([spread * edge, (level + 0.03 * np.cos(edge * np.pi * 4)) * height], 1)
            tier = np.concatenate(
                [skirt, [(0.02 * height, (level + 0.34) * height), (-0.02 * height, (level + 0.34) * height)]]
            )
            leaves = m.foliage(rng, oklch(tone * (0.78 + 0.07 * step), 0.07, hue), leaf)
            plant.front(z, moved(tier + (lean, 0), x), leaves, "crown", round=0.8)
        return
    for side in (-1, 1):
        plant.front(
            z,
            moved(capsule((lean * 0.7, 0.45 * height), (side * 0.18 * height, 0.62 * height), width * 0.5), x),
            bark,
            "trunk",
        )
    wide = rng.uniform(0.26, 0.36) * height
    puffs = [
        (0, 0.68, 1.0, 0.9),
        (-0.62, 0.62, 0.62, 0.95),
        (0.62, 0.6, 0.62, 0.95),
        (-0.3, 0.82, 0.62, 1.06),
        (0.3, 0.8, 0.62, 1.04),
        (0.0, 0.88, 0.5, 1.12),
    ]
    for dx, at, radius, bright in puffs:
        leaves = m.foliage(rng, oklch(min(tone * bright, 0.85), rng.uniform(0.09, 0.13), hue + rng.normal(0, 4)), leaf)
        centre = (x + lean + dx * wide * rng.uniform(0.8, 1.1), at * height)
        plant.front(z, blob(rng, centre, wide * radius * 0.9, wide * radius * 0.72, 0.16), leaves, "crown", round=1.0)


def bush(canvas: Canvas, rng: Rng, x: float, z: float, size: float, name: str = "plant") -> None:
    """A low shrub, sometimes in flower."""
    shrub = canvas.add(name)
    shrub.ground_shadow(x, z, 2 * size, 0.5 * size)
    hue, tone = rng.uniform(100, 150), rng.uniform(0.4, 0.6)
    for dx, dy, r in ((-0.5, 0.3, 0.5), (0.5, 0.3, 0.5), (0.0, 0.45, 0.62)):
        leaves = m.foliage(rng, oklch(tone + rng.uniform(-0.03, 0.06), 0.1, hue), 0.07)
        shrub.front(z, blob(rng, (x + dx * size, dy * size), r * size, 0.8 * r * size, 0.15), leaves, round=1.0)
    if rng.random() < 0.5:
        petal = plain(oklch(0.75, 0.14, rng.choice([350, 20, 90, 300])))
        for _ in range(9):
            spot = (x + rng.uniform(-0.8, 0.8) * size, rng.uniform(0.2, 0.85) * size)
            shrub.front(z, ellipse(spot, 0.06 * size + 0.02, points=8), petal)


def facade(thing: Thing, rng: Rng, plane: Plane, start: float, width: float, height: float) -> None:
    """Windows in rows, a door, sometimes balconies on a building's wall.

    Arguments:
        thing: the building.
        rng: draws the style.
        plane: where the wall lies.
        start, width: where it begins and how long it is, along the wall, in metres.
        height: of the wall in metres.
    """
    storey = rng.uniform(2.9, 3.5)
    rows, columns = max(1, int(height / storey)), max(1, int(width / rng.uniform(2.2, 3.2)))
    half, tall = rng.uniform(0.45, 0.65), rng.uniform(1.3, 1.8)
    frame = m.painted(rng, oklch(rng.uniform(0.35, 0.97), 0.03, rng.uniform(0, 360)))
    dark = thing.canvas.light.dark
    day = m.glass(rng, oklch(0.35, 0.04, 260) if dark else None)
    middles = start + (np.arange(columns) + 0.5) * width / columns
    entrance = rng.integers(columns)
    slots = [(middle, 0.9 + storey * row) for row in range(rows) for middle in middles]
    slots.pop(entrance)

    def boxes(places, left: float, right: float, low: float, high: float) -> list[np.ndarray]:
        return [rectangle((x + left, x + right), (y + low, y + high)) for x, y in places]

    thing.paint(plane, boxes(slots, -half - 0.1, half + 0.1, -0.1, tall + 0.1), frame)
    thing.paint(plane, boxes(slots, -half, half, 0, tall), day, "window")
    lit = [slot for slot in slots if rng.random() < (0.5 if dark else 0.03)]
    if lit:
        thing.paint(plane, boxes(lit, -half, half, 0, tall), m.glass(rng, lit=True), "window")
    bars = boxes(slots, -0.035, 0.035, 0, tall) + boxes(slots, -half, half, 0.6 * tall, 0.6 * tall + 0.06)
    thing.paint(plane, bars, frame, "window")
    if rows > 1 and rng.random() < 0.5:
        rail = m.metal(rng, oklch(rng.uniform(0.3, 0.5), 0.02, 250)) if rng.random() < 0.6 else m.stone(rng)
        balconies = [slot for slot in slots if slot[1] > storey]
        thing.paint(plane, boxes(balconies, -half - 0.3, half + 0.3, -0.45, 0.38), rail, "balcony")
        posts = [
            post
            for at in np.linspace(-half - 0.2, half + 0.15, 6)
            for post in boxes(balconies, at, at + 0.05, -0.35, 0.3)
        ]
        thing.paint(plane, posts, Surface(rail.material, rail.colour * 0.55), "balcony")
    leaf = m.wood(rng, oklch(rng.uniform(0.35, 0.6), rng.uniform(0.03, 0.12), rng.uniform(0, 360)), along="v")
    way = middles[entrance]
    thing.paint(plane, rectangle((way - 0.75, way + 0.75), (0, 2.55)), frame)
    thing.paint(plane, rectangle((way - 0.6, way + 0.6), (0, 2.4)), leaf, "door")


def masonry(rng: Rng, bright: tuple[float, float] = (0.5, 0.9)) -> Surface:
    """What a building's wall is made of."""
    kind = rng.choice(["brick", "brick", "painted", "stone"])
    if kind == "painted":
        return m.painted(rng, oklch(rng.uniform(*bright), rng.uniform(0.02, 0.09), rng.uniform(20, 260)))
    return m.brick(rng) if kind == "brick" else m.stone(rng, block=rng.choice([0.4, 0.6]))


def building(canvas: Canvas, rng: Rng, x: tuple[float, float], z: tuple[float, float], height: float) -> None:
    """A town house: flank and front with windows, a cornice or a mansard as its roof."""
    house = canvas.add("building")
    wall, roof = (
        masonry(rng),
        m.tile(rng, oklch(rng.uniform(0.35, 0.6), rng.uniform(0.02, 0.09), rng.uniform(20, 60)), 0.35),
    )
    if rng.random() < 0.4:
        roof = m.metal(rng, oklch(rng.uniform(0.4, 0.6), 0.03, rng.uniform(150, 260)))
    house.box(x, (0, height), z, wall)
    if x[0] > 0 or x[1] < 0:
        side = Plane("x", x[0] if x[0] > 0 else x[1])
        facade(house, rng, side, z[0], z[1] - z[0], height)
        house.paint(side, rectangle((z[0], z[1]), (height - 0.6, height + 0.5)), roof, "roof")
    facade(house, rng, Plane("z", z[0]), x[0], x[1] - x[0], height)
    house.front(z[0], rectangle((x[0] - 0.15, x[1] + 0.15), (height - 0.6, height + 0.5)), roof, "roof")


def cottage(canvas: Canvas, rng: Rng, x: float, z: float, width: float, height: float = 2.8) -> None:
    """A small house with a pitched roof and a chimney."""
    house = canvas.add("house")
    hue = rng.uniform(0, 360)
    wall = [m.painted(rng, oklch(rng.uniform(0.7, 0.95), rng.uniform(0.02, 0.08), hue)), m.brick(rng),
            m.wood(rng, oklch(rng.uniform(0.4, 0.75), 0.07, rng.uniform(30, 80)), plank=0.2), m.stone(rng, block=0.35)][rng.integers(4)]  # fmt: skip
    roof = m.tile(rng, oklch(rng.uniform(0.35, 0.58), rng.uniform(0.03, 0.11), rng.uniform(15, 60)), 0.28)
    if rng.random() < 0.3:
        roof = m.wood(rng, oklch(rng.uniform(0.35, 0.5), 0.04, 60), plank=0.25)
    frame = m.painted(rng, oklch(rng.uniform(0.85, 0.97), 0.02, hue))
    half, ridge = width / 2, height + rng.uniform(0.45, 0.7) * width / 1.8
    house.ground_shadow(x, z + 1, width * 1.1, 1.2, 0.5)
    stack = x + rng.choice([-0.25, 0.25]) * width
    house.front(z + 1, rectangle((stack - 0.3, stack + 0.3), (height, ridge + 0.7)), m.brick(rng), "chimney")
    gable = rng.random() < 0.5
    if gable:
        outline = np.array([(-half, 0), (half, 0), (half, height), (0, ridge), (-half, height)])
        house.front(z, moved(outline, x), wall)
        for side in (-1, 1):
            slope = np.array(
                [
                    (side * (half + 0.35), height - 0.35),
                    (0, ridge),
                    (0, ridge + 0.35),
                    (side * (half + 0.35), height + 0.05),
                ]
            )
            house.front(z, moved(slope, x), roof, "roof")
    else:
        house.front(z, rectangle((x - half, x + half), (0, height)), wall)
        outline = np.array(
            [(-half - 0.35, height - 0.15), (half + 0.35, height - 0.15), (half * 0.72, ridge), (-half * 0.72, ridge)]
        )
        house.front(z, moved(outline, x), roof, "roof")
        house.canvas.shade(Plane("z", z), rectangle((x - half, x + half), (height - 0.4, height - 0.15)), 0.4)
    night = canvas.light.dark
    door_at = x + rng.uniform(-0.15, 0.15) * width
    leaf = m.wood(rng, oklch(rng.uniform(0.35, 0.65), rng.uniform(0.04, 0.13), hue + 180), along="v")
    house.front(z, rectangle((door_at - 0.55, door_at + 0.55), (0, 2.15)), frame)
    house.front(z, rectangle((door_at - 0.45, door_at + 0.45), (0, 2.05)), leaf, "door")
    house.front(z, ellipse((door_at + 0.33, 1.0), 0.05), m.metal(rng), "door")
    places = [(-0.33, 1.45), (0.33, 1.45)] + ([(0.0, height + 0.35)] if gable else [])
    for share, middle in places:
        if abs(x + share * width - door_at) < 1.1 and middle < height:
            continue
        pane = m.glass(rng, lit=True) if night and rng.random() < 0.8 else m.glass(rng)
        at = x + share * width
        house.front(z, rectangle((at - 0.6, at + 0.6), (middle - 0.6, middle + 0.6)), frame)
        house.front(z, rectangle((at - 0.5, at + 0.5), (middle - 0.5, middle + 0.5)), pane, "window")
        for bar in (
            rectangle((at - 0.04, at + 0.04), (middle - 0.5, middle + 0.5)),
            rectangle((at - 0.5, at + 0.5), (middle - 0.04, middle + 0.04)),
        ):
            house.front(z, bar, frame, "window")


def boat(canvas: Canvas, rng: Rng, x: float, z: float, scale: float = 1.0, sail: bool | None = None) -> None:
    """A sailing boat or a rowing boat on the water."""
    ship = canvas.add("boat")
    flip, hue = rng.choice([-1.0, 1.0]), rng.uniform(0, 360)
    hull = (
        m.painted(rng, oklch(rng.uniform(0.4, 0.92), rng.uniform(0.02, 0.13), hue))
        if rng.random() < 0.6
        else m.wood(rng, plank=0.25)
    )
    sail = rng.random() < 0.65 if sail is None else sail

    def put(outline, surface, **options):
        ship.front(z, moved(outline, x, scale, 0.0, flip), surface, **options)

    ship.canvas.shade(Plane("y", 0.0), ellipse((x, z - 0.3 * scale), 2.6 * scale, 0.8 * scale), 0.35, blur=0.3 * scale)
    if sail:
        put(rectangle((-0.06, 0.06), (0.5, 6.2)), m.wood(rng))
        first, second = cloth(rng, oklch(0.93, 0.02, hue), 0.25, 1.2), m.fabric(rng, oklch(0.88, 0.05, hue))
        put(np.array([(-0.15, 1.1), (-0.15, 6.0), (-0.9, 3.4), (-2.1, 1.1)]), first, round=0.5)
        put(np.array([(0.15, 1.2), (0.15, 5.2), (2.0, 1.0)]), second, round=0.5)
    elif rng.random() < 0.5:
        put(rectangle((-1.0, 0.5), (0.6, 1.5)), m.painted(rng))
        put(rectangle((-0.8, 0.3), (0.95, 1.35)), m.glass(rng))
    put(
        np.array([(-2.3, 0.75), (-1.9, -0.05), (1.7, -0.05), (2.7, 0.95), (2.4, 0.9), (0, 0.68)]),
        hull,
        modulate=lambda u, v: 0.8 + 0.3 * np.clip(v / scale, 0, 1),
    )
    put(
        np.array([(-2.3, 0.75), (-2.27, 0.65), (0, 0.58), (2.55, 0.82), (2.7, 0.95), (0, 0.7)]),
        plain(oklch(0.9, 0.03, hue + 180)),
    )


def bench(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """A park bench of wooden slats."""
    seat = canvas.add("bench")
    wood, iron = m.wood(rng), m.metal(rng, oklch(0.35, 0.02, 200))
    seat.ground_shadow(x, z + 0.25, 1.9, 0.4, 0.5)
    for side in (-0.8, 0.8):
        seat.box((x + side - 0.04, x + side + 0.04), (0, 0.85), (z + 0.4, z + 0.46), iron)
    for low in (0.52, 0.66, 0.80):
        seat.front(z + 0.4, rectangle((x - 0.95, x + 0.95), (low, low + 0.1)), wood)
    seat.box((x - 0.95, x + 0.95), (0.38, 0.44), (z, z + 0.4), wood)
    for side in (-0.8, 0.8):
        seat.box((x + side - 0.04, x + side + 0.04), (0, 0.38), (z, z + 0.06), iron)


def streetlight(canvas: Canvas, rng: Rng, x: float, z: float, height: float = 5.0) -> None:
    """A lantern on a post; not one of the labelled names."""
    post = canvas.add("-")
    iron = m.metal(rng, oklch(0.3, 0.02, 230))
    night = canvas.light.dark
    post.front(z, rectangle((x - 0.07, x + 0.07), (0, height)), iron, round=0.6)
    reach = -np.sign(x) * 0.9
    post.front(z, capsule((x, height - 0.05), (x + reach, height), 0.05), iron)
    post.front(z, ellipse((x + reach, height - 0.1), 0.3, 0.14), plain(oklch(0.95, 0.06, 90), 0.9 if night else 0.3))
    if night:
        canvas.glow(x + reach, height - 0.1, z, 2.6, (1.0, 0.8, 0.45), 0.7)
