"""People and dogs, and the cloth they wear."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.shapes import Rng, capsule, ellipse, moved
from dgmlib.broden.mini.textures import motif


def cloth(rng: Rng, colour: np.ndarray | None = None, printed: float = 0.3, period: float = 0.16) -> Surface:
    """Fabric, now and then printed with one of the textures; period is the print's repeat in metres."""
    if rng.random() < printed:
        kind = rng.choice(["banded", "chequered", "grid", "polka-dotted", "zigzagged"])
        turn = rng.choice([0.0, 0.0, np.pi / 4])
        return m.fabric(rng, np.ones(3), motif(kind, rng, period * rng.uniform(0.7, 1.5), turn))
    return m.fabric(rng, colour)


def person(canvas: Canvas, rng: Rng, x: float, z: float) -> None:
    """Somebody who stands, walks or waves."""
    someone = canvas.add("person")
    scale = rng.choice([1.0, 1.0, 0.68]) * rng.uniform(0.93, 1.07)
    hue = rng.uniform(0, 360)
    skin = m.skin(rng)
    top = cloth(rng, oklch(rng.uniform(0.45, 0.92), rng.uniform(0.03, 0.15), hue), period=0.2)
    below = m.fabric(rng, oklch(rng.uniform(0.28, 0.65), rng.uniform(0.01, 0.09), hue + rng.choice([0, 40, 180])))
    hair = plain(oklch(rng.uniform(0.2, 0.68), rng.uniform(0.01, 0.08), rng.uniform(40, 80)))
    shoe = m.leather(rng, oklch(rng.uniform(0.22, 0.55), 0.04, hue))
    flip = rng.choice([-1.0, 1.0])
    walks, waves, skirt, long_hair, away = rng.random(5) < (0.45, 0.15, 0.3, 0.4, 0.2)
    bare_legs, sleeves = skirt or rng.random() < 0.15, rng.random() < 0.6
    leg, sleeve = skin if bare_legs else below, top if sleeves else skin
    someone.ground_shadow(x, z, 0.5 * scale, 0.22 * scale)

    def put(outline, surface, part, round=0.8):
        someone.front(z, moved(outline, x, scale, 0.0, flip), surface, part, round=round)

    def arm(shoulder, elbow, hand):
        put(capsule(elbow, hand, 0.043, 0.034), skin if not sleeves or bare_legs else top, "arm")
        put(ellipse(hand, 0.045), skin, "arm")
        put(capsule(shoulder, elbow, 0.056, 0.046), sleeve, "arm")

    stride = rng.uniform(0.14, 0.24) if walks else rng.uniform(0.0, 0.03)
    feet = ((-0.04 - stride, -0.02), (0.04 + stride, 0.02)) if walks else ((-0.1 - stride, 0), (0.1 + stride, 0))
    wide = 0.15 if walks else 0.19
    arm((-wide, 1.37), (-wide - 0.06 - stride * 0.3, 1.1), (-wide - 0.03 - stride * 0.6, 0.86))
    for (foot, _), hip in zip(feet, (-0.07, 0.07), strict=True):
        put(capsule((hip, 0.86), (foot, 0.1), 0.095, 0.055), leg, "leg")
        toe = 0.1 if walks else 0.03 * np.sign(foot)
        put(capsule((foot, 0.045), (foot + toe, 0.04), 0.048, 0.04), shoe, "leg")
    if long_hair:
        put(ellipse((-0.015, 1.56), 0.135, 0.19), hair, "head")
    put(np.array([(-0.05, 1.36), (0.05, 1.36), (0.045, 1.52), (-0.045, 1.52)]), skin, "head", 0.0)
    if skirt:
        put(np.array([(-0.15, 1.0), (0.15, 1.0), (0.27, 0.5), (-0.27, 0.5)]), below, "torso")
    body = [(wide + 0.015, 1.38), (0.08, 1.45), (-0.08, 1.45), (-wide - 0.015, 1.38), (-0.14, 1.08), (-0.165, 0.8)]
    put(np.array([*body, (0.165, 0.8), (0.14, 1.08)]), top, "torso")
    if waves:
        arm((wide, 1.38), (wide + 0.2, 1.42), (wide + 0.24, 1.7))
    else:
        arm((wide, 1.37), (wide + 0.06 + stride * 0.3, 1.1), (wide + 0.03 + stride * 1.1, 0.88 + 0.2 * stride))
    put(ellipse((0.0, 1.6), 0.098, 0.125), hair if away else skin, "head")
    turn = 0.03 if walks else 0.0
    if not away:
        for eye in (-0.036, 0.036):
            put(ellipse((eye + turn, 1.615), 0.012, 0.015, 8), plain(oklch(0.25, 0.02, 60)), "head", 0)
        smile = moved([(-0.03, 1.553), (0.03, 1.553), (0.015, 1.54), (-0.015, 1.54)], turn)
        put(smile, plain(oklch(0.5, 0.1, 25)), "head", 0)
        fringe = [
            (-0.108, 1.56),
            (-0.112, 1.66),
            (-0.06, 1.735),
            (0.05, 1.74),
            (0.108, 1.68),
            (0.108, 1.62),
            (0.06, 1.67),
        ]
        put(np.array([*fringe, (-0.06, 1.66)]), hair, "head", 0.3)


