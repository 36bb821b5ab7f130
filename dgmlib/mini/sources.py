"""One picture each of the four sources, drawn and written in that source's own layout."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.measure import label as components

from dgmlib.mini import names
from dgmlib.mini.canvas import Canvas
from dgmlib.mini.drawing import paint_scene
from dgmlib.mini.lists import matlab_array, write_mat
from dgmlib.mini.names import MATERIALS, OBJECTS, PARTS, SCENES
from dgmlib.mini.notation import Rng
from dgmlib.mini.textures import texture_picture

SUBJECT_SCENES = {"car": ("street", "village"), "dog": ("park", "village", "beach"), "person": SCENES}


def _shape(rng: Rng, size: int) -> tuple[int, int]:
    """Width and height of a picture: mostly landscape."""
    short = size + int(rng.integers(-size // 20, size // 20 + 1))
    long = round(short * rng.choice([1.2, 1.33, 1.33, 1.5]))
    return (short, long) if rng.random() < 0.1 else (long, short)


def _write(path: Path, pixels: np.ndarray) -> None:
    """Write a photograph (.jpg) or a label picture (.png)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=92)


def ade20k(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A whole scene with its objects, mostly their parts, and mostly the scene's name.

    A label picture has R = 10 (class // 256), G = class % 256 and B = instance.
    """
    width, height = _shape(rng, size)
    scene = SCENES[number % len(SCENES)]
    # every scene has to occur: the loader numbers them by the names it finds
    named = scene if number < len(SCENES) or rng.random() > 0.08 else "misc"
    with_parts = bool(rng.random() < 0.8)
    canvas = Canvas(width, height)
    paint_scene(scene, canvas, rng)
    folder = f"ADE20K_2016_07_26/images/{'training' if split == 'train' else 'validation'}/{named[0]}/{named}"
    name, labels = f"ADE_{split}_{number + 1:08d}", canvas.labels
    _write(root / "ade20k" / folder / f"{name}.jpg", canvas.picture(rng))
    for suffix, task, listed in (("seg", "object", OBJECTS), ("parts_1", "part", PARTS))[: 1 + with_parts]:
        raw = np.array([0, *(names.ADE_NAMES.index(name) + 1 for name in listed[1:])])[labels[task]]
        coded = np.stack([raw // 256 * 10, raw % 256, np.where(raw > 0, labels["instance"], 0)], -1)
        _write(root / "ade20k" / folder / f"{name}_{suffix}.png", coded)
    present = [OBJECTS[i] for i in np.unique(labels["object"])]
    facts = {"filename": f"{name}.jpg", "folder": folder, "scene": named, "present": present}
    return {"height": height, "width": width, "nr_part": int(with_parts), **facts}


def pascal(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A closer look at a person, a car or a dog: objects of the whole picture, parts of these three."""
    width, height = _shape(rng, size)
    subject = list(names.VOC_NUMBERS)[number % len(names.VOC_NUMBERS)]
    canvas = Canvas(width, height)
    paint_scene(str(rng.choice(SUBJECT_SCENES[subject])), canvas, rng, f"{subject}_close")
    name, folder = f"{2008 + (split == 'val')}_{number + 1:06d}", root / "pascal"
    contexts = names.CONTEXT_LABELS
    raw = [len(contexts), *(contexts.index(there) + 1 for there in names.CONTEXT_NAMES.values())]
    _write(folder / "VOC2010" / "JPEGImages" / f"{name}.jpg", canvas.picture(rng))
    label_map = np.array(raw, np.uint16)[canvas.labels["object"]]
    write_mat(folder / "context" / "trainval" / f"{name}.mat", {"LabelMap": label_map})
    annotation = {"imname": name, "objects": _part_annotation(canvas.labels)}
    write_mat(folder / "part" / "Annotations_Part" / f"{name}.mat", {"anno": annotation})
    return {"height": height, "width": width, "nr_part": 1}


def _part_annotation(labels: dict[str, np.ndarray]) -> np.ndarray:
    """PASCAL-Part's struct array (1, N) of the things it annotates, each with its parts and their masks."""
    things = []
    for number in np.unique(labels["instance"])[1:]:
        mask, found = labels["instance"] == number, []
        name = OBJECTS[labels["object"][mask][0]]
        for part, keys in names.PASCAL_PARTS.get(name, {}).items():
            # every connected piece has a short name of its own, as far as there are names
            pieces = components(mask & (labels["part"] == PARTS.index(part)), connectivity=2)
            pieces = np.minimum(pieces, len(keys))
            found += [(keys[i], (pieces == i + 1).astype(np.uint8)) for i in range(pieces.max())]
        if name in names.PASCAL_PARTS:
            parts = matlab_array(found, ("part_name", "mask"))
            things.append((name, names.VOC_NUMBERS[name], mask.astype(np.uint8), parts))
    return matlab_array(things, ("class", "class_ind", "mask", "parts"))


def opensurfaces(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A part of a scene, mostly of a room, with the materials of some of its surfaces."""
    width, height = _shape(rng, size)
    scene = str(rng.choice(names.INDOOR if rng.random() < 0.72 else SCENES))
    zoom = rng.choice([1.0, rng.uniform(1.1, 2.2)])
    canvas = Canvas(width, height, zoom, (rng.uniform(0.1, 0.9), rng.uniform(0.35, 0.9)))
    paint_scene(scene, canvas, rng)
    labels, substances, known = canvas.labels, list(names.SUBSTANCES), list(names.SUBSTANCES.values())
    red = np.array([0, *(known.index(name) + 1 for name in MATERIALS[1:])])[labels["material"]]
    for name in ("Sky", "Water"):  # labelled there, but not used
        red[labels["object"] == OBJECTS.index(name.lower())] = substances.index(name) + 1
    kept = rng.random((256, len(MATERIALS))) < rng.uniform(0.5, 0.95)
    red = np.where(kept[labels["instance"], labels["material"]], red, 0)
    photo, folder = 1000 + 7 * number + (500_000 if split == "val" else 0), root / "opensurfaces"
    _write(folder / "photos" / f"{photo}.jpg", canvas.picture(rng))
    _write(folder / "photos-labels" / f"{photo}.png", np.stack([red, labels["object"], np.zeros_like(red)], -1))
    return {"height": height, "width": width, "id": photo, "scene": scene}


def dtd(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """A picture full of one texture."""
    width, height = _shape(rng, size)
    kind = names.TEXTURES[number % len(names.TEXTURES)]
    name = f"{kind}/{kind}_{2 * number + 1 + (split == 'val'):04d}.jpg"
    _write(root / "dtd" / "dtd-r1.0.1" / "images" / name, texture_picture(kind, rng, width, height))
    return {"height": height, "width": width, "line": f"{name} {kind} "}


SOURCES = {"ade20k": ade20k, "pascal": pascal, "os": opensurfaces, "dtd": dtd}
