"""The four sources in their own layouts: functions that draw one picture each, and the lists of ``meta_file``."""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io
from PIL import Image
from skimage.measure import label as components

from dgmlib.mini import names
from dgmlib.mini.canvas import Canvas
from dgmlib.mini.drawing import paint_scene
from dgmlib.mini.materials import texture_picture
from dgmlib.mini.names import MATERIALS, OBJECTS, PARTS, SCENES
from dgmlib.mini.notation import Rng
from dgmlib.vocabulary import TASKS

#: What PASCAL's pictures show close up: in which scenes, and what is put where in them.
SUBJECTS = {
    "car": (("street", "village"), "car|car|oncoming -1.2m~1.2m 3.8m~6m"),
    "dog": (("park", "village", "beach"), "dog -.6m~.6m 2.4m~3.2m"),
    "person": (SCENES, "person -.6m~.6m 2.3m~3.5m"),
}


def _made(path: Path) -> Path:
    """Make the folder of a file, if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    _made(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _write_table(path: Path, columns: str, rows: Iterable[Sequence]) -> None:
    pd.DataFrame(list(rows), columns=columns.split(",")).to_csv(_made(path), index=False, lineterminator="\n")


def write_mat(path: Path, content: dict) -> None:
    """Write a MATLAB file whose bytes depend on its content alone (MATLAB's header holds the time)."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, content, do_compression=True)
    _made(path).write_bytes(b"MATLAB 5.0 MAT-file, Broden-mini".ljust(116) + buffer.getvalue()[116:])


def matlab_array(rows: Sequence, fields: Sequence[str] = ()) -> np.ndarray:
    """A MATLAB cell array (1, N), or a struct array of fields; without structs, the empty matrix as in PASCAL-Part."""
    if fields and not rows:
        return np.zeros((0, 0))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in fields] or object)
    array[0] = rows
    return array


