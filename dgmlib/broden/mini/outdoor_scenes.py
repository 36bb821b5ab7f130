"""Five scenes under the sky; each decides what is likely in it, where it stands and in what light."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.buildings import bench, building, cottage, parasol, rock, streetlight
from dgmlib.broden.mini.canvas import Canvas, Plane
from dgmlib.broden.mini.living import dog, person
from dgmlib.broden.mini.materials import oklch, plain
from dgmlib.broden.mini.nature import grass, ground, hills, mountain_rock, outdoors, path, speckled, water
from dgmlib.broden.mini.plants import bush, tree
from dgmlib.broden.mini.shapes import Rng, ellipse, rectangle
from dgmlib.broden.mini.vehicles import boat, car_front, car_side


def ordered(a: float, b: float) -> tuple[float, float]:
    """An extent between two ends, lower first."""
    return min(a, b), max(a, b)


def scatter(
    canvas: Canvas, rng: Rng, draw, count: tuple[int, int], z: tuple[float, float], spread: tuple, *more
) -> None:
    """Put off drawing things at random places: depth z in metres, spread the range of abs(x) / z."""
    for _ in range(rng.integers(*count)):
        depth = rng.uniform(*z)
        canvas.later(depth, draw, rng, rng.choice([-1, 1]) * rng.uniform(*spread) * depth, depth, *more)


def flowers(canvas: Canvas, rng: Rng) -> None:
    """Dots of colour in the grass."""
    lawn = canvas.add("grass")
    for _ in range(rng.integers(1, 4)):
        petal = plain(oklch(rng.uniform(0.75, 0.92), 0.14, rng.choice([20, 90, 300, 350])))
        z = rng.uniform(2.5, 12, 30)
        x = rng.uniform(-0.6, 0.6, 30) * z
        lawn.paint(Plane("y", 0.0), [ellipse(at, 0.035, 0.06, 6) for at in zip(x, z, strict=True)], petal)


def street(canvas: Canvas, rng: Rng) -> None:
    """A street between town houses, seen along its length."""
    outdoors(canvas, rng, eye=rng.uniform(1.6, 3.4), horizon=rng.uniform(0.46, 0.6), focal=rng.uniform(0.8, 1.15))
    half, walk = rng.uniform(3.2, 5.0), rng.uniform(1.8, 3.0)
    wood = m.foliage(rng, oklch(0.55, 0.08, 130), 2.0)
    hills(
        canvas, rng, 300, rng.uniform(10, 25), *(("tree", wood) if rng.random() < 0.5 else ("building", m.painted(rng)))
    )
    ground(
        canvas,
        "road",
        speckled(rng, oklch(rng.uniform(0.45, 0.62), 0.015, rng.uniform(40, 280)), "stone", 0.8, 8, 0.06),
    )
    paving = m.stone(rng, oklch(rng.uniform(0.62, 0.8), 0.025, rng.uniform(40, 100)), block=0.7)
    kerb, line = m.stone(rng, oklch(0.78, 0.01, 80)), plain(oklch(0.94, 0.02, 92))
    for side in (-1, 1):
        ground(canvas, "sidewalk", paving, ordered(side * half, side * (half + walk + 60)), (0.5, 200.0))
        ground(canvas, "sidewalk", kerb, ordered(side * half, side * (half + 0.22)), (0.5, 200.0))
        z = rng.uniform(2, 7)
        while z < 110:
            width = rng.uniform(7, 13)
            if rng.random() < 0.88:
                front = side * (half + walk)
                canvas.later(
                    z + width, building, rng, ordered(front, front + side * 12), (z, z + width), rng.uniform(5.5, 15)
                )
            else:
                canvas.later(z + 4, tree, rng, side * (half + walk + 3), z + 4, rng.uniform(5, 8))
            z += width + rng.choice([0, 0, 0, 1.5])
        if rng.random() < 0.7:
            for z in np.arange(rng.uniform(6, 10), 60, rng.uniform(9, 14)):
                if rng.random() < 0.4:
                    canvas.later(z, streetlight, rng, side * (half + 0.6), z)
                else:
                    canvas.later(z, tree, rng, side * (half + 0.9), z, rng.uniform(3.5, 5.5), "broad")
    dashes = [rectangle((-0.08, 0.08), (z, z + 2.4)) for z in np.arange(2, 90, 5.0)]
    if rng.random() < 0.35:
        near = rng.uniform(5, 9)
        dashes += [rectangle((x, x + 0.5), (near, near + 2.5)) for x in np.arange(-half + 0.3, half - 0.4, 1.0)]
    canvas.add("road").paint(Plane("y", 0.0), dashes, line)
    z = rng.uniform(5, 9)
    for _ in range(rng.integers(2, 6)):
        if rng.random() < 0.75:
            canvas.later(z, car_front, rng, rng.choice([-1, 1]) * (half - 1.3), z)
        else:
            canvas.later(z, car_side, rng, rng.uniform(-2, 2), z)
        z += rng.uniform(4.5, 12)
    for _ in range(rng.integers(1, 7)):
        z = rng.uniform(4.5, 22)
        beside = rng.choice([-1, 1]) * (half + rng.uniform(0.4, walk - 0.3))
        canvas.later(z, person, rng, beside if rng.random() < 0.8 else rng.uniform(-half, half), z)
    canvas.finish()


def village(canvas: Canvas, rng: Rng) -> None:
    """Cottages along a lane among meadows."""
    outdoors(canvas, rng, eye=rng.uniform(1.8, 3.5), horizon=rng.uniform(0.38, 0.54), focal=rng.uniform(0.9, 1.25))
    for z, height in ((350, rng.uniform(25, 60)), (220, rng.uniform(10, 22))):
        wood = m.foliage(rng, oklch(rng.uniform(0.55, 0.68), 0.08, rng.uniform(110, 170)), 2.5)
        hills(canvas, rng, z, height, "mountain", wood)
    ground(canvas, "grass", grass(rng))
    bend, z = rng.uniform(-0.12, 0.12), np.linspace(0.6, 120, 60)
    lane = speckled(rng, oklch(rng.uniform(0.66, 0.8), 0.04, 75), "stone", 1.0, 7)
    path(canvas, "road", lane, bend * z + 3 * np.sin(z / rng.uniform(12, 25)), z, rng.uniform(1.4, 2.2))
    if rng.random() < 0.6:
        flowers(canvas, rng)
    for side in (-1, 1):
        z = rng.uniform(9, 16)
        while z < 80:
            width = rng.uniform(4.5, 7.5)
            canvas.later(z, cottage, rng, bend * z + side * (3 * rng.uniform(0.9, 1.3) + width / 2), z, width)
            z += rng.uniform(8, 20)
        for _ in range(rng.integers(2, 5)):
            z = rng.uniform(7, 60)
            canvas.later(z, tree, rng, bend * z + side * rng.uniform(4, 14), z, rng.uniform(4, 8))
        for _ in range(rng.integers(1, 4)):
            z = rng.uniform(5, 20)
            canvas.later(z, bush, rng, bend * z + side * rng.uniform(2.5, 5), z, rng.uniform(0.4, 0.8))
    scatter(canvas, rng, person, (0, 4), (4.5, 15), (0.0, 0.25))
    if rng.random() < 0.4:
        scatter(canvas, rng, dog, (1, 2), (4.5, 9), (0.0, 0.3))
    if rng.random() < 0.35:
        z = rng.uniform(8, 16)
        canvas.later(z, car_side, rng, rng.uniform(-3, 3), z)
    canvas.finish()


def park(canvas: Canvas, rng: Rng) -> None:
    """Lawns, paths, benches and people under trees."""
    outdoors(canvas, rng, eye=rng.uniform(1.5, 2.4), horizon=rng.uniform(0.4, 0.55), focal=rng.uniform(0.9, 1.25))
    if rng.random() < 0.5:
        for x in np.cumsum(rng.uniform(12, 22, 12)) - 100:
            building(canvas, rng, (x, x + rng.uniform(9, 14)), (90, 92), rng.uniform(10, 26))
    wood = m.foliage(rng, oklch(rng.uniform(0.46, 0.6), 0.09, rng.uniform(110, 150)), 0.9)
    hills(canvas, rng, 80, rng.uniform(5, 9), "tree", wood, base=-1)
    ground(canvas, "grass", grass(rng))
    if rng.random() < 0.5:
        flowers(canvas, rng)
    z = np.linspace(0.6, 60, 60)
    centre = rng.uniform(-2.5, 2.5) + rng.uniform(-0.25, 0.25) * z + 1.5 * np.sin(z / rng.uniform(5, 12))
    gravel = speckled(rng, oklch(rng.uniform(0.72, 0.85), 0.04, 80), "stone", 1.0, 8)
    path(canvas, "sidewalk", gravel if rng.random() < 0.6 else m.brick(rng), centre, z, rng.uniform(1.0, 1.8))
    for _ in range(rng.integers(5, 10)):
        z = rng.uniform(6, 45)
        canvas.later(z, tree, rng, rng.choice([-1, 1]) * rng.uniform(1.2, 0.75 * z), z, rng.uniform(4, 8))
    scatter(canvas, rng, bench, (1, 4), (4, 9), (0.05, 0.45))
    scatter(canvas, rng, person, (1, 5), (3.5, 18), (0.0, 0.5))
    scatter(canvas, rng, dog, (0, 2), (3.8, 8), (0.0, 0.4))
    for size in rng.uniform(0.4, 0.8, rng.integers(1, 5)):
        scatter(canvas, rng, bush, (1, 2), (4, 14), (0.0, 0.6), size)
    if rng.random() < 0.5:
        canvas.later(9.0, streetlight, rng, rng.choice([-1, 1]) * rng.uniform(2, 5), 9.0, 3.6)
    canvas.finish()


def beach(canvas: Canvas, rng: Rng) -> None:
    """Sand, sea, boats and bathers."""
    outdoors(canvas, rng, eye=rng.uniform(1.7, 3.5), horizon=rng.uniform(0.33, 0.5), focal=rng.uniform(0.9, 1.25))
    if rng.random() < 0.6:
        rocks = m.stone(rng, oklch(0.6, 0.05, rng.uniform(120, 260)))
        hills(canvas, rng, 390, rng.uniform(20, 50), "mountain", rocks, base=-4)
    ground(canvas, "water", water(rng, rng.uniform(0.55, 0.74), rng.uniform(195, 245)), z=(2.0, 390.0))
    shore, slope = rng.uniform(9, 18), rng.uniform(-0.25, 0.25)
    x = np.linspace(-40, 40, 60)
    edge = np.maximum(shore + slope * x + 0.8 * np.sin(x / 2.3 + 1) + 0.5 * np.sin(x / 0.9), 3.0)
    sand = speckled(rng, oklch(rng.uniform(0.8, 0.9), rng.uniform(0.04, 0.07), rng.uniform(70, 88)), "-", 0.6, 9, 0.05)
    wet = speckled(rng, oklch(0.7, 0.04, 75), "-", 0.6, 9, 0.05)
    for name, offset, surface in (
        ("water", 1.1, plain(oklch(0.96, 0.015, 210))),
        ("sand", 0.0, wet),
        ("sand", -0.9, sand),
    ):
        outline = np.concatenate([np.stack([x, np.maximum(edge + offset, 1.0)], 1), [(40, 0.5), (-40, 0.5)]])
        canvas.add(name).paint(Plane("y", 0.0), outline, surface)
    for _ in range(rng.integers(1, 5)):
        z = rng.uniform(shore + 8, 90)
        canvas.later(z, boat, rng, rng.uniform(-0.6, 0.6) * z, z, rng.uniform(0.8, 1.5))
    if rng.random() < 0.4:
        z = rng.uniform(6, shore)
        canvas.later(z, boat, rng, rng.uniform(-0.5, 0.5) * z, z, 0.8, sail=False)
    for height in rng.uniform(4, 6, rng.integers(0, 4)):
        scatter(canvas, rng, tree, (1, 2), (6, 14), (0.25, 0.6), height, "palm", rng.uniform(105, 150))
    scatter(canvas, rng, person, (1, 6), (4.5, 16), (0.0, 0.55))
    scatter(canvas, rng, parasol, (0, 3), (5, 11), (0.0, 0.5))
    if rng.random() < 0.35:
        scatter(canvas, rng, dog, (1, 2), (4.5, 9), (0.0, 0.4))
    canvas.finish()


def mountain(canvas: Canvas, rng: Rng) -> None:
    """Peaks over a lake or a meadow, firs, a cabin."""
    outdoors(canvas, rng, eye=rng.uniform(1.8, 4), horizon=rng.uniform(0.48, 0.64), focal=rng.uniform(0.9, 1.25))
    for z, height in ((390, rng.uniform(130, 190)), (300, rng.uniform(60, 100))):
        hills(
            canvas, rng, z, height, "mountain", mountain_rock(rng, height * rng.uniform(0.45, 0.8)), base=-5, peaks=True
        )
    wood = m.foliage(rng, oklch(rng.uniform(0.4, 0.54), 0.07, rng.uniform(130, 160)), 1.5)
    hills(canvas, rng, 160, rng.uniform(14, 26), "tree", wood)
    ground(canvas, "grass", grass(rng))
    if rng.random() < 0.6:
        z, x = rng.uniform(9, 16), np.linspace(-150, 150, 80)
        near = np.stack([x, z + 1.5 * np.sin(x / 5) + 0.02 * x], 1)
        lake = np.concatenate([near, [(150, z + 70), (-150, z + 70)]])
        canvas.add("water").paint(Plane("y", 0.0), lake, water(rng, rng.uniform(0.55, 0.7), rng.uniform(200, 250)))
    if rng.random() < 0.6:
        flowers(canvas, rng)
    for height in rng.uniform(4, 10, rng.integers(4, 12)):
        scatter(canvas, rng, tree, (1, 2), (6, 50), (0.15, 0.75), height, "fir", rng.uniform(130, 165))
    if rng.random() < 0.55:
        z = rng.uniform(9, 18)
        canvas.later(z, cottage, rng, rng.uniform(-0.35, 0.35) * z, z, rng.uniform(4.5, 6.5), 2.5)
    scatter(canvas, rng, person, (0, 3), (4, 12), (0.0, 0.5))
    for size in rng.uniform(0.3, 0.9, rng.integers(1, 5)):
        scatter(canvas, rng, rock, (1, 2), (4, 12), (0.0, 0.6), size)
    canvas.finish()
