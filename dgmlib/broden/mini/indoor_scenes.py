"""Five rooms; each decides what is likely in it, where it stands and in what light."""

import numpy as np

from dgmlib.broden.mini import materials as m
from dgmlib.broden.mini.canvas import Canvas, Light, Plane
from dgmlib.broden.mini.decor import bookshelf, door, lamp, monitor, painting, pendant, rug, vase, window
from dgmlib.broden.mini.furniture import bed, cabinet, chair, sofa, stove, table, timber
from dgmlib.broden.mini.living import dog, person
from dgmlib.broden.mini.materials import oklch
from dgmlib.broden.mini.plants import pot_plant
from dgmlib.broden.mini.shapes import Rng, rectangle


def room(canvas: Canvas, rng: Rng, width: float, depth: float, height: float, floors: tuple, walls: tuple) -> None:
    """Set the camera and the light, and paint floor, ceiling and three walls.

    Args:
        canvas: to paint on.
        rng: draws light, camera and surfaces.
        width: of the room in metres.
        depth: of the room in metres.
        height: of the room in metres.
        floors: the materials to choose from for the floor.
        walls: the materials to choose from for the far wall.
    """
    dark = rng.random() < 0.22
    angle, warm = rng.uniform(-0.8, 0.8), rng.uniform(-0.03, 0.05) + 0.07 * dark
    towards = np.array([np.sin(angle), 0.9, np.cos(angle)])
    strength = 0.42 if dark else rng.uniform(0.42, 0.6)
    light = Light(
        towards=tuple(towards / np.linalg.norm(towards)),
        key=np.array([strength + warm, strength, strength - warm], np.float32),
        ambient=np.array([0.48, 0.45, 0.45] if dark else [0.62, 0.61, 0.61], np.float32),
        haze=np.ones(3, np.float32),
        haze_depth=np.inf,
        dark=dark,
    )
    canvas.look(
        rng.uniform(1.3, 1.75), rng.uniform(0.34, 0.45), rng.uniform(0.85, 1.15), light, rng.uniform(-0.18, 0.18)
    )
    make = {
        "wood": lambda: m.wood(rng, plank=rng.uniform(0.1, 0.2), along="v"),
        "tile": lambda: m.tile(rng),
        "carpet": lambda: m.carpet(rng),
        "stone": lambda: m.stone(rng, block=0.5),
        "painted": lambda: m.painted(rng, oklch(rng.uniform(0.76, 0.96), rng.uniform(0.01, 0.08), rng.uniform(0, 360))),
        "brick": lambda: m.brick(rng),
    }
    half = width / 2

    def near_edges(u, v):  # darker towards the floor and the ceiling
        return 1 - 0.22 * np.exp(-v / 0.5) - 0.15 * np.exp((v - height) / 0.6)

    def at_sides(u):
        return 1 - 0.15 * np.exp((np.abs(u) - half) / 0.5)

    floor = make[rng.choice(floors)]()
    shaded = {"modulate": lambda u, v: at_sides(u) * (1 - 0.22 * np.exp((v - depth) / 0.6))}
    canvas.add("floor").paint(Plane("y", 0.0), rectangle((-half, half), (0.45, depth)), floor, **shaded)
    white = m.painted(rng, oklch(0.96, 0.012, 80))
    above = rectangle((-half, half), (0.45, depth))
    canvas.add("ceiling").paint(Plane("y", height), above, white, normal=(0.0, 0.6, 0.4), **shaded)
    kind = rng.choice(walls)
    back = make[kind]()
    sides = back if kind == "painted" else make["painted"]()
    for side in (-1, 1):
        wall = rectangle((0.45, depth), (0, height))
        corner = {"modulate": lambda u, v: near_edges(u, v) * (1 - 0.15 * np.exp((u - depth) / 0.5))}
        canvas.add("wall").paint(Plane("x", side * half), wall, sides, **corner)
    far = canvas.add("wall")
    far.front(depth, rectangle((-half, half), (0, height)), back, modulate=lambda u, v: near_edges(u, v) * at_sides(u))
    board = m.painted(rng, oklch(0.94, 0.012, 90)) if rng.random() < 0.6 else m.wood(rng)
    far.front(depth, rectangle((-half, half), (0, 0.1)), board)
    for side in (-1, 1):
        far.paint(Plane("x", side * half), rectangle((0.45, depth), (0, 0.1)), board)


