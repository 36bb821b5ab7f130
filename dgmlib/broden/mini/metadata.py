"""Broden-mini's metadata files, in the layouts of unifiedparsing's ``meta_file``."""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.io

from dgmlib.broden.mini.names import (
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
    data = bytearray(buffer.getvalue())
    data[:116] = b"MATLAB 5.0 MAT-file, Broden-mini".ljust(116)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def cells(values: Sequence) -> np.ndarray:
    """A MATLAB cell array, (1, N)."""
    array = np.empty((1, len(values)), dtype=object)
    array[0] = values
    return array


def write_vocabulary(folder: Path) -> None:
    """Write the five lists of names, the hierarchy and the table that maps the sources' labels to them."""
    names = {"object": OBJECTS, "part": PARTS, "scene": SCENES, "material": MATERIALS, "texture": TEXTURES}
    for task, listed in names.items():
        write_table(folder / f"{task}.csv", "label,name", enumerate(listed))
    hierarchy = []
    for name in sorted(OBJECT_PARTS, key=OBJECTS.index):
        ids = sorted([0, *map(PARTS.index, OBJECT_PARTS[name])])
        hierarchy.append(
            (OBJECTS.index(name), name, ";".join(map(str, ids)), ";".join(PARTS[number] for number in ids))
        )
    write_table(folder / "object_part_hierarchy.csv", "object_label,object_name,part_labels,part_names", hierarchy)
    write_table(
        folder / "label_assignment.csv",
        "dataset,category,raw_label,raw_name,broden_label,broden_name",
        _assignment(),
    )


def _assignment() -> list[tuple]:
    rows = [
        ("ade20k", task, ADE_NAMES.index(name) + 1, name, listed.index(name), name)
        for task, listed in (("object", OBJECTS), ("part", PARTS))
        for name in listed
    ]
    # raw scene labels are alphabetical ranks, and so are ours; 0 is ADE20K's "misc"
    rows += [("ade20k", "scene", 0, "", -1, "")]
    rows += [("ade20k", "scene", i + 1, f"{name}-s", i, name) for i, name in enumerate(SCENES)]
    rows += [
        (
            "pascal",
            "object",
            CONTEXT_LABELS.index(CONTEXT_NAMES.get(name, name)) + 1,
            CONTEXT_NAMES.get(name, name),
            i,
            name,
        )
        for i, name in enumerate(OBJECTS)
        if i
    ]
    rows += [("pascal", "object", CONTEXT_LABELS.index("unknown") + 1, "unknown", 0, "-")]
    parts = list(dict.fromkeys(part for listed in PASCAL_PARTS.values() for part in listed))
    rows += [("pascal", "part", i, name, PARTS.index(name), name) for i, name in enumerate(parts, start=1)]
    rows += [("os", "material", 0, "", 0, "-")]
    for raw, (substance, name) in enumerate(SUBSTANCES.items(), start=1):
        name = name or "-"
        rows.append(("os", "material", raw, substance.lower().replace("/", ";"), MATERIALS.index(name), name))
    return rows


def write_ade20k(folder: Path, images: Sequence[dict]) -> None:
    """Write ADE20K's index and list of scenes; images are dicts with file, folder, scene and present (class names)."""
    presence = np.array([[name in image["present"] for image in images] for name in ADE_NAMES], np.float32)
    index = {
        "filename": cells([f"{image['file']}.jpg" for image in images]),
        "folder": cells([image["folder"] for image in images]),
        "typeset": np.array([[1 if "training" in image["folder"] else 2] for image in images], np.uint8),
        "objectPresence": presence,
        "objectcounts": presence.sum(1, keepdims=True),
        "objectnames": cells(ADE_NAMES),
        "scene": cells([image["scene"] for image in images]),
    }
    write_mat(folder / "index_ade20k.mat", {"index": index})
    write_lines(folder / "scene_categories.txt", (f"{image['file']} {image['scene']}" for image in images))


def write_pascal(folder: Path) -> None:
    """Write Context's labels and PASCAL-Part's short names."""
    write_lines(folder / "context_labels.txt", (f"{i}: {name}" for i, name in enumerate(CONTEXT_LABELS, start=1)))
    rows = [
        (thing, key, comment)
        for thing, parts in PASCAL_PARTS.items()
        for keys in parts.values()
        for key, comment in keys
    ]
    write_table(folder / "pascal_part_names.csv", "object,key,comment", rows)


def write_opensurfaces(folder: Path, photos: Sequence[dict]) -> None:
    """Write OpenSurfaces' substances and list of photographs; photos are dicts with id and scene."""
    rows = [(10 + red, name, red) for red, name in enumerate(SUBSTANCES, start=1)]
    write_table(folder / "label-substance-colors.csv", "substance_id,substance_name,red_color", rows)
    write_table(
        folder / "photos.csv",
        "photo_id,scene_category_name,license_name",
        ((photo["id"], photo["scene"].replace("_", " "), "procedural") for photo in photos),
    )


def write_records(path: Path, records: Iterable[dict]) -> None:
    """Write a list of records, one JSON object per line."""
    write_lines(path, (json.dumps(record) for record in records))