def _shape(rng: Rng, size: int) -> tuple[int, int]:
    """Width and height of a picture: mostly landscape."""
    short = size + int(rng.integers(-size // 20, size // 20 + 1))
    long = round(short * rng.choice([1.2, 1.33, 1.33, 1.5]))
    return (short, long) if rng.random() < 0.1 else (long, short)


def _write(path: Path, pixels: np.ndarray) -> None:
    """Write a photograph (.jpg) or a label picture (.png)."""
    Image.fromarray(pixels.astype(np.uint8)).save(_made(path), quality=92)


def ade20k(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """Draw a whole scene: objects, mostly parts, and its name; R = 10 (class // 256), G = class % 256, B = instance."""
    width, height = _shape(rng, size)
    scene = SCENES[number % len(SCENES)]
    # every scene must occur, because the loader numbers them by the names it finds
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
    return {"record": {"height": height, "width": width, "nr_part": int(with_parts)}, **facts}


def pascal(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """Draw a close-up of a person, a car or a dog: objects of the whole picture, parts of these three."""
    width, height = _shape(rng, size)
    canvas, (scenes, subject) = Canvas(width, height), list(SUBJECTS.values())[number % len(SUBJECTS)]
    paint_scene(str(rng.choice(scenes)), canvas, rng, subject)
    name, folder = f"{2008 + (split == 'val')}_{number + 1:06d}", root / "pascal"
    contexts = names.CONTEXT_LABELS
    raw = [len(contexts), *(contexts.index(there) + 1 for there in names.CONTEXT_NAMES.values())]
    _write(folder / "VOC2010" / "JPEGImages" / f"{name}.jpg", canvas.picture(rng))
    context = {"LabelMap": np.array(raw, np.uint16)[canvas.labels["object"]]}
    write_mat(folder / "context" / "trainval" / f"{name}.mat", context)
    annotation = {"imname": name, "objects": _part_annotation(canvas.labels)}
    write_mat(folder / "part" / "Annotations_Part" / f"{name}.mat", {"anno": annotation})
    return {"record": {"height": height, "width": width, "nr_part": 1}}


def _part_annotation(labels: dict[str, np.ndarray]) -> np.ndarray:
    """PASCAL-Part's struct array (1, N) of the things it annotates, each with its parts and their masks."""
    things = []
    for number in np.unique(labels["instance"])[1:]:
        mask, found = labels["instance"] == number, []
        name = OBJECTS[labels["object"][mask][0]]
        for part, keys in names.PASCAL_PARTS.get(name, {}).items():
            # every connected piece has its own short name, as long as there are names
            pieces = components(mask & (labels["part"] == PARTS.index(part)), connectivity=2)
            pieces = np.minimum(pieces, len(keys))
            found += [(keys[i], (pieces == i + 1).astype(np.uint8)) for i in range(pieces.max())]
        if name in names.PASCAL_PARTS:
            parts = matlab_array(found, ("part_name", "mask"))
            things.append((name, names.VOC_NUMBERS[name], mask.astype(np.uint8), parts))
    return matlab_array(things, ("class", "class_ind", "mask", "parts"))


def opensurfaces(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """Draw a part of a scene, usually of a room, with the materials of some of its surfaces."""
    width, height = _shape(rng, size)
    scene = str(rng.choice(names.INDOOR if rng.random() < 0.72 else SCENES))
    zoom = rng.choice([1.0, rng.uniform(1.1, 2.2)])
    canvas = Canvas(width, height, zoom, (rng.uniform(0.1, 0.9), rng.uniform(0.35, 0.9)))
    paint_scene(scene, canvas, rng)
    labels, substances, known = canvas.labels, list(names.SUBSTANCES), list(names.SUBSTANCES.values())
    red = np.array([0, *(known.index(name) + 1 for name in MATERIALS[1:])])[labels["material"]]
    for name in ("Sky", "Water"):  # labelled in OpenSurfaces, but not used
        red[labels["object"] == OBJECTS.index(name.lower())] = substances.index(name) + 1
    kept = rng.random((256, len(MATERIALS))) < rng.uniform(0.5, 0.95)
    red = np.where(kept[labels["instance"], labels["material"]], red, 0)
    photo, folder = 1000 + 7 * number + (500_000 if split == "val" else 0), root / "opensurfaces"
    _write(folder / "photos" / f"{photo}.jpg", canvas.picture(rng))
    _write(folder / "photos-labels" / f"{photo}.png", np.stack([red, labels["object"], np.zeros_like(red)], -1))
    return {"record": {"height": height, "width": width}, "id": photo, "scene": scene}


def dtd(root: Path, rng: Rng, size: int, split: str, number: int) -> dict:
    """Draw a picture filled with one texture."""
    width, height = _shape(rng, size)
    kind = names.TEXTURES[number % len(names.TEXTURES)]
    name = f"{kind}/{kind}_{2 * number + 1 + (split == 'val'):04d}.jpg"
    _write(root / "dtd" / "dtd-r1.0.1" / "images" / name, texture_picture(kind, rng, width, height))
    return {"record": {"height": height, "width": width}, "line": f"{name} {kind} "}


SOURCES = {"ade20k": ade20k, "pascal": pascal, "os": opensurfaces, "dtd": dtd}


def _assignment() -> Iterable[tuple]:
    """Yield the rows of label_assignment.csv: the meaning of each source's labels, counted from 1."""
    for task, listed in (("object", names.OBJECTS), ("part", names.PARTS)):
        for i, name in enumerate(listed):
            yield "ade20k", task, names.ADE_NAMES.index(name) + 1, name, i, name
    yield "ade20k", "scene", 0, "", -1, ""  # ADE20K's "misc"
    for i, name in enumerate(names.SCENES):  # raw scene labels are alphabetical ranks, and so are ours
        yield "ade20k", "scene", i + 1, f"{name}-s", i, name
    for i, (name, there) in enumerate(names.CONTEXT_NAMES.items(), start=1):
        yield "pascal", "object", names.CONTEXT_LABELS.index(there) + 1, there, i, name
    yield "pascal", "object", len(names.CONTEXT_LABELS), "unknown", 0, "-"
    for i, name in enumerate(dict.fromkeys(part for parts in names.PASCAL_PARTS.values() for part in parts), start=1):
        yield "pascal", "part", i, name, names.PARTS.index(name), name
    yield "os", "material", 0, "", 0, "-"
    for i, (substance, name) in enumerate(names.SUBSTANCES.items(), start=1):
        yield "os", "material", i, substance.lower().replace("/", ";"), names.MATERIALS.index(name), name


def write_lists(meta: Path, found: dict[str, list[dict]]) -> None:
    """Write all metadata; ``found`` has the facts from `SOURCES` on every picture, whose position is its file_index."""
    joint, classes = meta / "joint_dataset", names.vocabulary()
    for task in TASKS:
        _write_table(joint / f"{task}.csv", "label,name", enumerate(classes.names(task)))
    hierarchy = [
        (thing, classes.objects[thing], ";".join(map(str, parts)), ";".join(classes.parts[part] for part in parts))
        for thing, parts in classes.object_parts.items()
    ]
    _write_table(joint / "object_part_hierarchy.csv", "object_label,object_name,part_labels,part_names", hierarchy)
    columns = "dataset,category,raw_label,raw_name,broden_label,broden_name"
    _write_table(joint / "label_assignment.csv", columns, _assignment())
    _write_ade20k(meta / "ade20k", found["ade20k"])
    labels = (f"{i}: {name}" for i, name in enumerate(names.CONTEXT_LABELS, start=1))
    _write_lines(meta / "pascal/context_labels.txt", labels)
    parts = names.PASCAL_PARTS.items()
    keys = [(thing, key, part) for thing, listed in parts for part, keys in listed.items() for key in keys]
    _write_table(meta / "pascal/pascal_part_names.csv", "object,key,comment", keys)
    reds = [(10 + red, name, red) for red, name in enumerate(names.SUBSTANCES, start=1)]
    _write_table(meta / "opensurfaces/label-substance-colors.csv", "substance_id,substance_name,red_color", reds)
    photos = ((photo["id"], photo["scene"].replace("_", " "), "procedural") for photo in found["os"])
    _write_table(meta / "opensurfaces/photos.csv", "photo_id,scene_category_name,license_name", photos)
    _write_lines(meta / "dtd/labels_joint_anno.txt", (picture["line"] for picture in found["dtd"]))
    for split, long in (("train", "training"), ("val", "validation")):
        records = {
            source: [
                json.dumps({**picture["record"], "file_index": i, "dataset": source})
                for i, picture in enumerate(pictures)
                if picture["split"] == split
            ]
            for source, pictures in found.items()
        }
        _write_lines(joint / f"broden_ade20k_pascal_{split}.json", records["ade20k"] + records["pascal"])
        _write_lines(joint / f"broden_os_{split}.json", records["os"])
        _write_lines(meta / f"dtd/dtd_{long}_list.json", records["dtd"])


def _write_ade20k(folder: Path, pictures: Sequence[dict]) -> None:
    """Write ADE20K's index and list of scenes."""
    presence = np.array([[name in picture["present"] for picture in pictures] for name in names.ADE_NAMES], np.float32)
    index = {key: matlab_array([picture[key] for picture in pictures]) for key in ("filename", "folder", "scene")}
    index |= {"objectnames": matlab_array(names.ADE_NAMES), "objectPresence": presence}
    index["objectcounts"] = presence.sum(1, keepdims=True)
    index["typeset"] = np.array([[1 + (picture["split"] == "val")] for picture in pictures], np.uint8)
    write_mat(folder / "index_ade20k.mat", {"index": index})
    scenes = (f"{Path(picture['filename']).stem} {picture['scene']}" for picture in pictures)
    _write_lines(folder / "scene_categories.txt", scenes)