def hang(
    canvas: Canvas, rng: Rng, depth: float, spots: list[tuple[float, float]], windows: float, doors: float = 0.2
) -> None:
    """Fill spots (x, lowest free height) of the far wall: with these shares windows and doors, else pictures."""
    room_for_one = spots[1][0] - spots[0][0] - 0.35 if len(spots) > 1 else 1.5
    for x, low in spots:
        kind = rng.random()
        if kind < windows:
            wide = min(rng.uniform(0.9, 1.5), room_for_one)
            window(canvas, rng, x, (max(low, 0.95), rng.uniform(2.05, 2.25)), depth - 0.01, wide, rng.random() < 0.75)
            if not canvas.light.dark and rng.random() < 0.6:
                lean = -1.2 * canvas.light.towards[0]
                patch = np.array([(x - wide / 2, 1.0), (x + wide / 2, 1.0), (x + wide / 2, 2.2), (x - wide / 2, 2.2)])
                patch[:, 0] += lean * patch[:, 1]
                patch[:, 1] = depth - patch[:, 1]
                canvas.tint(Plane("y", 0.0), patch, (1.32, 1.26, 1.1), blur=0.05)
        elif kind < windows + doors and low < 0.1:
            door(canvas, rng, x, depth - 0.01)
        elif kind < windows + doors + 0.35:
            size = rng.uniform(0.45, 0.95)
            painting(canvas, rng, x, max(low + 0.55, 1.6), depth - 0.01, size * rng.uniform(0.8, 1.5), size)


def against(side: int, half: float, thick: float) -> tuple[float, float]:
    """Extent in x of something of a thickness along the left (-1) or right (1) wall."""
    return (half - thick, half) if side > 0 else (-half, thick - half)


def bedroom(canvas: Canvas, rng: Rng) -> None:
    """A bed between lamps, cupboards and curtains."""
    width, depth = rng.uniform(3.6, 5), rng.uniform(4.2, 5.2)
    room(
        canvas,
        rng,
        width,
        depth,
        rng.uniform(2.4, 2.7),
        ("wood", "wood", "carpet"),
        ("painted",) * 3 + ("brick", "wood"),
    )
    wide, side = rng.choice([0.95, 1.4, 1.7]), int(rng.choice([-1, 1]))
    x = rng.uniform(-0.25, 0.25) * (width - wide)
    spots = [(side * (width / 2 - 0.75), 0.95, 0.75), (-side * (width / 2 - 0.7), 0.0, 0.0)]
    spots.append((0.0 if wide > 1 else x, 1.35, 0.15))
    for at, low, windows in spots if width > 4 else spots[:2]:
        hang(canvas, rng, depth, [(at, low)], windows, 0.5)
    if rng.random() < 0.7:
        rug(canvas, rng, x, depth - 2.9, wide + 1.2, 1.6)
    canvas.later(depth - 1.0, bed, rng, x, depth - 2.1, wide)
    for s in (-1, 1):
        at = x + s * (wide / 2 + 0.35)
        if abs(at) < width / 2 - 0.3 and rng.random() < 0.8:
            beside, height = (at - 0.24, at + 0.24), rng.uniform(0.5, 0.6)
            canvas.later(depth - 0.3, cabinet, rng, beside, (0, height), (depth - 0.45, depth - 0.02), columns=1)
            if rng.random() < 0.75:
                canvas.later(depth - 0.4, lamp, rng, at, depth - 0.3, height, rng.uniform(0.5, 0.75))
    if rng.random() < 0.6:
        size = (0, rng.choice([0.9, 2.0]))
        canvas.later(depth - 2.6, cabinet, rng, against(-side, width / 2, 0.6), size, (depth - 3.0, depth - 1.9))
    if rng.random() < 0.5:
        canvas.later(2.0, chair, rng, rng.choice([-1, 1]) * rng.uniform(0.8, 1.4), rng.uniform(1.8, 2.4))
    if rng.random() < 0.4:
        canvas.later(depth - 0.5, pot_plant, rng, side * (width / 2 - 0.3), depth - 0.6, rng.uniform(0.7, 1.2))
    canvas.finish()