def dog(canvas: Canvas, rng: Rng, x: float, z: float, scale: float = 1.0) -> None:
    """A dog from the side."""
    animal = canvas.add("dog")
    coat = oklch(rng.uniform(0.35, 0.85), rng.uniform(0.01, 0.08), rng.uniform(50, 85))
    shift, spots = rng.uniform(0, 9), rng.choice([0.0, 0.0, 0.35])
    flip, dark = rng.choice([-1.0, 1.0]), plain(oklch(0.2, 0.01, 50))
    scale = scale * rng.uniform(0.75, 1.05)
    animal.ground_shadow(x, z, 0.9 * scale, 0.25 * scale)

    def fur(tone: float) -> Surface:
        def pattern(u, v, size):
            patch = spots * (m.noise(u, v, 3, shift=shift) > 0.6)
            return 1 - patch + 0.08 * m.noise(u, v, 9 / scale, 22 / scale, shift)

        return Surface("-", coat * tone, pattern)

    def put(outline, surface, part, round=0.7):
        animal.front(z, moved(outline, x, scale, 0.0, flip), surface, part, round=round)

    put(capsule((-0.36, 0.52), (-0.6, rng.uniform(0.55, 0.85)), 0.05, 0.025), fur(0.95), "tail")
    for at, tone in ((-0.24, 0.75), (0.2, 0.75), (-0.34, 1.0), (0.3, 1.0)):
        put(capsule((at, 0.42), (at + rng.uniform(-0.06, 0.06), 0.05), 0.075, 0.045), fur(tone), "leg")
    put(capsule((-0.28, 0.47), (0.26, 0.5), 0.15, 0.17), fur(1.0), "torso")
    put(capsule((0.28, 0.56), (0.4, 0.74), 0.12, 0.1), fur(1.02), "torso")
    if rng.random() < 0.4:
        put(capsule((0.31, 0.71), (0.45, 0.65), 0.025), plain(oklch(0.6, 0.17, rng.uniform(0, 360))), "torso")
    put(ellipse((0.44, 0.8), 0.13, 0.12), fur(1.06), "head")
    put(capsule((0.5, 0.77), (0.62, 0.745), 0.065, 0.05), fur(1.12), "head")
    put(capsule((0.38, 0.86), (0.33, 0.7), 0.05, 0.06), fur(0.7), "head")
    put(ellipse((0.655, 0.765), 0.026), dark, "head", 0)
    put(ellipse((0.49, 0.835), 0.02), dark, "head", 0)
