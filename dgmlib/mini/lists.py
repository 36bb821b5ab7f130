"""Broden-mini's metadata files, in the layouts of unifiedparsing's ``meta_file``."""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io

from dgmlib.mini.names import (
    ADE_NAMES,
    CONTEXT_LABELS,
    CONTEXT_NAMES,
    MATERIALS,
    OBJECT_PARTS,
    OBJECTS,
    PARTS,
    PASCAL_PARTS,
    SCENES,
    SUBSTANCES,
    TEXTURES,
)


def write_table(path: Path, columns: str, rows: Iterable[Sequence]) -> None:
    """Write a csv table; ``columns`` is its header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(list(rows), columns=columns.split(",")).to_csv(path, index=False, lineterminator="\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text list, one entry per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def write_mat(path: Path, content: dict) -> None:
    """Write a MATLAB file whose bytes depend on its content alone (MATLAB's header holds the time)."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, content, do_compression=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"MATLAB 5.0 MAT-file, Broden-mini".ljust(116) + buffer.getvalue()[116:])


def matlab_array(rows: Sequence, fields: Sequence[str] = ()) -> np.ndarray:
    """A MATLAB cell array (1, N), or a struct array of fields; for no structs the empty matrix that PASCAL-Part has."""
    if fields and not rows:
        return np.zeros((0, 0))
    array = np.empty((1, len(rows)), dtype=[(name, object) for name in fields] or object)
    array[0] = rows
    return array


def write_vocabulary(folder: Path) -> None:
    """Write the five lists of names, the hierarchy and the table that maps the sources' labels to them."""
    names = {"object": OBJECTS, "part": PARTS, "scene": SCENES, "material": MATERIALS, "texture": TEXTURES}
    for task, listed in names.items():
        write_table(folder / f"{task}.csv", "label,name", enumerate(listed))
    hierarchy = []
    for name, parts in OBJECT_PARTS.items():
        ids = sorted([0, *map(PARTS.index, parts)])
        named = ";".join(PARTS[number] for number in ids)
        hierarchy.append((OBJECTS.index(name), name, ";".join(map(str, ids)), named))
    write_table(folder / "object_part_hierarchy.csv", "object_label,object_name,part_labels,part_names", hierarchy)
    columns = "dataset,category,raw_label,raw_name,broden_label,broden_name"
    write_table(folder / "label_assignment.csv", columns, _assignment())


def _assignment() -> Iterable[tuple]:
    """The rows of label_assignment.csv: what a source's label, counted from 1, means here."""
    for task, listed in (("object", OBJECTS), ("part", PARTS)):
        for name in listed:
            yield "ade20k", task, ADE_NAMES.index(name) + 1, name, listed.index(name), name
    yield "ade20k", "scene", 0, "", -1, ""  # ADE20K's "misc"
    for i, name in enumerate(SCENES):  # raw scene labels are alphabetical ranks, and so are ours
        yield "ade20k", "scene", i + 1, f"{name}-s", i, name
    for name, there in CONTEXT_NAMES.items():
        yield "pascal", "object", CONTEXT_LABELS.index(there) + 1, there, OBJECTS.index(name), name
    yield "pascal", "object", len(CONTEXT_LABELS), "unknown", 0, "-"
    for i, name in enumerate(dict.fromkeys(part for parts in PASCAL_PARTS.values() for part in parts), start=1):
        yield "pascal", "part", i, name, PARTS.index(name), name
    yield "os", "material", 0, "", 0, "-"
    for i, (substance, name) in enumerate(SUBSTANCES.items(), start=1):
        yield "os", "material", i, substance.lower().replace("/", ";"), MATERIALS.index(name), name


def write_lists(meta: Path, found: dict[str, list[dict]]) -> None:
    """Write all metadata; ``found`` has what `sources` tells of every picture, whose position is its file_index."""
    write_vocabulary(meta / "joint_dataset")
    _write_ade20k(meta / "ade20k", found["ade20k"])
    lines = (f"{i}: {name}" for i, name in enumerate(CONTEXT_LABELS, start=1))
    write_lines(meta / "pascal" / "context_labels.txt", lines)
    keys = [(thing, key, part) for thing, parts in PASCAL_PARTS.items() for part, keys in parts.items() for key in keys]
    write_table(meta / "pascal" / "pascal_part_names.csv", "object,key,comment", keys)
    substances = [(10 + red, name, red) for red, name in enumerate(SUBSTANCES, start=1)]
    columns = "substance_id,substance_name,red_color"
    write_table(meta / "opensurfaces" / "label-substance-colors.csv", columns, substances)
    photos = ((photo["id"], photo["scene"].replace("_", " "), "procedural") for photo in found["os"])
    write_table(meta / "opensurfaces" / "photos.csv", "photo_id,scene_category_name,license_name", photos)
    write_lines(meta / "dtd" / "labels_joint_anno.txt", (picture["line"] for picture in found["dtd"]))
    for split, long in (("train", "training"), ("val", "validation")):
        for path, sources in (
            (f"joint_dataset/broden_ade20k_pascal_{split}.json", ("ade20k", "pascal")),
            (f"joint_dataset/broden_os_{split}.json", ("os",)),
            (f"dtd/dtd_{long}_list.json", ("dtd",)),
        ):
            write_lines(meta / path, (json.dumps(record) for source in sources for record in _records(found, source, split)))


def _records(found: dict[str, list[dict]], source: str, split: str) -> Iterable[dict]:
    for i, picture in enumerate(found[source]):
        if picture["split"] == split:
            known = {key: picture[key] for key in ("height", "width", "nr_part") if key in picture}
            yield {**known, "file_index": i, "dataset": source}


def _write_ade20k(folder: Path, pictures: Sequence[dict]) -> None:
    """Write ADE20K's index and list of scenes."""
    presence = np.array([[name in picture["present"] for picture in pictures] for name in ADE_NAMES], np.float32)
    index = {
        "filename": matlab_array([f"{picture['file']}.jpg" for picture in pictures]),
        "folder": matlab_array([picture["folder"] for picture in pictures]),
        "typeset": np.array([[1 if picture["split"] == "train" else 2] for picture in pictures], np.uint8),
        "objectPresence": presence,
        "objectcounts": presence.sum(1, keepdims=True),
        "objectnames": matlab_array(ADE_NAMES),
        "scene": matlab_array([picture["scene"] for picture in pictures]),
    }
    write_mat(folder / "index_ade20k.mat", {"index": index})
    write_lines(folder / "scene_categories.txt", (f"{picture['file']} {picture['scene']}" for picture in pictures))