def living_room(canvas: Canvas, rng: Rng) -> None:
    """A sofa, a low table, lamps and pictures."""
    width, depth = rng.uniform(4.2, 6), rng.uniform(4.2, 5.4)
    floors = ("wood", "wood", "carpet", "tile", "stone")
    room(canvas, rng, width, depth, rng.uniform(2.5, 2.9), floors, ("painted",) * 3 + ("brick", "wood", "stone"))
    hang(canvas, rng, depth, [(at, 1.1) for at in np.linspace(-width / 2 + 0.8, width / 2 - 0.8, 3)], 0.45)
    x, wide, side = rng.uniform(-0.5, 0.5), rng.uniform(1.6, 2.5), int(rng.choice([-1, 1]))
    if rng.random() < 0.75:
        rug(canvas, rng, x, depth - 2.9, rng.uniform(2.0, 3.0), 1.8)
    canvas.later(depth - 0.9, sofa, rng, x, depth - 1.2, wide)
    if rng.random() < 0.8:
        height = rng.uniform(0.38, 0.5)
        canvas.later(
            depth - 2.2, table, rng, x + rng.uniform(-0.2, 0.2), depth - 2.3, rng.uniform(0.8, 1.3), 0.6, height, 0.1
        )
        if rng.random() < 0.6:
            canvas.later(
                depth - 2.25, vase, rng, x + rng.uniform(-0.2, 0.2), depth - 2.0, height, rng.uniform(0.2, 0.35)
            )
    for s in (-1, 1):
        at, kind = x + s * (wide / 2 + 0.4), rng.random()
        if abs(at) < width / 2 - 0.2 and kind < 0.45:
            canvas.later(depth - 0.7, lamp, rng, at, depth - 0.6, 0.0, rng.uniform(1.4, 1.7))
        elif abs(at) < width / 2 - 0.2 and kind < 0.75:
            canvas.later(depth - 0.7, pot_plant, rng, at, depth - 0.6, rng.uniform(0.8, 1.4))
    place, run = against(side, width / 2, 0.45), (depth - 3.0, depth - 1.6)
    if rng.random() < 0.3:
        canvas.later(depth - 2.4, cabinet, rng, place, (0, rng.uniform(0.6, 1.0)), run)
    elif rng.random() < 0.3:
        canvas.later(depth - 2.4, bookshelf, rng, place, 1.9, run)
    if rng.random() < 0.35:
        canvas.later(2.3, chair, rng, -side * rng.uniform(0.9, 1.5), rng.uniform(2.0, 2.5))
    if rng.random() < 0.25:
        canvas.later(depth - 2.6, dog, rng, rng.uniform(-1, 1), depth - 2.5, 0.8)
    if rng.random() < 0.3:
        canvas.later(depth - 1.7, person, rng, -side * rng.uniform(0.7, 1.5), depth - 1.6)
    canvas.finish()


