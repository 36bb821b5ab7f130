"""What stands on tables, hangs on walls and lies on floors."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Plane
from dgmlib.broden.mini.furniture import timber
from dgmlib.broden.mini.living import cloth
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.shapes import Rng, capsule, ellipse, moved, rectangle, rounded
from dgmlib.broden.mini.textures import motif


def lamp(canvas: Canvas, rng: Rng, x: float, z: float, ground: float = 0.0, height: float = 1.5) -> None:
    """A floor or table lamp."""
    light = canvas.add("lamp")
    k = height / 1.5
    stem = m.metal(rng) if rng.random() < 0.5 else m.wood(rng, along="v")
    wide = 1.0 if height > 1 else 1.5
    if ground == 0:
        light.ground_shadow(x, z, 0.4, 0.2)
    light.front(
        z, moved(rounded((-0.16 * wide, 0.16 * wide), (0, 0.06 * wide), 0.03), x, k, ground), stem, "base", round=0.6
    )
    if height > 1:
        light.front(z, moved(rectangle((-0.025, 0.025), (0.05, 1.2)), x, k, ground), stem, "column")
    else:
        body = m.ceramic(rng)
        light.front(z, moved(ellipse((0, 0.45), 0.26, 0.4), x, k, ground), body, "column", round=1.0)
        light.front(z, moved(rectangle((-0.05, 0.05), (0.8, 1.0)), x, k, ground), stem, "column")
    on = canvas.light.dark or rng.random() < 0.4
    hue = rng.choice([70, 80, 90, rng.uniform(0, 360)])
    shade = Surface("fabric", oklch(rng.uniform(0.82, 0.95), rng.uniform(0.02, 0.09), hue), None, 0.8 if on else 0.1)
    low, top = (0.95, 1.5) if height <= 1 else (1.12, 1.5)
    flare = rng.uniform(0.15, 0.24) * wide
    if on:
        canvas.glow(x, ground + 1.3 * k, z, 0.9 * k + 0.3, (1.0, 0.82, 0.5), 0.5)
    light.front(
        z,
        moved(np.array([(-0.3 * wide * 0.8, low), (0.3 * wide * 0.8, low), (flare, top), (-flare, top)]), x, k, ground),
        shade,
        "shade",
        round=0.5,
    )


def pendant(canvas: Canvas, rng: Rng, x: float, z: float, ceiling: float, drop: float) -> None:
    """A lamp that hangs from the ceiling."""
    light = canvas.add("lamp")
    on = canvas.light.dark or rng.random() < 0.4
    metal = m.metal(rng) if rng.random() < 0.5 else m.painted(rng)
    light.front(z, rectangle((x - 0.012, x + 0.012), (ceiling - drop, ceiling)), plain(oklch(0.3, 0.01, 60)), "column")
    half = rng.uniform(0.2, 0.32)
    bell = np.array([(-half, -0.12), (half, -0.12), (half * 0.5, 0.12), (0.05, 0.2), (-0.05, 0.2), (-half * 0.5, 0.12)])
    light.front(z, moved(bell, x, 1, ceiling - drop), metal, "shade", round=0.8)
    light.front(
        z,
        ellipse((x, ceiling - drop - 0.12), half * 0.9, 0.035),
        plain(oklch(0.95, 0.07, 85), 0.9 if on else 0.3),
        "shade",
    )
    if on:
        canvas.glow(x, ceiling - drop - 0.15, z, 0.9, (1.0, 0.82, 0.5), 0.45)


def painting(canvas: Canvas, rng: Rng, x: float, y: float, z: float, width: float, height: float) -> None:
    """A framed picture: hills under a sky, or shapes."""
    picture = canvas.add("painting")
    frame = m.wood(rng) if rng.random() < 0.6 else m.metal(rng)
    edge = 0.05
    picture.canvas.shade(
        Plane("z", z),
        rectangle((x - width / 2 + 0.02, x + width / 2 + 0.08), (y - height / 2 - 0.08, y + height / 2)),
        0.35,
        0.05,
    )
    picture.front(z, rectangle((x - width / 2, x + width / 2), (y - height / 2, y + height / 2)), frame)
    inner = rectangle((x - width / 2 + edge, x + width / 2 - edge), (y - height / 2 + edge, y + height / 2 - edge))
    hue = rng.uniform(0, 360)
    picture.front(z, inner, plain(oklch(rng.uniform(0.6, 0.95), 0.05, hue)))
    w, h = width / 2 - edge, height / 2 - edge
    if rng.random() < 0.55:
        for level, tone in ((0.25, 0.75), (-0.15, 0.58), (-0.5, 0.42)):
            ridge = np.stack([np.linspace(-w, w, 9), h * (level + 0.22 * rng.uniform(-1, 1, 9))], 1)
            hill = np.concatenate([ridge, [(w, -h), (-w, -h)]])
            picture.front(z, moved(hill, x, 1, y), plain(oklch(tone, 0.08, hue + 40 * level + rng.uniform(-30, 30))))
        picture.front(
            z, ellipse((x + w * rng.uniform(-0.5, 0.5), y + 0.55 * h), 0.16 * h), plain(oklch(0.93, 0.08, 90))
        )
    else:
        for _ in range(4):
            spot = (x + w * rng.uniform(-0.45, 0.45), y + h * rng.uniform(-0.45, 0.45))
            shape = ellipse(spot, w * rng.uniform(0.15, 0.5), h * rng.uniform(0.15, 0.5), rng.choice([3, 4, 24]))
            picture.front(z, shape, plain(oklch(rng.uniform(0.35, 0.85), 0.12, hue + rng.uniform(-90, 90))))


def window(
    canvas: Canvas, rng: Rng, x: float, y: tuple[float, float], z: float, width: float, curtains: bool = True
) -> None:
    """A window in the far wall with a view, and curtains beside it."""
    opening = canvas.add("window")
    frame = (
        m.painted(rng, oklch(rng.uniform(0.85, 0.97), 0.02, rng.uniform(0, 360))) if rng.random() < 0.7 else m.wood(rng)
    )
    half, edge = width / 2, 0.06
    opening.front(z, rectangle((x - half - edge, x + half + edge), (y[0] - edge, y[1] + edge)), frame)
    night = canvas.light.dark
    high = oklch(0.3 if night else rng.uniform(0.75, 0.9), 0.05, 250)
    low = oklch(0.4 if night else 0.93, 0.05, rng.choice([60, 230, 250]))
    span = y[1] - y[0]

    def sky(u, v, size):
        t = np.clip((v - y[0]) / span, 0, 1)[..., None]
        return (low + (high - low) * t).astype(np.float32)

    view = Surface("glass", np.ones(3), sky, 0.3 if night else 0.8)
    opening.front(z, rectangle((x - half, x + half), y), view)
    hue = rng.uniform(90, 160)
    for level, tone in ((0.42, 0.66), (0.25, 0.55)):
        ridge = np.stack([np.linspace(-half, half, 12), y[0] + span * (level + 0.1 * rng.uniform(-1, 1, 12))], 1)
        hill = np.concatenate([ridge, [(half, y[0]), (-half, y[0])]])
        shade = Surface("glass", oklch(tone * (0.5 if night else 1), 0.08, hue), None, 0.5)
        opening.front(z, moved(hill, x), shade)
    for bar in (
        rectangle((x - 0.025, x + 0.025), y),
        rectangle((x - half, x + half), (y[0] + 0.6 * span, y[0] + 0.6 * span + 0.05)),
    ):
        opening.front(z, bar, frame)
    opening.box((x - half - 0.12, x + half + 0.12), (y[0] - 0.12, y[0] - 0.05), (z - 0.12, z), frame)
    if not curtains:
        return
    hue = rng.uniform(0, 360)
    shift, width_of_fold = rng.uniform(0, 9), rng.uniform(0.10, 0.16)
    drape = cloth(rng, oklch(rng.uniform(0.55, 0.92), rng.uniform(0.02, 0.11), hue), 0.35, 0.2)
    bottom = 0.08 if rng.random() < 0.5 else y[0] - 0.2
    spread = rng.uniform(0.28, 0.48) * min(width, 1.4)
    for side in (-1, 1):
        hanging = canvas.add("curtain")
        inner, outer = x + side * (half + 0.15 - spread), x + side * (half + 0.25)
        waist = inner + side * 0.25 * spread * rng.choice([0, 1])
        outline = np.array([(inner, y[1] + 0.14), (outer, y[1] + 0.14), (outer, bottom), (waist, bottom)])
        hanging.front(
            z - 0.08, outline, drape, modulate=lambda u, v: 1 + 0.15 * np.sin(2 * np.pi * u / width_of_fold + shift)
        )
    rod = canvas.add("-")
    rod.front(z - 0.09, rectangle((x - half - 0.35, x + half + 0.35), (y[1] + 0.13, y[1] + 0.17)), m.metal(rng))


def door(canvas: Canvas, rng: Rng, x: float, z: float, wide: float = 0.9) -> None:
    """A closed door in the far wall."""
    leaf = canvas.add("door")
    frame = m.painted(rng, oklch(0.93, 0.015, 90)) if rng.random() < 0.5 else m.wood(rng, along="v")
    panel = m.wood(rng, along="v") if rng.random() < 0.6 else m.painted(rng)
    leaf.front(z, rectangle((x - wide / 2 - 0.09, x + wide / 2 + 0.09), (0, 2.12)), frame)
    leaf.front(z, rectangle((x - wide / 2, x + wide / 2), (0, 2.03)), panel)
    deep = Surface(panel.material, np.asarray(panel.colour) * 0.8, panel.pattern)
    for low, high in ((0.2, 0.9), (1.05, 1.85)):
        for left, right in ((-0.36, -0.05), (0.05, 0.36)):
            leaf.front(z, rectangle((x + left * wide, x + right * wide), (low, high)), deep)
    leaf.front(z, capsule((x + 0.32 * wide, 1.0), (x + 0.4 * wide, 1.0), 0.025), m.metal(rng))


def bookshelf(canvas: Canvas, rng: Rng, x: tuple[float, float], height: float, z: tuple[float, float]) -> None:
    """Shelves with books; not one of the labelled names."""
    rack = canvas.add("-")
    wood = timber(rng)
    rack.box(x, (0, height), z, wood)
    inside = Surface(wood.material, np.asarray(wood.colour) * 0.55, wood.pattern)
    levels = max(2, int(height / 0.36))
    for i in range(levels):
        low, high = 0.06 + i * (height - 0.08) / levels, 0.06 + (i + 1) * (height - 0.08) / levels - 0.04
        rack.front(z[0], rectangle((x[0] + 0.04, x[1] - 0.04), (low, high)), inside)
        at = x[0] + 0.05
        hue = rng.uniform(0, 360)
        while at < x[1] - 0.1:
            thick, tall = rng.uniform(0.03, 0.07), rng.uniform(0.6, 0.95) * (high - low)
            if rng.random() < 0.85:
                cover = plain(oklch(rng.uniform(0.35, 0.85), rng.uniform(0.03, 0.12), hue + rng.uniform(-70, 70)))
                rack.front(z[0], rectangle((at, min(at + thick, x[1] - 0.05)), (low, low + tall)), cover)
            at += thick + 0.004


def vase(canvas: Canvas, rng: Rng, x: float, z: float, ground: float, size: float = 0.25) -> None:
    """A vase, bowl or cup on a table; without an object's label, but ceramic."""
    pot = canvas.add("-")
    glaze = m.ceramic(rng)
    if rng.random() < 0.5:
        outline = np.array(
            [(-0.2, 0), (0.2, 0), (0.34, 0.4), (0.12, 0.8), (0.16, 1.0), (-0.16, 1.0), (-0.12, 0.8), (-0.34, 0.4)]
        )
    else:
        outline = np.array([(-0.22, 0), (0.22, 0), (0.6, 0.45), (-0.6, 0.45)])
    pot.front(z, moved(outline * size, x, 1, ground), glaze, round=0.9)


