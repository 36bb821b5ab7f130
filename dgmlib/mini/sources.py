"""One picture each of the four sources, drawn and written in that source's own layout."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.measure import label as components

from dgmlib.mini.canvas import Canvas
from dgmlib.mini.drawing import paint_scene
from dgmlib.mini.lists import matlab_array, write_mat
from dgmlib.mini.names import (
    ADE_NAMES,
    CONTEXT_LABELS,
    CONTEXT_NAMES,
    INDOOR,
    MATERIALS,
    OBJECTS,
    PARTS,
    PASCAL_PARTS,
    SCENES,
    SUBSTANCES,
    TEXTURES,
    VOC_NUMBERS,
)
from dgmlib.mini.notation import Rng
from dgmlib.mini.textures import texture_picture

SUBJECT_SCENES = {"car": ("street", "village"), "dog": ("park", "village", "beach"), "person": SCENES}


def shape_of(rng: Rng, size: int) -> tuple[int, int]:
    """Width and height of a picture: mostly landscape."""
    short = size + int(rng.integers(-size // 20, size // 20 + 1))
    long = round(short * rng.choice([1.2, 1.33, 1.33, 1.5]))
    return (short, long) if rng.random() < 0.1 else (long, short)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Write a photograph (.jpg) or a label picture (.png)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=92)


def ade_code(names: tuple[str, ...], labels: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """ADE20K's coding of a label map, (H, W) -> (H, W, 3): R = 10 (class // 256), G = class % 256, B = instance."""
    raw = np.array([0, *(ADE_NAMES.index(name) + 1 for name in names[1:])])[labels]
    return np.stack([raw // 256 * 10, raw % 256, np.where(raw > 0, instances, 0)], -1)


def ade20k(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A whole scene with its objects, mostly their parts, and mostly the scene's name."""
    width, height = shape_of(rng, size)
    scene = SCENES[number % len(SCENES)]
    # every scene has to occur: the loader numbers them by the names it finds
    named = scene if number < len(SCENES) or rng.random() > 0.08 else "misc"
    with_parts = rng.random() < 0.8
    canvas = Canvas(width, height)
    paint_scene(scene, canvas, rng)
    folder = f"ADE20K_2016_07_26/images/{'training' if split == 'train' else 'validation'}/{named[0]}/{named}"
    name, labels = f"ADE_{split}_{number + 1:08d}", canvas.labels
    base = root / "ade20k" / folder / name
    write_picture(base.with_suffix(".jpg"), canvas.picture(rng))
    for suffix, names, task in (("seg", OBJECTS, "object"), ("parts_1", PARTS, "part"))[: 1 + with_parts]:
        write_picture(base.with_name(f"{name}_{suffix}.png"), ade_code(names, labels[task], labels["instance"]))
    present = [OBJECTS[i] for i in np.unique(labels["object"])]
    facts = {"file": name, "folder": folder, "scene": named, "present": present}
    return {"height": height, "width": width, "nr_part": int(with_parts), **facts}


def find_subject(scene: str, seed: list[int], name: str, aspect: float) -> tuple[float, tuple[float, float]] | None:
    """Where in a scene a thing of this name stands: the zoom that frames it, and its place; None without one."""
    height = 56
    canvas = Canvas(round(height * aspect), height, labels_only=True)
    rng = np.random.default_rng(seed)
    paint_scene(scene, canvas, rng)
    instances = canvas.labels["instance"] * (canvas.labels["object"] == OBJECTS.index(name))
    areas = np.bincount(instances.ravel(), minlength=2)
    areas[[0, *instances[[0, -1]].ravel(), *instances[:, [0, -1]].ravel()]] = 0  # cut off by the frame
    if areas.max() < 12:
        return None
    rows, columns = np.nonzero(instances == areas.argmax())
    extent = max(np.ptp(rows) + 1, (np.ptp(columns) + 1) / aspect) / height
    zoom = float(np.clip(rng.uniform(0.5, 0.85) / extent, 1.0, 4.5))
    middle = np.array([np.mean((at.min(), at.max() + 1)) / full for at, full in ((columns, canvas.width), (rows, height))])
    centre = (middle * zoom - 0.5) / max(zoom - 1, 1e-6) + rng.uniform(-0.1, 0.1, 2) / zoom
    return zoom, tuple(np.clip(centre, 0, 1).tolist())


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
    paint_scene(scene, canvas, np.random.default_rng(seed))
    name, folder, labels = f"{2008 + (split == 'val')}_{number + 1:06d}", root / "pascal", canvas.labels
    raw = np.array([len(CONTEXT_LABELS), *(CONTEXT_LABELS.index(n) + 1 for n in CONTEXT_NAMES.values())], np.uint16)
    write_picture(folder / "VOC2010" / "JPEGImages" / f"{name}.jpg", canvas.picture(rng))
    write_mat(folder / "context" / "trainval" / f"{name}.mat", {"LabelMap": raw[labels["object"]]})
    annotation = {"imname": name, "objects": part_annotation(labels)}
    write_mat(folder / "part" / "Annotations_Part" / f"{name}.mat", {"anno": annotation})
    return {"height": height, "width": width, "nr_part": 1}


def part_annotation(labels: dict[str, np.ndarray]) -> np.ndarray:
    """PASCAL-Part's struct array (1, N) of the things it annotates, each with its parts and their masks."""
    things = []
    for number in np.unique(labels["instance"])[1:]:
        mask = labels["instance"] == number
        name, found = OBJECTS[labels["object"][mask][0]], []
        for part, keys in PASCAL_PARTS.get(name, {}).items():
            # every connected piece has a short name of its own, as far as there are names
            pieces = components(mask & (labels["part"] == PARTS.index(part)), connectivity=2)
            pieces = np.minimum(pieces, len(keys))
            found += [(keys[i], (pieces == i + 1).astype(np.uint8)) for i in range(pieces.max())]
        if name in PASCAL_PARTS:
            parts = matlab_array(found, ("part_name", "mask"))
            things.append((name, VOC_NUMBERS[name], mask.astype(np.uint8), parts))
    return matlab_array(things, ("class", "class_ind", "mask", "parts"))


def opensurfaces(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A part of a scene, mostly of a room, with the materials of some of its surfaces."""
    width, height = shape_of(rng, size)
    scene = str(rng.choice(INDOOR if rng.random() < 0.72 else SCENES))
    zoom = rng.choice([1.0, rng.uniform(1.1, 2.2)])
    canvas = Canvas(width, height, zoom, (rng.uniform(0.1, 0.9), rng.uniform(0.35, 0.9)))
    paint_scene(scene, canvas, rng)
    labels, substances = canvas.labels, list(SUBSTANCES)
    red = np.array([0, *(list(SUBSTANCES.values()).index(name) + 1 for name in MATERIALS[1:])])[labels["material"]]
    red[(labels["object"] == OBJECTS.index("road")) & (red > 0)] = substances.index("Concrete") + 1
    for name in ("Sky", "Water"):  # labelled there, but not used
        red[labels["object"] == OBJECTS.index(name.lower())] = substances.index(name) + 1
    kept = rng.random((256, len(MATERIALS))) < rng.uniform(0.5, 0.95)
    red = np.where(kept[labels["instance"], labels["material"]], red, 0)
    photo, folder = 1000 + 7 * number + (500_000 if split == "val" else 0), root / "opensurfaces"
    write_picture(folder / "photos" / f"{photo}.jpg", canvas.picture(rng))
    write_picture(folder / "photos-labels" / f"{photo}.png", np.stack([red, labels["object"], np.zeros_like(red)], -1))
    return {"height": height, "width": width, "id": photo, "scene": scene}


def dtd(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A picture full of one texture."""
    width, height = shape_of(rng, size)
    kind = TEXTURES[number % len(TEXTURES)]
    name = f"{kind}/{kind}_{2 * number + 1 + (split == 'val'):04d}.jpg"
    write_picture(root / "dtd" / "dtd-r1.0.1" / "images" / name, texture_picture(kind, rng, width, height))
    return {"height": height, "width": width, "line": f"{name} {kind} "}


SOURCES = {"ade20k": ade20k, "pascal": pascal, "os": opensurfaces, "dtd": dtd}