def dining_room(canvas: Canvas, rng: Rng) -> None:
    """A table with chairs around it under a hanging lamp."""
    width, depth, height = rng.uniform(4, 5.5), rng.uniform(4.4, 5.4), rng.uniform(2.5, 2.9)
    floors = ("wood", "wood", "tile", "stone", "carpet")
    room(canvas, rng, width, depth, height, floors, ("painted",) * 3 + ("brick", "wood"))
    hang(canvas, rng, depth, [(at, 0.05) for at in np.linspace(-width / 2 + 0.8, width / 2 - 0.8, 3)], 0.35, 0.3)
    if rng.random() < 0.4:
        rug(canvas, rng, 0, 2.2, 2.6, 2.0)
    x, z, wide, deep = rng.uniform(-0.3, 0.3), rng.uniform(2.4, 2.9), rng.uniform(1.2, 1.9), rng.uniform(0.8, 1.0)
    wood = timber(rng)
    for at in np.linspace(-wide / 2 + 0.35, wide / 2 - 0.35, 2 if wide < 1.6 else 3):
        canvas.later(z + deep + 0.3, chair, rng, x + at, z + deep + rng.uniform(0, 0.2), "near", wood)
        if rng.random() < 0.45:
            canvas.later(z - 0.3, chair, rng, x + at, z - rng.uniform(0.45, 0.65), "far", wood)
    for side, facing in ((-1, "right"), (1, "left")):
        if rng.random() < 0.6:
            canvas.later(z + deep / 2, chair, rng, x + side * (wide / 2 + 0.32), z + deep / 2 - 0.2, facing, wood)
    canvas.later(z + 0.1, table, rng, x, z, wide, deep, cloth_share=0.4)
    for at in rng.permutation(np.linspace(-wide / 2 + 0.2, wide / 2 - 0.2, 4))[: rng.integers(1, 4)]:
        canvas.later(z + 0.05, vase, rng, x + at, z + rng.uniform(0.3, 0.7) * deep, 0.74, rng.uniform(0.15, 0.3))
    if rng.random() < 0.4:
        canvas.later(z + 0.05, pot_plant, rng, x, z + deep / 2, 0.4, 0.74)
    canvas.later(z, pendant, rng, x, z + deep / 2, height, rng.uniform(0.7, 1.1))
    if rng.random() < 0.5:
        place, size = against(rng.choice([-1, 1]), width / 2, 0.5), (0, rng.uniform(0.8, 1.1))
        canvas.later(depth - 1.3, cabinet, rng, place, size, (depth - 1.9, depth - 0.5))
    if rng.random() < 0.3:
        canvas.later(depth - 0.6, person, rng, rng.choice([-1, 1]) * rng.uniform(1.0, width / 2 - 0.4), depth - 0.6)
    canvas.finish()


def kitchen(canvas: Canvas, rng: Rng) -> None:
    """Kitchen units with a stove, wall cupboards, tiles."""
    width, depth, height = rng.uniform(3.4, 4.8), rng.uniform(3.6, 4.6), rng.uniform(2.4, 2.7)
    room(canvas, rng, width, depth, height, ("tile", "tile", "wood", "stone"), ("tile", "tile", "painted", "brick"))
    front = timber(rng) if rng.random() < 0.5 else m.painted(rng)
    slab = [m.stone(rng), m.wood(rng), m.metal(rng), m.ceramic(rng, oklch(0.9, 0.02, 90))][rng.integers(4)]
    place, half = rng.uniform(-0.6, 0.6), width / 2
    side = 1 if place > 0 else -1
    run, above = (depth - 0.65, depth - 0.02), (depth - 0.36, depth - 0.02)
    if rng.random() < 0.65:
        at = -side * rng.uniform(0.2, 0.8) * (half - 0.8)
        window(canvas, rng, at, (1.2, 2.1), depth - 0.01, rng.uniform(0.8, 1.2), rng.random() < 0.4)
        spans = [(place, half - 0.05) if side > 0 else (0.05 - half, place)]
    else:
        spans = [(0.05 - half, place - 0.35), (place + 0.35, half - 0.05)]
    for span in spans:
        if span[1] - span[0] > 0.4:
            cabinet(canvas, rng, span, (1.45, 2.1), above, front)
    for span in ((-half, place - 0.33), (place + 0.33, half)):
        cabinet(canvas, rng, span, (0, 0.9), run, front, slab)
    stove(canvas, rng, place, run)
    for at in rng.uniform(0.2 - half, half - 0.2, rng.integers(2, 5)):
        if abs(at - place) > 0.45:
            vase(canvas, rng, at, depth - 0.35, 0.9, rng.uniform(0.15, 0.3))
    if rng.random() < 0.4:
        pot_plant(canvas, rng, -side * (half - 0.3), depth - 0.3, 0.45, 0.9)
    if rng.random() < 0.5:
        corner = against(rng.choice([-1, 1]), half, 0.6)
        canvas.later(depth - 1.6, cabinet, rng, corner, (0, 0.9), (depth - 2.4, depth - 0.66), front, slab)
    if rng.random() < 0.55:
        x, z = rng.uniform(-0.6, 0.6), rng.uniform(1.7, 2.1)
        canvas.later(z + 0.3, table, rng, x, z, rng.uniform(0.8, 1.2), 0.7, cloth_share=0.4)
        canvas.later(z + 0.25, vase, rng, x, z + 0.4, 0.74, 0.25)
        canvas.later(z + 0.2, chair, rng, x + rng.choice([-1, 1]) * 0.8, z + 0.1)
        if rng.random() < 0.5:
            canvas.later(z + 0.9, chair, rng, x, z + 0.75, "near")
    if rng.random() < 0.4:
        canvas.later(depth - 1.1, person, rng, rng.uniform(-1.2, 1.2), depth - 1.1)
    if rng.random() < 0.4:
        canvas.later(depth - 1.4, pendant, rng, rng.uniform(-0.8, 0.8), depth - 1.4, height, rng.uniform(0.4, 0.6))
    canvas.finish()


