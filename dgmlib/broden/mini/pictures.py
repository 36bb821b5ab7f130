"""One picture each of the four sources, drawn and written in that source's own layout."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.measure import label as components

from dgmlib.broden.mini.canvas import Canvas
from dgmlib.broden.mini.metadata import write_mat
from dgmlib.broden.mini.names import (
    ADE_NAMES,
    CONTEXT_LABELS,
    CONTEXT_NAMES,
    MATERIALS,
    OBJECTS,
    PARTS,
    PASCAL_PARTS,
    SUBSTANCES,
    TEXTURES,
    VOC_NUMBERS,
)
from dgmlib.broden.mini.scenes import INDOOR, SCENES
from dgmlib.broden.mini.shapes import Rng
from dgmlib.broden.mini.textures import texture_picture

SUBJECT_SCENES = {"car": ("street", "village"), "dog": ("park", "village", "beach"), "person": tuple(SCENES)}


def shape_of(rng: Rng, size: int) -> tuple[int, int]:
    """Width and height of a picture: mostly landscape."""
    short = size + int(rng.integers(-size // 20, size // 20 + 1))
    long = round(short * rng.choice([1.2, 1.33, 1.33, 1.5]))
    return (short, long) if rng.random() < 0.1 else (long, short)


def write_jpeg(path: Path, pixels: np.ndarray) -> None:
    """Write a photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=92)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write a label picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def ade_code(names: tuple[str, ...], labels: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """ADE20K's coding of a label map, (H, W) -> (H, W, 3): R = 10 (class // 256), G = class % 256, B = instance."""
    raw = np.array([0, *(ADE_NAMES.index(name) + 1 for name in names[1:])])[labels]
    return np.stack([raw // 256 * 10, raw % 256, np.where(raw > 0, instances, 0)], -1)


def ade20k(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A whole scene with its objects, mostly their parts, and mostly the scene's name."""
    width, height = shape_of(rng, size)
    scene = list(SCENES)[number % len(SCENES)]
    # every scene has to occur: the loader numbers them by the names it finds
    named = scene if number < len(SCENES) or rng.random() > 0.08 else "misc"
    with_parts = rng.random() < 0.8
    canvas = Canvas(width, height)
    SCENES[scene](canvas, rng)
    kind = {"train": "training", "val": "validation"}[split]
    folder = f"ADE20K_2016_07_26/images/{kind}/{named[0]}/{named}"
    name = f"ADE_{split}_{number + 1:08d}"
    base = root / "ade20k" / folder / name
    labels = canvas.labels
    write_jpeg(base.with_suffix(".jpg"), canvas.picture(rng))
    write_png(base.with_name(f"{name}_seg.png"), ade_code(OBJECTS, labels["object"], labels["instance"]))
    if with_parts:
        write_png(base.with_name(f"{name}_parts_1.png"), ade_code(PARTS, labels["part"], labels["instance"]))
    present = [OBJECTS[i] for i in np.unique(labels["object"])]
    return {"height": height, "width": width, "nr_part": int(with_parts), "file": name, "folder": folder,
            "scene": named, "present": present}  # fmt: skip


def find_subject(scene: str, seed: list[int], name: str, aspect: float) -> tuple[float, tuple[float, float]] | None:
    """Where in a scene a thing of this name stands: the zoom that frames it, and its place; None without one."""
    height = 56
    canvas = Canvas(round(height * aspect), height, labels_only=True)
    rng = np.random.default_rng(seed)
    SCENES[scene](canvas, rng)
    instances = canvas.labels["instance"] * (canvas.labels["object"] == OBJECTS.index(name))
    areas = np.bincount(instances.ravel(), minlength=2)
    cut_off = np.concatenate([instances[[0, -1]].ravel(), instances[:, [0, -1]].ravel()])
    areas[[0, *cut_off]] = 0
    if areas.max() < 12:
        return None
    rows, columns = np.nonzero(instances == areas.argmax())
    extent = max(np.ptp(rows) + 1, (np.ptp(columns) + 1) / aspect) / height
    zoom = float(np.clip(rng.uniform(0.5, 0.85) / extent, 1.0, 4.5))
    centre = []
    for low, high, full in ((columns.min(), columns.max(), canvas.width), (rows.min(), rows.max(), height)):
        middle = ((low + high + 1) / 2 / full * zoom - 0.5) / max(zoom - 1, 1e-6)
        centre.append(float(np.clip(middle + rng.uniform(-0.1, 0.1) / zoom, 0, 1)))
    return zoom, (centre[0], centre[1])


def pascal(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A closer look at a person, a car or a dog: objects of the whole picture, parts of these three."""
    width, height = shape_of(rng, size)
    subject = list(VOC_NUMBERS)[number % len(VOC_NUMBERS)]
    framed = None
    while framed is None:
        scene = str(rng.choice(SUBJECT_SCENES[subject]))
        seed = rng.integers(0, 2**32, 4).tolist()
        framed = find_subject(scene, seed, subject, width / height)
    canvas = Canvas(width, height, *framed)
    SCENES[scene](canvas, np.random.default_rng(seed))
    name = f"{2008 + (split == 'val')}_{number + 1:06d}"
    folder, labels = root / "pascal", canvas.labels
    raw = [len(CONTEXT_LABELS), *(CONTEXT_LABELS.index(CONTEXT_NAMES.get(n, n)) + 1 for n in OBJECTS[1:])]
    write_jpeg(folder / "VOC2010" / "JPEGImages" / f"{name}.jpg", canvas.picture(rng))
    write_mat(folder / "context" / "trainval" / f"{name}.mat",
              {"LabelMap": np.array(raw, np.uint16)[labels["object"]]})  # fmt: skip
    write_mat(folder / "part" / "Annotations_Part" / f"{name}.mat",
              {"anno": {"imname": name, "objects": part_annotation(labels)}})  # fmt: skip
    return {"height": height, "width": width, "nr_part": 1}


def part_annotation(labels: dict[str, np.ndarray]) -> np.ndarray:
    """PASCAL-Part's struct array (1, N) of the things it annotates, each with its parts and their masks."""
    things = []
    for number in np.unique(labels["instance"])[1:]:
        mask = labels["instance"] == number
        name = OBJECTS[labels["object"][mask][0]]
        if name in PASCAL_PARTS:
            things.append((name, VOC_NUMBERS[name], mask.astype(np.uint8), thing_parts(name, labels["part"] * mask)))
    return structs(("class", "class_ind", "mask", "parts"), things)


def thing_parts(name: str, parts: np.ndarray) -> np.ndarray:
    """The parts of one thing: every connected piece under a short name of its own, as far as there are names."""
    found = []
    for part, keys in PASCAL_PARTS[name].items():
        pieces = components(parts == PARTS.index(part), connectivity=2)
        pieces = np.minimum(pieces, len(keys))
        found += [(keys[i][0], (pieces == i + 1).astype(np.uint8)) for i in range(pieces.max())]
    return structs(("part_name", "mask"), found)


def structs(fields: tuple[str, ...], rows: list[tuple]) -> np.ndarray:
    """A MATLAB struct array, (1, N), or the empty matrix PASCAL-Part has for none."""
    if not rows:
        return np.zeros((0, 0))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in fields])
    array[0] = rows
    return array


def opensurfaces(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A part of a scene, mostly of a room, with the materials of some of its surfaces."""
    width, height = shape_of(rng, size)
    scene = str(rng.choice(INDOOR)) if rng.random() < 0.72 else str(rng.choice(list(SCENES)))
    zoom = rng.choice([1.0, rng.uniform(1.1, 2.2)])
    canvas = Canvas(width, height, zoom, (rng.uniform(0.1, 0.9), rng.uniform(0.35, 0.9)))
    SCENES[scene](canvas, rng)
    labels = canvas.labels
    by_material = {name: red for red, name in reversed(list(enumerate(SUBSTANCES.values(), start=1)))}
    red = np.array([by_material.get(name, 0) for name in MATERIALS])
    red[0] = 0
    raw = red[labels["material"]]
    names = list(SUBSTANCES)
    for thing, substance in (("sky", "Sky"), ("water", "Water")):  # labelled there, but not used
        raw[labels["object"] == OBJECTS.index(thing)] = names.index(substance) + 1
    concrete = (labels["object"] == OBJECTS.index("road")) & (raw > 0)
    raw[concrete] = names.index("Concrete") + 1
    kept = rng.random((256, len(MATERIALS))) < rng.uniform(0.5, 0.95)
    raw = np.where(kept[labels["instance"], labels["material"]], raw, 0)
    photo = 1000 + 7 * number + (500_000 if split == "val" else 0)
    write_jpeg(root / "opensurfaces" / "photos" / f"{photo}.jpg", canvas.picture(rng))
    coded = np.stack([raw, labels["object"], np.zeros_like(raw)], -1)
    write_png(root / "opensurfaces" / "photos-labels" / f"{photo}.png", coded)
    return {"height": height, "width": width, "id": photo, "scene": scene}


def dtd(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A picture full of one texture."""
    width, height = shape_of(rng, size)
    kind = TEXTURES[number % len(TEXTURES)]
    serial = 2 * number + 1 + (split == "val")
    name = f"{kind}/{kind}_{serial:04d}.jpg"
    write_jpeg(root / "dtd" / "dtd-r1.0.1" / "images" / name, texture_picture(kind, rng, width, height))
    return {"height": height, "width": width, "line": f"{name} {kind} "}


SOURCES = {"ade20k": ade20k, "pascal": pascal, "os": opensurfaces, "dtd": dtd}
