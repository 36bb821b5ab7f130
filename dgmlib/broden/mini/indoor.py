"""Things in rooms: furniture built from boxes, and what hangs on the walls."""

from __future__ import annotations

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Plane, Thing, blob, capsule, ellipse, rectangle, rounded
from dgmlib.broden.mini.materials import Surface, oklch, plain
from dgmlib.broden.mini.outdoor import Rng, cloth, moved


def stuff(rng: Rng, hue: float) -> Surface:
    """Upholstery: plain or printed fabric, or leather."""
    if rng.random() < 0.3:
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