def office(canvas: Canvas, rng: Rng) -> None:
    """Desks with screens, chairs, shelves."""
    width, depth = rng.uniform(4.2, 6), rng.uniform(4.2, 5.4)
    walls = ("painted",) * 3 + ("brick",)
    room(canvas, rng, width, depth, rng.uniform(2.5, 2.9), ("carpet", "carpet", "wood", "tile"), walls)
    spots = np.linspace(0.8 - width / 2, width / 2 - 0.8, 3)
    hang(canvas, rng, depth, [(at, 0.05 if abs(at) > 1.2 else 1.1) for at in spots], 0.45, 0.3)
    side, half = int(rng.choice([-1, 1])), width / 2
    for z in (depth - 0.9, depth - 2.5)[: rng.integers(1, 3)]:
        for x in (-1.0, 1.0) if width > 4.8 else (rng.uniform(-0.5, 0.5),):
            x, wide = x + rng.uniform(-0.15, 0.15), rng.uniform(1.2, 1.6)
            canvas.later(z + 0.3, table, rng, x, z, wide, 0.7, cloth_share=0.0)
            canvas.later(z + 0.29, monitor, rng, x + rng.uniform(-0.25, 0.25), z + 0.45, 0.74)
            if rng.random() < 0.5:
                at = x + rng.choice([-1, 1]) * (wide / 2 - 0.15)
                canvas.later(z + 0.28, lamp, rng, at, z + 0.4, 0.74, rng.uniform(0.45, 0.65))
            if rng.random() < 0.5:
                canvas.later(z + 0.27, vase, rng, x + rng.uniform(-0.4, 0.4), z + 0.2, 0.74, 0.11)
            if rng.random() < 0.8:
                facing = rng.choice(["far", "far", "left", "right"])
                canvas.later(z - 0.2, chair, rng, x + rng.uniform(-0.2, 0.2), z - rng.uniform(0.4, 0.6), facing)
    run = (depth - 2.0, depth - 1.0)
    if rng.random() < 0.5:
        canvas.later(depth - 1.5, bookshelf, rng, against(side, half, 0.4), 1.9, run)
    elif rng.random() < 0.7:
        canvas.later(depth - 1.5, cabinet, rng, against(side, half, 0.4), (0, 1.2), run)
    if rng.random() < 0.5:
        canvas.later(depth - 0.4, pot_plant, rng, -side * (half - 0.35), depth - 0.4, rng.uniform(0.9, 1.4))
    if rng.random() < 0.35:
        canvas.later(depth - 1.5, person, rng, rng.uniform(-1.5, 1.5), depth - 1.5)
    canvas.finish()
