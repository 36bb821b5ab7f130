"""Ten scenes; each decides what is likely in it, where it stands and in what light."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dgmlib.broden.mini import indoor, outdoor
from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Light, Plane, ellipse, rectangle
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.outdoor import Rng

FAR = 400.0


def paint_far_to_near(things: list[tuple[float, Callable[[], None]]]) -> None:
    """Draw things in order of falling depth."""
    for _, draw in sorted(things, key=lambda thing: -thing[0]):
        draw()


def daylight(rng: Rng, dark_share: float = 0.15) -> tuple[Light, np.ndarray, np.ndarray]:
    """A time of day: its light, and the colours of the sky at the zenith and at the horizon."""
    kind = rng.choice(["day", "day", "morning", "golden", "overcast"]) if rng.random() > dark_share else "dusk"
    azimuth, height = rng.uniform(-1.0, 1.0), rng.uniform(0.5, 1.0)
    towards = np.array([np.sin(azimuth), height, 0.8 * np.cos(azimuth)])
    zenith, horizon, key, ambient = {
        "day": (oklch(rng.uniform(0.6, 0.75), 0.11, rng.uniform(235, 255)), oklch(0.9, 0.04, 230), (0.62, 0.6, 0.55), (0.52, 0.55, 0.6)),
        "morning": (oklch(0.75, 0.07, 250), oklch(0.92, 0.05, rng.uniform(20, 70)), (0.62, 0.55, 0.5), (0.52, 0.5, 0.54)),
        "golden": (oklch(0.68, 0.08, 270), oklch(0.86, 0.11, rng.uniform(50, 75)), (0.75, 0.56, 0.36), (0.46, 0.42, 0.46)),
        "overcast": (oklch(0.78, 0.02, 250), oklch(0.88, 0.015, 240), (0.25, 0.25, 0.25), (0.68, 0.7, 0.72)),
        "dusk": (oklch(0.36, 0.09, 275), oklch(0.66, 0.12, rng.uniform(10, 50)), (0.2, 0.17, 0.2), (0.36, 0.35, 0.46)),
    }[kind]  # fmt: skip
    light = Light(
        tuple(towards / np.linalg.norm(towards)),
        np.array(key, np.float32),
        np.array(ambient, np.float32),
        horizon * 0.9,
        rng.uniform(120, 500),
        dark=kind == "dusk",
    )
    return light, zenith, horizon


def outdoors(canvas: Canvas, rng: Rng, eye: float, horizon: float, focal: float = 1.0) -> None:
    """Set the camera and the light, and paint the sky with its clouds."""
    light, zenith, low = daylight(rng)
    canvas.look(eye, horizon, focal, light)
    sky = canvas.add("sky")
    top = canvas.eye + FAR * (canvas.cy + 40) / canvas.focal
    shift = rng.uniform(0, 9)
    cover = rng.uniform(-0.6, 0.9)
    white = low * 0.3 + 0.7 * np.array([1, 0.99, 0.97]) if not light.dark else low * 0.8

    def gradient(u, v, size):
        t = np.clip((v - canvas.eye) / (top - canvas.eye), 0, 1)[..., None] ** 0.7
        colour = low + (zenith - low) * t
        cloud = m.noise(u, v, 0.006, 0.016, shift) + 0.5 * m.noise(u, v, 0.015, 0.035, shift + 1)
        cloud = np.clip((cloud - 1.3 + cover) * 0.9, 0, 1)[..., None] * 0.8
        return (colour + (white - colour) * cloud).astype(np.float32)

    canvas.light, kept = Light(light.towards, light.key, light.ambient, light.haze, np.inf, light.dark), canvas.light
    sky.front(FAR, rectangle((-FAR * 3, FAR * 3), (-50, FAR * 3)), Surface("-", np.ones(3), gradient, 1.0))
    canvas.light = kept


def ground(
    canvas: Canvas,
    name: str,
    surface: Surface,
    x: tuple = (-300.0, 300.0),
    z: tuple = (0.5, 350.0),
    height: float = 0.0,
) -> None:
    """A level stretch of ground."""
    canvas.add(name).paint(Plane("y", height), rectangle(x, z), surface)


def speckled(rng: Rng, colour: np.ndarray, material: str, coarse: float, fine: float, depth: float = 0.1) -> Surface:
    """Grass, sand, asphalt: noise at two sizes (bumps per metre)."""
    shift = rng.uniform(0, 9)

    def pattern(u, v, size):
        return (1 + depth * m.noise(u, v, coarse, shift=shift) * m.visible(1 / coarse, size)
                + depth * m.noise(u, v, fine, shift=shift + 1) * m.visible(1 / fine, size))  # fmt: skip

    return Surface(material, colour, pattern)


def grass(rng: Rng) -> Surface:
    """Lawn or meadow."""
    return speckled(
        rng, oklch(rng.uniform(0.55, 0.75), rng.uniform(0.07, 0.13), rng.uniform(100, 140)), "foliage", 0.5, 6
    )


def hills(
    canvas: Canvas,
    rng: Rng,
    z: float,
    base: float,
    height: float,
    name: str,
    surface: Surface,
    rough: float = 1.0,
    peaks: bool = False,
) -> None:
    """A ridge across the picture at depth z."""
    reach = z * 1.6 * canvas.width / canvas.height / 1.2
    x = np.linspace(-reach, reach, 90)
    line = np.zeros_like(x)
    for wave in (1.0, 2.2, 4.7, 9.5, 19.0):
        t = x / reach * wave * 2 + rng.uniform(0, 9)
        line += (
            (np.abs((t % 2) - 1) * 2 - 1 if peaks else np.sin(np.pi * t))
            / wave**0.9
            * rng.uniform(0.5, 1)
            * (rough if wave > 2 else 1)
        )
    line = base + height * (0.55 + 0.45 * line / np.abs(line).max())
    outline = np.concatenate([np.stack([x, line], 1), [(reach, -30), (-reach, -30)]])
    canvas.add(name).front(z, outline, surface)


def mountain_rock(rng: Rng, snow: float) -> Surface:
    """Bare rock, white above a height (metres)."""
    shift, colour = rng.uniform(0, 9), oklch(rng.uniform(0.5, 0.65), rng.uniform(0.01, 0.05), rng.uniform(200, 300))
    white = np.array([0.97, 0.98, 1.0], np.float32)

    def pattern(u, v, size):
        ridge = 1 + 0.14 * m.noise(u + 0.6 * v, v, 0.05, 0.03, shift) + 0.08 * m.noise(u, v, 0.2, shift=shift)
        cap = np.clip((v - snow + 9 * m.noise(u, v, 0.06, shift=shift)) / 6, 0, 1)[..., None]
        return (ridge[..., None] * (colour + (white - colour) * cap)).astype(np.float32)

    return Surface("stone", np.ones(3), pattern)


def water(rng: Rng, tone: float, hue: float) -> Surface:
    """Rippled water, brighter far away."""
    shift, colour = rng.uniform(0, 9), oklch(tone, rng.uniform(0.05, 0.1), hue)

    def pattern(u, v, size):
        far = np.clip(v / 120, 0, 1)
        ripple = m.noise(u, v, 0.35, 1.3, shift) + 0.7 * m.noise(u, v, 0.9, 3.2, shift + 1)
        glint = np.clip(ripple - 1.5, 0, 1) * 0.6
        return 1 + 0.25 * far + (0.07 * ripple + glint) * np.clip(3.0 / np.sqrt(np.maximum(v, 1)), 0.25, 1)

    return Surface("-", colour, pattern)


def street(canvas: Canvas, rng: Rng) -> None:
    """A street between town houses, seen along its length."""
    outdoors(canvas, rng, eye=rng.uniform(1.6, 3.2), horizon=rng.uniform(0.48, 0.6), focal=rng.uniform(0.8, 1.1))
    half, walk = rng.uniform(3.2, 5.0), rng.uniform(1.8, 3.0)
    asphalt = speckled(rng, oklch(rng.uniform(0.42, 0.6), 0.012, rng.uniform(40, 280)), "stone", 0.8, 8, 0.06)
    paving = m.stone(rng, oklch(rng.uniform(0.6, 0.78), 0.02, rng.uniform(40, 100)), block=0.7)
    hills(canvas, rng, 300, 0, rng.uniform(10, 25), "tree" if rng.random() < 0.5 else "building",
          m.foliage(rng, oklch(0.55, 0.07, 130), 2.0) if rng.random() < 0.5 else m.painted(rng))  # fmt: skip
    ground(canvas, "road", asphalt)
    things = []
    for side in (-1, 1):
        ground(canvas, "sidewalk", paving, tuple(sorted((side * half, side * (half + walk + 60)))), (0.5, 200.0), 0.0)
        z = rng.uniform(2, 7)
        while z < 110:
            width, height = rng.uniform(7, 13), rng.uniform(5.5, 15)
            x = tuple(sorted((side * (half + walk), side * (half + walk + 12))))
            if rng.random() < 0.88:
                things.append(
                    (z + width, lambda x=x, z=z, w=width, h=height: outdoor.building(canvas, rng, x, (z, z + w), h))
                )
            else:
                things.append(
                    (
                        z + 4,
                        lambda s=side, z=z: outdoor.tree(canvas, rng, s * (half + walk + 3), z + 4, rng.uniform(5, 8)),
                    )
                )
            z += width + rng.choice([0, 0, 0, 1.5])
        kerb = oklch(0.75, 0.01, 80)
        things.append(
            (
                250,
                lambda s=side, k=kerb: canvas.add("sidewalk").paint(
                    Plane("y", 0.0),
                    rectangle(tuple(sorted((s * half, s * (half + 0.25)))), (0.5, 200.0)),
                    m.stone(rng, k),
                ),
            )
        )
        if rng.random() < 0.7:
            for z in np.arange(rng.uniform(6, 10), 60, rng.uniform(9, 14)):
                draw = outdoor.streetlight if rng.random() < 0.4 else None
                if draw is None:
                    things.append(
                        (
                            z,
                            lambda s=side, z=z, h=rng.uniform(3.5, 5.5): outdoor.tree(
                                canvas, rng, s * (half + 0.9), z, h, "broad"
                            ),
                        )
                    )
                else:
                    things.append((z, lambda s=side, z=z: outdoor.streetlight(canvas, rng, s * (half + 0.6), z)))
    line = plain(oklch(0.92, 0.02, rng.choice([90, 95])))
    for z in np.arange(2, 90, 5.0):
        canvas.add("road").paint(Plane("y", 0.0), rectangle((-0.08, 0.08), (z, z + 2.4)), line)
    if rng.random() < 0.35:
        near = rng.uniform(5, 9)
        for x in np.arange(-half + 0.3, half - 0.4, 1.0):
            canvas.add("road").paint(Plane("y", 0.0), rectangle((x, x + 0.5), (near, near + 2.5)), line)
    z = rng.uniform(5, 9)
    for _ in range(rng.integers(2, 6)):
        side = rng.choice([-1, 1])
        if rng.random() < 0.75:
            things.append((z, lambda z=z, s=side: outdoor.car_front(canvas, rng, s * (half - 1.3), z)))
        else:
            things.append((z, lambda z=z: outdoor.car_side(canvas, rng, rng.uniform(-2, 2), z)))
        z += rng.uniform(4.5, 12)
    for _ in range(rng.integers(1, 6)):
        z = rng.uniform(4.5, 22)
        x = (
            rng.choice([-1, 1]) * (half + rng.uniform(0.4, walk - 0.3))
            if rng.random() < 0.8
            else rng.uniform(-half, half)
        )
        things.append((z, lambda x=x, z=z: outdoor.person(canvas, rng, x, z)))
    paint_far_to_near(things)


def village(canvas: Canvas, rng: Rng) -> None:
    """Cottages along a lane among meadows."""
    outdoors(canvas, rng, eye=rng.uniform(1.8, 3.5), horizon=rng.uniform(0.4, 0.55), focal=rng.uniform(0.9, 1.2))
    for z, height in ((350, rng.uniform(25, 55)), (220, rng.uniform(10, 22))):
        hills(
            canvas,
            rng,
            z,
            -2,
            height,
            "mountain",
            m.foliage(rng, oklch(rng.uniform(0.5, 0.65), 0.07, rng.uniform(110, 160)), 2.5),
        )
    ground(canvas, "grass", grass(rng))
    bend, wide = rng.uniform(-0.12, 0.12), rng.uniform(1.4, 2.2)
    z = np.linspace(0.6, 120, 60)
    middle = bend * z + 3 * np.sin(z / rng.uniform(12, 25))
    lane = np.concatenate([np.stack([middle - wide, z], 1), np.stack([middle + wide, z], 1)[::-1]])
    canvas.add("road").paint(
        Plane("y", 0.0), lane, speckled(rng, oklch(rng.uniform(0.6, 0.75), 0.035, 75), "stone", 1.0, 7)
    )
    things = []
    for side in (-1, 1):
        z = rng.uniform(9, 16)
        while z < 80:
            width = rng.uniform(4.5, 7.5)
            x = bend * z + 3 * side * rng.uniform(0.9, 1.3) + side * width / 2
            things.append((z, lambda x=x, z=z, w=width: outdoor.cottage(canvas, rng, x, z, w)))
            z += rng.uniform(8, 20)
        for _ in range(rng.integers(2, 5)):
            z = rng.uniform(7, 60)
            x = bend * z + side * rng.uniform(4, 14)
            things.append((z, lambda x=x, z=z, h=rng.uniform(4, 8): outdoor.tree(canvas, rng, x, z, h)))
        for _ in range(rng.integers(1, 4)):
            z = rng.uniform(5, 20)
            things.append(
                (
                    z,
                    lambda z=z, s=side: outdoor.bush(
                        canvas, rng, bend * z + s * rng.uniform(2.5, 5), z, rng.uniform(0.4, 0.8)
                    ),
                )
            )
    for _ in range(rng.integers(0, 3)):
        z = rng.uniform(4.5, 15)
        things.append((z, lambda z=z: outdoor.person(canvas, rng, bend * z + rng.uniform(-2, 2), z)))
    if rng.random() < 0.35:
        z = rng.uniform(5, 12)
        things.append((z, lambda z=z: outdoor.dog(canvas, rng, bend * z + rng.uniform(-2, 2), z)))
    if rng.random() < 0.35:
        z = rng.uniform(8, 16)
        things.append((z, lambda z=z: outdoor.car_side(canvas, rng, rng.uniform(-3, 3), z)))
    paint_far_to_near(things)


def park(canvas: Canvas, rng: Rng) -> None:
    """Lawns, paths, benches and people under trees."""
    outdoors(canvas, rng, eye=rng.uniform(1.5, 2.6), horizon=rng.uniform(0.42, 0.56), focal=rng.uniform(0.9, 1.2))
    if rng.random() < 0.5:
        for x in np.cumsum(rng.uniform(12, 22, 12)) - 100:
            outdoor.building(canvas, rng, (x, x + rng.uniform(9, 14)), (90, 92), rng.uniform(10, 26))
    hills(
        canvas,
        rng,
        80,
        -1,
        rng.uniform(5, 9),
        "tree",
        m.foliage(rng, oklch(rng.uniform(0.42, 0.55), 0.08, rng.uniform(110, 150)), 0.9),
    )
    ground(canvas, "grass", grass(rng))
    start, turn, wide = rng.uniform(-2.5, 2.5), rng.uniform(-0.25, 0.25), rng.uniform(1.0, 1.8)
    z = np.linspace(0.6, 60, 60)
    middle = start + turn * z + 1.5 * np.sin(z / rng.uniform(5, 12))
    path = np.concatenate([np.stack([middle - wide, z], 1), np.stack([middle + wide, z], 1)[::-1]])
    paving = (
        speckled(rng, oklch(rng.uniform(0.68, 0.82), 0.035, 80), "stone", 1.0, 8)
        if rng.random() < 0.6
        else m.brick(rng)
    )
    canvas.add("sidewalk").paint(Plane("y", 0.0), path, paving)
    things = []
    for _ in range(rng.integers(5, 10)):
        z = rng.uniform(6, 45)
        x = rng.choice([-1, 1]) * rng.uniform(1.2, 0.75 * z)
        things.append((z, lambda x=x, z=z, h=rng.uniform(4, 8): outdoor.tree(canvas, rng, x, z, h)))
    for _ in range(rng.integers(1, 4)):
        z = rng.uniform(4, 9)
        things.append((z, lambda z=z: outdoor.bench(canvas, rng, rng.uniform(-0.45, 0.45) * z, z)))
    for _ in range(rng.integers(1, 5)):
        z = rng.uniform(3.5, 18)
        things.append((z, lambda z=z: outdoor.person(canvas, rng, rng.uniform(-0.5, 0.5) * z, z)))
    if rng.random() < 0.5:
        z = rng.uniform(2.8, 7)
        things.append((z, lambda z=z: outdoor.dog(canvas, rng, rng.uniform(-0.4, 0.4) * z, z)))
    for _ in range(rng.integers(1, 5)):
        z = rng.uniform(4, 14)
        things.append((z, lambda z=z: outdoor.bush(canvas, rng, rng.uniform(-0.6, 0.6) * z, z, rng.uniform(0.4, 0.8))))
    if rng.random() < 0.5:
        things.append(
            (9.0, lambda: outdoor.streetlight(canvas, rng, rng.choice([-1, 1]) * rng.uniform(2, 5), 9.0, 3.6))
        )
    paint_far_to_near(things)


def beach(canvas: Canvas, rng: Rng) -> None:
    """Sand, sea, boats and bathers."""
    outdoors(canvas, rng, eye=rng.uniform(1.7, 3.5), horizon=rng.uniform(0.33, 0.5), focal=rng.uniform(0.9, 1.2))
    if rng.random() < 0.6:
        hills(
            canvas,
            rng,
            390,
            -4,
            rng.uniform(20, 50),
            "mountain",
            m.stone(rng, oklch(0.55, 0.05, rng.uniform(120, 260))),
        )
    ground(canvas, "water", water(rng, rng.uniform(0.5, 0.7), rng.uniform(195, 245)), z=(2.0, 390.0))
    shore = rng.uniform(9, 18)
    slope = rng.uniform(-0.25, 0.25)
    x = np.linspace(-40, 40, 60)
    for offset, surface in ((1.1, plain(oklch(0.95, 0.015, 210))), (0.0, None)):
        edge = np.maximum(shore + slope * x + 0.8 * np.sin(x / 2.3 + 1) + 0.5 * np.sin(x / 0.9), 3.0) + offset
        outline = np.concatenate([np.stack([x, edge], 1), [(40, 0.5), (-40, 0.5)]])
        sand = speckled(
            rng, oklch(rng.uniform(0.76, 0.86), rng.uniform(0.04, 0.07), rng.uniform(70, 88)), "-", 0.6, 9, 0.06
        )
        canvas.add("water" if surface else "sand").paint(Plane("y", 0.0), outline, surface or sand)
    things = []
    for _ in range(rng.integers(1, 5)):
        z = rng.uniform(shore + 8, 90)
        things.append((z, lambda z=z: outdoor.boat(canvas, rng, rng.uniform(-0.6, 0.6) * z, z, rng.uniform(0.8, 1.5))))
    if rng.random() < 0.4:
        z = rng.uniform(6, shore)
        things.append((z, lambda z=z: outdoor.boat(canvas, rng, rng.uniform(-0.5, 0.5) * z, z, 0.8, sail=False)))
    for _ in range(rng.integers(0, 4)):
        z = rng.uniform(6, 14)
        things.append(
            (
                z,
                lambda z=z: outdoor.tree(
                    canvas,
                    rng,
                    rng.choice([-1, 1]) * rng.uniform(0.25, 0.6) * z,
                    z,
                    rng.uniform(4, 6),
                    "palm",
                    rng.uniform(105, 150),
                ),
            )
        )
    for _ in range(rng.integers(1, 6)):
        z = rng.uniform(4, 16)
        things.append((z, lambda z=z: outdoor.person(canvas, rng, rng.uniform(-0.55, 0.55) * z, z)))
    if rng.random() < 0.3:
        z = rng.uniform(3.5, 9)
        things.append((z, lambda z=z: outdoor.dog(canvas, rng, rng.uniform(-0.4, 0.4) * z, z)))
    for _ in range(rng.integers(0, 3)):
        z = rng.uniform(4, 10)
        things.append((z, lambda z=z: parasol(canvas, rng, rng.uniform(-0.5, 0.5) * z, z)))
    paint_far_to_near(things)


def parasol(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """A sunshade in stripes over a towel; not one of the labelled names."""
    thing = canvas.add("-")
    towel = outdoor.cloth(rng, printed=0.8, period=0.3)
    thing.paint(Plane("y", 0.01), rectangle((x - 1.0, x + 0.7), (z - 0.5, z + 0.2)), towel)
    thing.front(z, rectangle((x - 0.03, x + 0.03), (0, 2.0)), m.wood(rng))
    first, second = (
        m.fabric(rng, oklch(lightness, 0.13, hue)) for lightness, hue in ((0.93, 90), (0.6, rng.uniform(0, 360)))
    )
    angle = np.linspace(0, np.pi, 9)
    for i in range(8):
        rim = np.stack([1.2 * np.cos(angle[i : i + 2]), 0.12 * np.sin(angle[i : i + 2] * 4)], 1)
        rib = np.concatenate([rim, [(0, 0.62)]]) + (x, 1.75)
        thing.front(z, rib, (first, second)[i % 2])


def mountain(canvas: Canvas, rng: Rng) -> None:
    """Peaks over a lake or a meadow, firs, a cabin."""
    outdoors(canvas, rng, eye=rng.uniform(1.8, 4), horizon=rng.uniform(0.5, 0.66), focal=rng.uniform(0.9, 1.2))
    for z, height in ((390, rng.uniform(130, 190)), (300, rng.uniform(60, 100))):
        hills(
            canvas, rng, z, -5, height, "mountain", mountain_rock(rng, height * rng.uniform(0.5, 0.85)), 0.8, peaks=True
        )
    hills(
        canvas,
        rng,
        160,
        -2,
        rng.uniform(14, 26),
        "tree",
        m.foliage(rng, oklch(rng.uniform(0.36, 0.5), 0.06, rng.uniform(130, 160)), 1.5),
    )
    meadow = grass(rng)
    ground(canvas, "grass", meadow)
    if rng.random() < 0.6:
        z0, z1 = rng.uniform(9, 16), rng.uniform(50, 110)
        x = np.linspace(-150, 150, 80)
        lake = np.concatenate([np.stack([x, z0 + 1.5 * np.sin(x / 5) + 0.02 * x], 1), [(150, z1), (-150, z1)]])
        canvas.add("water").paint(Plane("y", 0.0), lake, water(rng, rng.uniform(0.5, 0.66), rng.uniform(200, 250)))
    things = []
    for _ in range(rng.integers(4, 12)):
        z = rng.uniform(6, 50)
        things.append(
            (
                z,
                lambda z=z, h=rng.uniform(4, 10): outdoor.tree(
                    canvas, rng, rng.choice([-1, 1]) * rng.uniform(0.15, 0.75) * z, z, h, "fir", rng.uniform(130, 165)
                ),
            )
        )
    if rng.random() < 0.55:
        z = rng.uniform(9, 18)
        things.append(
            (z, lambda z=z: outdoor.cottage(canvas, rng, rng.uniform(-0.35, 0.35) * z, z, rng.uniform(4.5, 6.5), 2.5))
        )
    for _ in range(rng.integers(0, 3)):
        z = rng.uniform(4, 12)
        things.append((z, lambda z=z: outdoor.person(canvas, rng, rng.uniform(-0.5, 0.5) * z, z)))
    for _ in range(rng.integers(1, 5)):
        z = rng.uniform(4, 12)
        things.append((z, lambda z=z: rock(canvas, rng, rng.uniform(-0.6, 0.6) * z, z, rng.uniform(0.3, 0.9))))
    paint_far_to_near(things)


def rock(canvas: Canvas, rng: Rng, x: float, z: float, size: float) -> None:
    """A boulder; not one of the labelled names."""
    thing = canvas.add("-")
    thing.ground_shadow(x, z, 2.2 * size, 0.5 * size)
    from dgmlib.broden.mini.canvas import blob

    thing.front(z, blob(rng, (x, 0.35 * size), size, 0.5 * size, 0.2), m.stone(rng), round=1.0)


def room(
    canvas: Canvas,
    rng: Rng,
    width: float,
    depth: float,
    height: float,
    floors: tuple,
    walls: tuple = ("painted", "painted", "painted", "brick", "wood"),
) -> None:
    """Set the camera and the light, and paint the floor, three walls and the ceiling of a room."""
    dark = rng.random() < 0.25
    angle = rng.uniform(-0.8, 0.8)
    towards = np.array([np.sin(angle), 0.9, np.cos(angle)])
    warm = rng.uniform(-0.05, 0.05)
    strength = 0.45 if dark else rng.uniform(0.42, 0.6)
    light = Light(
        tuple(towards / np.linalg.norm(towards)),
        np.array(
            [strength + warm + (0.08 if dark else 0), strength, strength - warm - (0.08 if dark else 0)], np.float32
        ),
        np.array([0.42, 0.4, 0.42] if dark else [0.58, 0.58, 0.6], np.float32),
        np.ones(3, np.float32),
        np.inf,
        dark,
    )
    canvas.look(rng.uniform(1.25, 1.75), rng.uniform(0.4, 0.5), rng.uniform(0.75, 1.0), light)
    make = {
        "wood": lambda: m.wood(rng, plank=rng.uniform(0.1, 0.2), along="v"),
        "tile": lambda: m.tile(rng),
        "carpet": lambda: m.carpet(rng),
        "stone": lambda: m.stone(rng, block=0.5),
        "painted": lambda: m.painted(rng, oklch(rng.uniform(0.72, 0.95), rng.uniform(0.01, 0.07), rng.uniform(0, 360))),
        "brick": lambda: m.brick(rng),
    }
    half = width / 2

    def corner(u, v):
        return 1 - 0.25 * np.exp(-v / 0.5) - 0.18 * np.exp(-(height - v) / 0.6)

    canvas.add("floor").paint(Plane("y", 0.0), rectangle((-half, half), (0.45, depth)), make[rng.choice(floors)](),
        modulate=lambda u, v: 1 - 0.25 * np.exp((v - depth) / 0.6) - 0.2 * np.exp(-(half - np.abs(u)) / 0.5))  # fmt: skip
    canvas.add("ceiling").paint(
        Plane("y", height),
        rectangle((-half, half), (0.45, depth)),
        m.painted(rng, oklch(0.95, 0.012, 80)),
        normal=(0, 0.5, 0),
    )
    kind = rng.choice(walls)
    back = make[kind]()
    sides = back if kind == "painted" else make["painted"]()
    for side in (-1, 1):
        canvas.add("wall").paint(Plane("x", side * half), rectangle((0.45, depth), (0, height)), sides,
            modulate=lambda u, v: corner(u, v) * (1 - 0.15 * np.exp((u - depth) / 0.5)))  # fmt: skip
    canvas.add("wall").front(depth, rectangle((-half, half), (0, height)), back,
        modulate=lambda u, v: corner(u, v) * (1 - 0.15 * np.exp(-(half - np.abs(u)) / 0.5)))  # fmt: skip


def rug(canvas: Canvas, rng: Rng, x: float, z: float, width: float, depth: float) -> None:
    """A rug on the floor, often with a pattern."""
    mat = canvas.add("carpet")
    surface = m.carpet(rng)
    if rng.random() < 0.5:
        from dgmlib.broden.mini.textures import motif

        surface = m.carpet(
            rng, np.ones(3), motif(rng.choice(["zigzagged", "banded", "chequered", "grid"]), rng, rng.uniform(0.3, 0.6))
        )
    outline = (
        ellipse((x, z + depth / 2), width / 2, depth / 2)
        if rng.random() < 0.3
        else rectangle((x - width / 2, x + width / 2), (z, z + depth))
    )
    mat.paint(Plane("y", 0.0), outline, surface)


def _walls(canvas: Canvas, rng: Rng, depth: float, spots: list[tuple[float, float]], window_share: float) -> None:
    """Hang windows, paintings and a door on the far wall; spots are (x, lowest free height)."""
    for i, (x, low) in enumerate(spots):
        kind = rng.random()
        if kind < window_share:
            indoor.window(
                canvas,
                rng,
                x,
                (max(low, 0.95), rng.uniform(2.05, 2.25)),
                depth - 0.01,
                rng.uniform(0.9, 1.5),
                rng.random() < 0.75,
            )
        elif kind < window_share + 0.3:
            size = rng.uniform(0.45, 0.95)
            indoor.painting(canvas, rng, x, max(low + 0.55, 1.6), depth - 0.01, size * rng.uniform(0.8, 1.5), size)
        elif kind < window_share + 0.5 and low < 0.1:
            indoor.door(canvas, rng, x, depth - 0.01)


def bedroom(canvas: Canvas, rng: Rng) -> None:
    """A bed between lamps, cupboards and curtains."""
    width, depth = rng.uniform(3.6, 5), rng.uniform(4.2, 5.2)
    room(canvas, rng, width, depth, rng.uniform(2.4, 2.7), ("wood", "wood", "carpet"))
    wide = rng.choice([0.95, 1.4, 1.7])
    x = rng.uniform(-0.25, 0.25) * (width - wide)
    _walls(canvas, rng, depth, [(x, 1.35)], 0.15)
    side = rng.choice([-1, 1])
    _walls(canvas, rng, depth, [(side * (width / 2 - 0.75), 0.95)], 0.75)
    if rng.random() < 0.7:
        rug(canvas, rng, x, depth - 2.9, wide + 1.2, 1.6)
    things = [(depth - 1.0, lambda: indoor.bed(canvas, rng, x, depth - 2.1, wide))]
    for s in (-1, 1):
        at = x + s * (wide / 2 + 0.35)
        if abs(at) < width / 2 - 0.3 and rng.random() < 0.8:
            things.append(
                (
                    depth - 0.4,
                    lambda at=at: (
                        indoor.cabinet(
                            canvas, rng, (at - 0.24, at + 0.24), (0, 0.55), (depth - 0.45, depth - 0.02), columns=1
                        ),
                        indoor.lamp(canvas, rng, at, depth - 0.3, 0.55, rng.uniform(0.5, 0.7))
                        if rng.random() < 0.75
                        else None,
                    ),
                )
            )
    if rng.random() < 0.6:
        left = -side * width / 2
        span = tuple(sorted((left, left + side * 0.6)))
        things.append(
            (
                depth - 2.6,
                lambda: indoor.cabinet(canvas, rng, span, (0, rng.choice([0.9, 2.0])), (depth - 3.0, depth - 1.9)),
            )
        )
    if rng.random() < 0.5:
        things.append(
            (2.0, lambda: indoor.chair(canvas, rng, rng.choice([-1, 1]) * rng.uniform(0.8, 1.4), rng.uniform(1.8, 2.4)))
        )
    if rng.random() < 0.4:
        things.append(
            (
                depth - 0.5,
                lambda: indoor.pot_plant(canvas, rng, side * (width / 2 - 0.3), depth - 0.6, rng.uniform(0.7, 1.2)),
            )
        )
    paint_far_to_near(things)


def living_room(canvas: Canvas, rng: Rng) -> None:
    """A sofa, a low table, lamps and pictures."""
    width, depth = rng.uniform(4.2, 6), rng.uniform(4.2, 5.4)
    room(canvas, rng, width, depth, rng.uniform(2.5, 2.9), ("wood", "wood", "carpet", "tile", "stone"))
    _walls(canvas, rng, depth, [(at, 1.1) for at in np.linspace(-width / 2 + 0.8, width / 2 - 0.8, 3)], 0.45)
    x, wide = rng.uniform(-0.5, 0.5), rng.uniform(1.6, 2.5)
    if rng.random() < 0.75:
        rug(canvas, rng, x, depth - 2.9, rng.uniform(2.0, 3.0), 1.8)
    things = [(depth - 0.9, lambda: indoor.sofa(canvas, rng, x, depth - 1.2, wide))]
    if rng.random() < 0.8:

        def low_table():
            height = rng.uniform(0.38, 0.5)
            indoor.table(canvas, rng, x + rng.uniform(-0.2, 0.2), depth - 2.3, rng.uniform(0.8, 1.3), 0.6, height, 0.1)
            if rng.random() < 0.6:
                indoor.vase(canvas, rng, x + rng.uniform(-0.2, 0.2), depth - 2.0, height, rng.uniform(0.2, 0.35))

        things.append((depth - 2.2, low_table))
    for s in (-1, 1):
        at = x + s * (wide / 2 + 0.4)
        if abs(at) > width / 2 - 0.2:
            continue
        kind = rng.random()
        if kind < 0.45:
            things.append(
                (depth - 0.7, lambda at=at: indoor.lamp(canvas, rng, at, depth - 0.6, 0.0, rng.uniform(1.4, 1.7)))
            )
        elif kind < 0.75:
            things.append(
                (depth - 0.7, lambda at=at: indoor.pot_plant(canvas, rng, at, depth - 0.6, rng.uniform(0.8, 1.4)))
            )
    side = rng.choice([-1, 1])
    if rng.random() < 0.5:
        span = tuple(sorted((side * width / 2, side * (width / 2 - 0.45))))
        kind = rng.random()
        if kind < 0.5:
            things.append(
                (
                    depth - 2.4,
                    lambda: indoor.cabinet(canvas, rng, span, (0, rng.uniform(0.6, 1.0)), (depth - 3.0, depth - 1.6)),
                )
            )
        else:
            things.append((depth - 2.4, lambda: indoor.bookshelf(canvas, rng, span, 1.9, (depth - 2.8, depth - 1.8))))
    if rng.random() < 0.35:
        things.append((2.3, lambda: indoor.chair(canvas, rng, -side * rng.uniform(0.9, 1.5), rng.uniform(2.0, 2.5))))
    if rng.random() < 0.2:
        things.append((depth - 2.6, lambda: outdoor.dog(canvas, rng, rng.uniform(-1, 1), depth - 2.5, 0.8)))
    if rng.random() < 0.3:
        things.append((depth - 1.7, lambda: outdoor.person(canvas, rng, -side * rng.uniform(0.7, 1.5), depth - 1.6)))
    paint_far_to_near(things)


def dining_room(canvas: Canvas, rng: Rng) -> None:
    """A table with chairs around it under a hanging lamp."""
    width, depth, height = rng.uniform(4, 5.5), rng.uniform(4.4, 5.4), rng.uniform(2.5, 2.9)
    room(canvas, rng, width, depth, height, ("wood", "wood", "tile", "stone", "carpet"))
    _walls(canvas, rng, depth, [(at, 0.05) for at in np.linspace(-width / 2 + 0.8, width / 2 - 0.8, 3)], 0.4)
    if rng.random() < 0.4:
        rug(canvas, rng, 0, 2.2, 2.6, 2.0)
    x, z, wide, deep = rng.uniform(-0.3, 0.3), rng.uniform(2.4, 2.9), rng.uniform(1.2, 1.9), rng.uniform(0.8, 1.0)
    wood = indoor.timber(rng)
    things = []
    seats = np.linspace(-wide / 2 + 0.35, wide / 2 - 0.35, 2 if wide < 1.6 else 3)
    for at in seats:
        things.append(
            (
                z + deep + 0.3,
                lambda at=at: indoor.chair(canvas, rng, x + at, z + deep + rng.uniform(0, 0.2), "near", wood),
            )
        )
        if rng.random() < 0.55:
            things.append(
                (z - 0.3, lambda at=at: indoor.chair(canvas, rng, x + at, z - rng.uniform(0.45, 0.65), "far", wood))
            )
    for s, facing in ((-1, "right"), (1, "left")):
        if rng.random() < 0.6:
            things.append(
                (
                    z + deep / 2,
                    lambda s=s, f=facing: indoor.chair(
                        canvas, rng, x + s * (wide / 2 + 0.32), z + deep / 2 - 0.2, f, wood
                    ),
                )
            )

    def laid():
        indoor.table(canvas, rng, x, z, wide, deep, cloth_share=0.4)
        for at in rng.permutation(np.linspace(-wide / 2 + 0.2, wide / 2 - 0.2, 4))[: rng.integers(1, 4)]:
            indoor.vase(canvas, rng, x + at, z + rng.uniform(0.3, 0.7) * deep, 0.74, rng.uniform(0.15, 0.3))
        if rng.random() < 0.4:
            indoor.pot_plant(canvas, rng, x, z + deep / 2, 0.4, 0.74)

    things.append((z + 0.1, laid))
    things.append(
        (z + deep / 2 - 0.2, lambda: indoor.pendant(canvas, rng, x, z + deep / 2, height, rng.uniform(0.7, 1.1)))
    )
    if rng.random() < 0.5:
        side = rng.choice([-1, 1])
        span = tuple(sorted((side * width / 2, side * (width / 2 - 0.5))))
        things.append(
            (
                depth - 1.3,
                lambda: indoor.cabinet(canvas, rng, span, (0, rng.uniform(0.8, 1.1)), (depth - 1.9, depth - 0.5)),
            )
        )
    if rng.random() < 0.3:
        things.append(
            (
                depth - 0.6,
                lambda: outdoor.person(
                    canvas, rng, rng.choice([-1, 1]) * rng.uniform(1.0, width / 2 - 0.4), depth - 0.6
                ),
            )
        )
    paint_far_to_near(things)


def kitchen(canvas: Canvas, rng: Rng) -> None:
    """Kitchen units with a stove, wall cupboards, tiles."""
    width, depth = rng.uniform(3.4, 4.8), rng.uniform(3.6, 4.6)
    room(
        canvas,
        rng,
        width,
        depth,
        rng.uniform(2.4, 2.7),
        ("tile", "tile", "wood", "stone"),
        ("tile", "tile", "painted", "brick"),
    )
    front = indoor.timber(rng) if rng.random() < 0.5 else m.painted(rng)
    slab = [m.stone(rng), m.wood(rng), m.metal(rng), m.ceramic(rng, oklch(0.9, 0.02, 90))][rng.integers(4)]
    place, half = rng.uniform(-0.6, 0.6), width / 2
    run = (depth - 0.65, depth - 0.02)
    if rng.random() < 0.65:
        indoor.window(
            canvas,
            rng,
            -np.sign(place) * rng.uniform(0.2, 0.8) * (half - 0.8),
            (1.2, 2.1),
            depth - 0.01,
            rng.uniform(0.8, 1.2),
            rng.random() < 0.4,
        )
        spans = [tuple(sorted((np.sign(place) * (half - 0.05), place)))]
    else:
        spans = [(-half + 0.05, place - 0.35), (place + 0.35, half - 0.05)]
    for span in spans:
        if span[1] - span[0] > 0.4:
            indoor.cabinet(canvas, rng, span, (1.45, 2.1), (depth - 0.36, depth - 0.02), front)
    for span in ((-half, place - 0.33), (place + 0.33, half)):
        indoor.cabinet(canvas, rng, span, (0, 0.9), run, front, slab)
    indoor.stove(canvas, rng, place, run)
    for _ in range(rng.integers(2, 5)):
        at = rng.uniform(-half + 0.2, half - 0.2)
        if abs(at - place) > 0.45:
            indoor.vase(canvas, rng, at, depth - 0.35, 0.9, rng.uniform(0.15, 0.3))
    if rng.random() < 0.4:
        indoor.pot_plant(canvas, rng, -np.sign(place) * (half - 0.3), depth - 0.3, 0.45, 0.9)
    things = []
    if rng.random() < 0.5:
        side = rng.choice([-1, 1])
        span = tuple(sorted((side * half, side * (half - 0.6))))
        things.append(
            (depth - 1.6, lambda: indoor.cabinet(canvas, rng, span, (0, 0.9), (depth - 2.4, depth - 0.66), front, slab))
        )
    if rng.random() < 0.55:
        x, z = rng.uniform(-0.6, 0.6), rng.uniform(1.7, 2.1)
        things.append(
            (
                z + 0.3,
                lambda: (
                    indoor.table(canvas, rng, x, z, rng.uniform(0.8, 1.2), 0.7, cloth_share=0.4),
                    indoor.vase(canvas, rng, x, z + 0.4, 0.74, 0.25),
                ),
            )
        )
        things.append((z + 0.2, lambda: indoor.chair(canvas, rng, x + rng.choice([-1, 1]) * 0.8, z + 0.1)))
        if rng.random() < 0.5:
            things.append((z + 0.9, lambda: indoor.chair(canvas, rng, x, z + 0.75, "near")))
    if rng.random() < 0.4:
        things.append((depth - 1.1, lambda: outdoor.person(canvas, rng, rng.uniform(-1.2, 1.2), depth - 1.1)))
    if rng.random() < 0.4:
        things.append((depth - 1.4, lambda: indoor.pendant(canvas, rng, rng.uniform(-0.8, 0.8), depth - 1.4, 2.4, 0.5)))
    paint_far_to_near(things)


def office(canvas: Canvas, rng: Rng) -> None:
    """Desks with screens, chairs, shelves."""
    width, depth = rng.uniform(4.2, 6), rng.uniform(4.2, 5.4)
    room(
        canvas,
        rng,
        width,
        depth,
        rng.uniform(2.5, 2.9),
        ("carpet", "carpet", "wood", "tile"),
        ("painted", "painted", "painted", "brick"),
    )
    _walls(
        canvas,
        rng,
        depth,
        [(at, 0.05 if abs(at) > 1.2 else 1.1) for at in np.linspace(-width / 2 + 0.8, width / 2 - 0.8, 3)],
        0.5,
    )
    things = []
    side = rng.choice([-1, 1])

    def desk(x, z, wide):
        indoor.table(canvas, rng, x, z, wide, 0.7, cloth_share=0.0)
        indoor.monitor(canvas, rng, x + rng.uniform(-0.25, 0.25), z + 0.45, 0.74)
        if rng.random() < 0.5:
            indoor.lamp(canvas, rng, x + rng.choice([-1, 1]) * (wide / 2 - 0.15), z + 0.4, 0.74, rng.uniform(0.45, 0.6))
        if rng.random() < 0.5:
            indoor.vase(canvas, rng, x + rng.uniform(-0.4, 0.4), z + 0.2, 0.74, 0.11)

    rows = [depth - 0.9] if rng.random() < 0.4 else [depth - 0.9, depth - 2.5]
    for z in rows:
        for x in (-1.0, 1.0) if width > 4.8 else (rng.uniform(-0.5, 0.5),):
            x = x + rng.uniform(-0.15, 0.15)
            things.append((z + 0.3, lambda x=x, z=z, w=rng.uniform(1.2, 1.6): desk(x, z, w)))
            if rng.random() < 0.85:
                things.append(
                    (
                        z - 0.2,
                        lambda x=x, z=z: indoor.chair(
                            canvas,
                            rng,
                            x + rng.uniform(-0.2, 0.2),
                            z - rng.uniform(0.4, 0.6),
                            rng.choice(["far", "far", "left", "right"]),
                        ),
                    )
                )
    span = tuple(sorted((side * width / 2, side * (width / 2 - 0.4))))
    if rng.random() < 0.6:
        things.append((depth - 1.5, lambda: indoor.bookshelf(canvas, rng, span, 1.9, (depth - 2.0, depth - 1.0))))
    elif rng.random() < 0.7:
        things.append((depth - 1.5, lambda: indoor.cabinet(canvas, rng, span, (0, 1.2), (depth - 2.0, depth - 1.0))))
    if rng.random() < 0.5:
        things.append(
            (
                depth - 0.4,
                lambda: indoor.pot_plant(canvas, rng, -side * (width / 2 - 0.35), depth - 0.4, rng.uniform(0.9, 1.4)),
            )
        )
    if rng.random() < 0.35:
        things.append((depth - 1.5, lambda: outdoor.person(canvas, rng, rng.uniform(-1.5, 1.5), depth - 1.5)))
    paint_far_to_near(things)


SCENES: dict[str, Callable[[Canvas, Rng], None]] = {
    "beach": beach, "bedroom": bedroom, "dining_room": dining_room, "kitchen": kitchen, "living_room": living_room,
    "mountain": mountain, "office": office, "park": park, "street": street, "village": village,
}  # fmt: skip
