"""Broden-mini's metadata files, in the layouts of unifiedparsing's ``meta_file``."""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io

from dgmlib.broden.vocabulary import TASKS
from dgmlib.mini import names


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _write_table(path: Path, columns: str, rows: Iterable[Sequence]) -> None:
    text = pd.DataFrame(list(rows), columns=columns.split(",")).to_csv(index=False, lineterminator="\n")
    _write_lines(path, text.splitlines())


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


def _assignment() -> Iterable[tuple]:
    """The rows of label_assignment.csv: what a source's label, counted from 1, means here."""
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
    """Write all metadata; ``found`` has what `sources` tells of every picture, whose position is its file_index."""
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
    _write_lines(meta / "pascal" / "context_labels.txt", labels)
    parts = names.PASCAL_PARTS.items()
    keys = [(thing, key, part) for thing, listed in parts for part, keys in listed.items() for key in keys]
    _write_table(meta / "pascal" / "pascal_part_names.csv", "object,key,comment", keys)
    reds = [(10 + red, name, red) for red, name in enumerate(names.SUBSTANCES, start=1)]
    surfaces = meta / "opensurfaces"
    _write_table(surfaces / "label-substance-colors.csv", "substance_id,substance_name,red_color", reds)
    photos = ((photo["id"], photo["scene"].replace("_", " "), "procedural") for photo in found["os"])
    _write_table(surfaces / "photos.csv", "photo_id,scene_category_name,license_name", photos)
    _write_lines(meta / "dtd" / "labels_joint_anno.txt", (picture["line"] for picture in found["dtd"]))
    for split, long in (("train", "training"), ("val", "validation")):
        _write_records(joint / f"broden_ade20k_pascal_{split}.json", found, split, "ade20k", "pascal")
        _write_records(joint / f"broden_os_{split}.json", found, split, "os")
        _write_records(meta / f"dtd/dtd_{long}_list.json", found, split, "dtd")


def _write_records(path: Path, found: dict[str, list[dict]], split: str, *sources: str) -> None:
    records = (
        {key: picture[key] for key in ("height", "width", "nr_part") if key in picture}
        | {"file_index": i, "dataset": source}
        for source in sources
        for i, picture in enumerate(found[source])
        if picture["split"] == split
    )
    _write_lines(path, map(json.dumps, records))


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
