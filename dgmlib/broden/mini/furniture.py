"""Furniture, built from boxes."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Plane, Thing
from dgmlib.broden.mini.living import cloth
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.shapes import Rng, ellipse, rectangle, rounded


def stuff(rng: Rng, hue: float) -> Surface:
    """Upholstery: plain or printed fabric, or leather."""
    if rng.random() < 0.4:
        return m.leather(rng, oklch(rng.uniform(0.3, 0.65), rng.uniform(0.03, 0.1), rng.choice([hue, 50])))
    return cloth(rng, oklch(rng.uniform(0.4, 0.85), rng.uniform(0.02, 0.12), hue), 0.2, 0.25)


def timber(rng: Rng, hue: float | None = None, along: str = "u") -> Surface:
    """What furniture is made of: mostly wood, sometimes paint or metal."""
    kind = rng.random()
    if kind < 0.7:
        return m.wood(rng, along=along)
    if kind < 0.85:
        return m.painted(rng, oklch(rng.uniform(0.5, 0.95), 0.05, rng.uniform(0, 360) if hue is None else hue))
    return m.metal(rng)


def legs(thing: Thing, surface: Surface, x: tuple, z: tuple, height: float, thick: float = 0.06) -> None:
    """Four legs at the corners, the far pair first."""
    for depth in ((z[1] - thick, z[1]), (z[0], z[0] + thick)):
        for side in ((x[0], x[0] + thick), (x[1] - thick, x[1])):
            thing.box(side, (0, height), depth, surface, "leg")


def table(
    canvas: Canvas,
    rng: Rng,
    x: float,
    z: float,
    width: float,
    depth: float,
    height: float = 0.74,
    cloth_share: float = 0.2,
) -> None:
    """A table with four legs; sometimes under a cloth, sometimes of glass."""
    board = canvas.add("table")
    leg = timber(rng)
    kind = rng.random()
    top = m.glass(rng, oklch(0.75, 0.03, 200)) if kind < 0.12 else m.stone(rng) if kind < 0.24 else leg
    across, along = (x - width / 2, x + width / 2), (z, z + depth)
    board.ground_shadow(x, z + depth / 2, width * 0.9, depth * 0.55, 0.5)
    legs(
        board,
        leg,
        (across[0] + 0.05, across[1] - 0.05),
        (z + 0.05, z + depth - 0.05),
        height - 0.04,
        rng.uniform(0.05, 0.09),
    )
    if rng.random() < cloth_share:
        linen = cloth(rng, printed=0.7, period=0.2)
        board.box((across[0] - 0.02, across[1] + 0.02), (height - 0.28, height), along, linen, "top")
    else:
        board.box((across[0], across[1]), (height - rng.uniform(0.05, 0.12), height), along, top, "top")


def chair(canvas: Canvas, rng: Rng, x: float, z: float, facing: str = "", wood: Surface | None = None) -> None:
    """A chair; ``facing`` is where its sitter looks: near, far, left or right."""
    seat = canvas.add("chair")
    facing = facing or rng.choice(["near", "far", "left", "right"])
    frame = wood or timber(rng)
    cushion = frame if rng.random() < 0.5 else stuff(rng, rng.uniform(0, 360))
    size, height, top = 0.44, 0.46, rng.uniform(0.88, 1.05)
    across, along = (x - size / 2, x + size / 2), (z, z + size)
    seat.ground_shadow(x, z + size / 2, size * 1.1, size * 0.6, 0.5)
    legs(seat, frame, across, along, height - 0.04, 0.045)
    slats = rng.random() < 0.5
    backs = {
        "near": (across, (z + size - 0.04, z + size)),
        "far": (across, (z, z + 0.04)),
        "left": ((x + size / 2 - 0.04, x + size / 2), along),
        "right": ((x - size / 2, x - size / 2 + 0.04), along),
    }[facing]

    def back():
        surface = frame if slats else cushion
        if slats:
            for side in ((backs[0][0], backs[0][0] + 0.05), (backs[0][1] - 0.05, backs[0][1])):
                seat.box(side, (height, top), backs[1], surface, "back")
            for low in (0.58, 0.72, top - 0.12):
                seat.box(backs[0], (low, low + 0.09), backs[1], surface, "back")
        else:
            seat.box(backs[0], (height, top), backs[1], surface, "back")

    def sitting():
        seat.box(across, (height - 0.05, height + 0.02), along, cushion, "seat")

    order = (sitting, back) if facing == "far" else (back, sitting)
    for draw in order:
        draw()


def sofa(canvas: Canvas, rng: Rng, x: float, z: float, width: float) -> None:
    """A sofa that faces the viewer."""
    couch = canvas.add("sofa")
    hue = rng.uniform(0, 360)
    cover, leg = stuff(rng, hue), timber(rng)
    depth, arm, low, high = 0.85, 0.22, 0.14, rng.uniform(0.75, 0.95)
    across = (x - width / 2, x + width / 2)
    couch.ground_shadow(x, z + depth / 2, width * 1.0, depth * 0.6, 0.55)
    legs(couch, leg, (across[0] + 0.04, across[1] - 0.04), (z + 0.02, z + depth - 0.05), low, 0.07)
    couch.box(across, (low, high), (z + depth - 0.22, z + depth), cover, "back", round=0.15)
    couch.box((across[0] + arm, across[1] - arm), (low, 0.34), (z, z + depth - 0.2), cover)
    count = 2 if width < 1.9 else 3
    step = (width - 2 * arm) / count
    for i in range(count):
        left = across[0] + arm + i * step
        couch.front(
            z + depth - 0.23,
            rounded((left + 0.02, left + step - 0.02), (0.44, high - 0.03), 0.09),
            cover,
            "back",
            round=0.7,
        )
        couch.box(
            (left + 0.01, left + step - 0.01),
            (0.32, 0.47),
            (z - 0.02, z + depth - 0.24),
            cover,
            "seat cushion",
            round=0.15,
        )
    for side in ((across[0], across[0] + arm), (across[1] - arm, across[1])):
        couch.box(side, (low, 0.62), (z, z + depth), cover, "arm", round=0.15)
    for i in range(rng.integers(0, count + 1)):
        pillow = cloth(rng, printed=0.8, period=0.14)
        at = across[0] + arm + (i + 0.5) * step + rng.uniform(-0.1, 0.1)
        couch.front(z + 0.35, rounded((at - 0.2, at + 0.2), (0.46, 0.82), 0.07), pillow, "back", round=0.7)


def bed(canvas: Canvas, rng: Rng, x: float, z: float, width: float, length: float = 2.0) -> None:
    """A bed with its head at the far wall."""
    rest = canvas.add("bed")
    hue = rng.uniform(0, 360)
    frame, sheet = timber(rng, hue), m.fabric(rng, oklch(0.93, 0.015, hue))
    blanket = cloth(rng, oklch(rng.uniform(0.45, 0.85), rng.uniform(0.03, 0.12), hue), 0.45, 0.4)
    across, along = (x - width / 2, x + width / 2), (z, z + length)
    rest.ground_shadow(x, z + length / 2, width * 1.05, length * 0.55, 0.5)
    board = frame if rng.random() < 0.6 else stuff(rng, hue)
    rest.box(
        (across[0] - 0.05, across[1] + 0.05),
        (0, rng.uniform(0.95, 1.3)),
        (z + length, z + length + 0.08),
        board,
        "headboard",
    )
    legs(rest, frame, across, along, 0.2, 0.09)
    rest.box(across, (0.16, 0.32), along, frame, "base")
    rest.box((across[0] + 0.03, across[1] - 0.03), (0.32, 0.52), (z + 0.03, z + length), sheet)
    count = 1 if width < 1.2 else 2
    for i in range(count):
        middle = x + (i - (count - 1) / 2) * width / 2
        case = sheet if rng.random() < 0.5 else cloth(rng, printed=0.5, period=0.12)
        half = min(0.36, width / count / 2 - 0.04)
        rest.front(
            z + length - 0.15, rounded((middle - half, middle + half), (0.48, 0.92), 0.12), case, "pillow", round=0.8
        )
    fold = z + length * rng.uniform(0.55, 0.72)
    rest.box((across[0] - 0.02, across[1] + 0.02), (0.28, 0.56), (z - 0.02, fold), blanket)
    rest.paint(Plane("y", 0.565), rectangle((across[0] - 0.02, across[1] + 0.02), (fold - 0.25, fold + 0.03)), sheet)


def cabinet(
    canvas: Canvas,
    rng: Rng,
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    surface: Surface | None = None,
    worktop: Surface | None = None,
    columns: int | None = None,
) -> None:
    """A chest, a cupboard or a run of kitchen units: columns of drawers or a door, under a top."""
    chest = canvas.add("cabinet")
    surface = surface or timber(rng)
    worktop = worktop or surface
    handle = m.metal(rng) if rng.random() < 0.7 else m.ceramic(rng)
    if y[0] == 0:
        chest.ground_shadow((x[0] + x[1]) / 2, (z[0] + z[1]) / 2, (x[1] - x[0]) * 1.0, (z[1] - z[0]) * 0.7, 0.5)
    chest.box(x, (y[0], y[1] - 0.04), z, surface)
    columns = columns or max(1, round((x[1] - x[0]) / rng.uniform(0.45, 0.7)))
    step = (x[1] - x[0]) / columns
    gap = Surface(surface.material, np.asarray(surface.colour) * 0.62, surface.pattern)
    kinds = (
        rng.choice(["drawer", "door", "mixed"], columns)
        if rng.random() < 0.5
        else [rng.choice(["drawer", "door", "mixed"])] * columns
    )
    low, high = y[0] + 0.05, y[1] - 0.07
    for i, kind in enumerate(kinds):
        left, right = x[0] + i * step + 0.02, x[0] + (i + 1) * step - 0.02
        split = {"drawer": [0, 0.36, 0.68, 1.0], "door": [0, 1.0], "mixed": [0, 0.7, 1.0]}[kind]
        for j in range(len(split) - 1):
            bottom, top = low + split[j] * (high - low) + 0.01, low + split[j + 1] * (high - low) - 0.01
            part = "door" if (kind == "door" or (kind == "mixed" and j == 0)) else "drawer"
            chest.front(z[0], rectangle((left - 0.012, right + 0.012), (bottom - 0.012, top + 0.012)), gap, part)
            chest.front(z[0], rectangle((left, right), (bottom, top)), surface, part)
            if part == "door":
                inset = rectangle((left + 0.06, right - 0.06), (bottom + 0.06, top - 0.06))
                chest.front(z[0], inset, gap, part, opacity=0.55)
                chest.front(
                    z[0],
                    rectangle((right - 0.06, right - 0.03), ((bottom + top) / 2 - 0.07, (bottom + top) / 2 + 0.07)),
                    handle,
                    part,
                )
            else:
                middle = (left + right) / 2
                chest.front(
                    z[0],
                    rectangle((middle - 0.08, middle + 0.08), ((bottom + top) / 2 - 0.015, (bottom + top) / 2 + 0.015)),
                    handle,
                    part,
                )
    chest.box((x[0] - 0.02, x[1] + 0.02), (y[1] - 0.05, y[1]), (z[0] - 0.02, z[1]), worktop, "top")


def stove(canvas: Canvas, rng: Rng, x: float, z: tuple[float, float], height: float = 0.9) -> None:
    """A cooker with an oven door and knobs."""
    cooker = canvas.add("stove")
    steel = (
        m.metal(rng) if rng.random() < 0.7 else m.painted(rng, oklch(rng.uniform(0.3, 0.95), 0.04, rng.uniform(0, 360)))
    )
    dark = m.glass(rng, oklch(0.27, 0.01, 260))
    cooker.box((x - 0.32, x + 0.32), (0, height), z, steel)
    cooker.paint(Plane("y", height + 0.005), rectangle((x - 0.3, x + 0.3), (z[0] + 0.04, z[1] - 0.04)), dark)
    for dx in (-0.15, 0.15):
        for share in (0.3, 0.72):
            ring = ellipse((x + dx, z[0] + share * (z[1] - z[0])), 0.1, 0.09)
            cooker.paint(Plane("y", height + 0.01), ring, m.metal(rng, oklch(0.5, 0.02, 40)))
    cooker.front(z[0], rounded((x - 0.25, x + 0.25), (0.2, 0.62), 0.03), dark)
    cooker.front(z[0], rectangle((x - 0.25, x + 0.25), (0.65, 0.69)), m.metal(rng, oklch(0.9, 0.01, 250)))
    for dx in (-0.24, -0.12, 0.0, 0.12, 0.24):
        cooker.front(z[0], ellipse((x + dx, 0.78), 0.032), plain(oklch(0.3, 0.01, 250)))
    if rng.random() < 0.6:
        pot = canvas.add("-")
        where = (x + 0.14, z[0] + 0.2)
        pot.front(
            where[1],
            rectangle((where[0] - 0.13, where[0] + 0.13), (height + 0.01, height + 0.2)),
            m.metal(rng),
            round=0.7,
        )
