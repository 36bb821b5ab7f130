"""Trees, shrubs and plants in pots."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas
from dgmlib.broden.mini.materials import oklch, plain
from dgmlib.broden.mini.shapes import Rng, blob, capsule, ellipse, moved


def tree(canvas: Canvas, rng: Rng, x: float, z: float, height: float, kind: str = "", hue: float | None = None) -> None:
    """A broad-leaved tree, a fir or a palm."""
    plant = canvas.add("tree")
    kind = kind or rng.choice(["broad", "broad", "fir"])
    if hue is None:
        autumn = kind == "broad" and rng.random() < 0.33
        hue = rng.uniform(45, 100) if autumn else rng.uniform(105, 150)
    bark = m.wood(rng, oklch(rng.uniform(0.3, 0.5), 0.03, rng.uniform(50, 75)), along="v")
    tone, leaf = rng.uniform(0.42, 0.66), 0.06 * height**0.5
    plant.ground_shadow(x, z, 0.55 * height, 0.18 * height, 0.5)
    lean = rng.uniform(-0.05, 0.05) * height
    if kind == "palm":
        stem = np.array([(-0.16, 0), (0.16, 0), (0.10 + lean * 2, height), (-0.08 + lean * 2, height)])
        plant.front(z, moved(stem, x), bark, "trunk", round=0.8)
        crown = np.array([lean * 2, height])
        for angle in rng.permutation(np.linspace(-0.5, np.pi + 0.5, 12)) + rng.normal(0, 0.06, 12):
            t = np.linspace(0, 1, 9)
            reach = height * rng.uniform(0.34, 0.46)
            droop = np.array([0, -0.55 * reach])  # fronds rise, then bend under their weight
            spine = crown + reach * t[:, None] * (np.cos(angle), 0.75 * np.sin(angle) + 0.25) + t[:, None] ** 2 * droop
            width = (0.075 * height * np.sin(np.pi * t**0.7) + 0.01)[:, None] * (0.3, 1.0)
            frond = np.concatenate([spine + 0.35 * width, (spine - width)[::-1]])
            leaves = m.foliage(rng, oklch(tone + rng.uniform(-0.08, 0.1), 0.12, hue), leaf)
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
            plant.front(z, moved(tier, x + lean), leaves, "crown", round=0.8)
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


def pot_plant(canvas: Canvas, rng: Rng, x: float, z: float, size: float, ground: float = 0.0) -> None:
    """A plant in a pot."""
    plant = canvas.add("plant")
    pot = m.ceramic(rng) if rng.random() < 0.75 else m.wood(rng)
    if ground == 0:
        plant.ground_shadow(x, z, 0.5 * size, 0.25 * size)
    hue, tone = rng.uniform(105, 150), rng.uniform(0.42, 0.62)
    if rng.random() < 0.55:
        for angle in np.linspace(0.35, np.pi - 0.35, 7) + rng.normal(0, 0.1, 7):
            reach = size * rng.uniform(0.5, 0.75)
            side = np.array([-np.sin(angle), np.cos(angle)]) * 0.09 * size
            root, tip = (
                np.array([0, 0.36 * size]),
                np.array([reach * 0.75 * np.cos(angle), 0.36 * size + reach * np.sin(angle)]),
            )
            bend = (root + tip) / 2 + (0, 0.05 * size)
            leaf = m.foliage(rng, oklch(tone + rng.uniform(-0.08, 0.1), 0.11, hue), 0.06)
            plant.front(z, moved(np.array([root, bend + side, tip, bend - side]), x, 1, ground), leaf, round=0.4)
    else:
        for dx, dy, r in ((-0.18, 0.55, 0.22), (0.18, 0.57, 0.22), (0, 0.75, 0.26)):
            leaf = m.foliage(rng, oklch(tone + rng.uniform(-0.04, 0.08), 0.11, hue), 0.07)
            plant.front(z, blob(rng, (x + dx * size, ground + dy * size), r * size, r * size, 0.2), leaf, round=0.9)
    outline = np.array([(-0.16, 0.4), (0.16, 0.4), (0.11, 0), (-0.11, 0)]) * size
    plant.front(z, moved(outline, x, 1, ground), pot, round=0.8)
