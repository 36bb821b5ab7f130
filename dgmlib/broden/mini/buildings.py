"""Buildings, cottages, and what stands in streets, parks and on beaches."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Plane, Thing
from dgmlib.broden.mini.living import cloth
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.shapes import Rng, blob, capsule, ellipse, moved, rectangle


def facade(thing: Thing, rng: Rng, plane: Plane, start: float, width: float, height: float) -> None:
    """Windows in rows, a door, sometimes balconies on a building's wall.

    Args:
        thing: the building.
        rng: draws the style.
        plane: where the wall lies.
        start: where it begins, along the wall, in metres.
        width: how long it is.
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
    walls = (
        m.painted(rng, oklch(rng.uniform(0.7, 0.95), rng.uniform(0.02, 0.08), hue)),
        m.brick(rng),
        m.wood(rng, oklch(rng.uniform(0.4, 0.75), 0.07, rng.uniform(30, 80)), plank=0.2),
        m.stone(rng, block=0.35),
    )
    wall = walls[rng.integers(4)]
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


def parasol(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """A sunshade in stripes over a towel; not one of the labelled names."""
    thing = canvas.add("-")
    towel = cloth(rng, printed=0.8, period=0.3)
    thing.paint(Plane("y", 0.01), rectangle((x - 1.0, x + 0.7), (z - 0.5, z + 0.2)), towel)
    thing.front(z, rectangle((x - 0.03, x + 0.03), (0, 2.0)), m.wood(rng))
    first, second = (
        m.fabric(rng, oklch(lightness, 0.13, hue)) for lightness, hue in ((0.93, 90), (0.6, rng.uniform(0, 360)))
    )
    angle = np.linspace(0, np.pi, 9)
    for i in range(8):
        rim = np.stack([1.2 * np.cos(angle[i : i + 2]), 0.12 * np.sin(angle[i : i + 2] * 4)], 1)
        rib = moved(np.concatenate([rim, [(0, 0.62)]]), x, 1, 1.75)
        thing.front(z, rib, (first, second)[i % 2])


def rock(canvas: Canvas, rng: Rng, x: float, z: float, size: float) -> None:
    """A boulder; not one of the labelled names."""
    thing = canvas.add("-")
    thing.ground_shadow(x, z, 2.2 * size, 0.5 * size)
    thing.front(z, blob(rng, (x, 0.35 * size), size, 0.5 * size, 0.2), m.stone(rng), round=1.0)