def monitor(canvas: Canvas, rng: Rng, x: float, z: float, ground: float) -> None:
    """A computer screen on a desk; not one of the labelled names."""
    screen = canvas.add("-")
    case = plain(oklch(rng.choice([0.25, 0.85]), 0.01, 250))
    screen.front(z, rectangle((x - 0.04, x + 0.04), (ground, ground + 0.15)), case)
    screen.front(z, rectangle((x - 0.13, x + 0.13), (ground, ground + 0.02)), case)
    screen.front(z, rounded((x - 0.29, x + 0.29), (ground + 0.12, ground + 0.48), 0.02), case)
    glow = plain(oklch(rng.uniform(0.4, 0.85), 0.08, rng.uniform(180, 280)), 0.8)
    screen.front(z, rectangle((x - 0.27, x + 0.27), (ground + 0.14, ground + 0.46)), glow)
    for i in range(4):
        line = rectangle((x - 0.23, x + rng.uniform(-0.1, 0.22)), (ground + 0.2 + i * 0.06, ground + 0.225 + i * 0.06))
        screen.front(z, line, plain(oklch(0.95, 0.02, 250), 0.8))


def rug(canvas: Canvas, rng: Rng, x: float, z: float, width: float, depth: float) -> None:
    """A rug on the floor, often with a pattern."""
    mat = canvas.add("carpet")
    surface = m.carpet(rng)
    if rng.random() < 0.5:
        surface = m.carpet(
            rng, np.ones(3), motif(rng.choice(["zigzagged", "banded", "chequered", "grid"]), rng, rng.uniform(0.3, 0.6))
        )
    outline = (
        ellipse((x, z + depth / 2), width / 2, depth / 2)
        if rng.random() < 0.3
        else rectangle((x - width / 2, x + width / 2), (z, z + depth))
    )
    mat.paint(Plane("y", 0.0), outline, surface)
