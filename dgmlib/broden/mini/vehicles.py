"""Cars and boats."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Plane, Thing
from dgmlib.broden.mini.living import cloth
from dgmlib.broden.mini.materials import oklch, plain
from dgmlib.broden.mini.shapes import Rng, ellipse, moved, rectangle, rounded


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
