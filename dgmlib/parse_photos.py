"""``dgmlib parse``: parse many photographs and write the results to files."""

import glob
import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from dgmlib import viz
from dgmlib.checkpoints import weights_digest
from dgmlib.launch import resolved
from dgmlib.paths import write_atomic, writing
from dgmlib.pictures import SUFFIXES, find_pictures
from dgmlib.predictor import CHECKPOINT, Predictor, Scene, located

#: Summary of a parsed photograph; written last, so its presence marks a complete folder.
FOUND = "found.json"
#: Names of the label maps that a folder may hold.
MAPS = re.compile(r"objects|parts|materials|textures|level\d+")


def parse(photos: tuple[str, ...], /, out: Path, model: Path = CHECKPOINT) -> str:
    """Parse photographs into one folder each, with label maps, an overview and a summary.

    A folder holds objects.png, parts.png, materials.png and textures.png (16 bits; found.json names the values), the
    groups in level1.png (superpixels), level2.png and so on, overview.png to look at, and found.json: the place with
    its probability, and all classes with their areas. A second run resumes where the first was interrupted, and parses
    again only photographs that have changed.

    Args:
        photos: files, folders with everything below them, or patterns such as "holiday/*.jpg".
        out: where the folders go, named after the photographs, relative to the folder that these have in common.
        model: demo-dgm or street-dgm, which are included, or the path of another model without suffix.

    Raises:
        ValueError: if there is no photograph, or, after all others are parsed, if some cannot be read.
    """
    files = _files(photos, out)
    root = os.path.commonpath([file.parent for file in files])
    model = located(model)
    predictor = Predictor.load(model, resolved("auto"))
    weights = weights_digest(model)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    failed, before = [], 0
    for file in tqdm(files, desc="parse", unit="photograph", disable=None):
        folder, made = out / file.relative_to(root), {"model": model.name, "weights": weights}
        try:
            made["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
            if _is_done(folder, file, made):
                before += 1
                continue
            scene = predictor(file)
        except (OSError, ValueError) as error:
            failed.append(str(error))
            continue
        save(scene, folder, photograph=str(file), **made)
    done = f"{len(files) - len(failed)} of {len(files)} photographs are parsed in {out}, {before} of them before"
    if failed:
        raise ValueError("\n".join([f"{done}; these are not:", *failed]))
    return done


def save(scene: Scene, folder: Path, **facts) -> None:
    """Write a parsed photograph to a folder in the layout of `parse`: `FOUND` last, beginning with ``facts``."""
    maps = {f"level{level}": scene.groups(level) for level in range(1, scene.levels + 1)}
    maps |= {name: labels.ids for name, labels in scene.maps.items()}
    with writing(folder):  # what an earlier model left: first `FOUND`, since the folder is incomplete from now on
        (folder / FOUND).unlink(missing_ok=True)
        for path in folder.glob("*.png"):
            if MAPS.fullmatch(path.stem) and path.stem not in maps:
                path.unlink()
    for name, ids in maps.items():
        with write_atomic(folder / f"{name}.png") as temporary:
            Image.fromarray(ids.astype(np.uint16)).save(temporary)
    viz.save(scene.plot(), folder / "overview.png")
    height, width = scene.regions.shape
    found = facts | {"height": height, "width": width, "place": scene.place and scene.place._asdict()}
    found |= {name: labels.areas().reset_index().to_dict("records") for name, labels in scene.maps.items()}
    with write_atomic(folder / FOUND) as temporary:
        temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _files(photos: Sequence[str], out: Path) -> list[Path]:
    """Resolve ``photos`` to files; in folders, to those with a picture's suffix, except below ``out``."""
    files = set()
    for name in photos:
        found = [Path(name)] if Path(name).exists() else _matches(name, out)
        if not found:
            raise ValueError(f"there is no photograph {name}; check the path.")
        for path in found:
            pictures = find_pictures(path, outside=out) if path.is_dir() else [path]
            files.update(Path(os.path.abspath(picture)) for picture in pictures)
    if not files:
        raise ValueError(
            f"there are no photographs to parse outside {out}; name files, or folders that hold {', '.join(SUFFIXES)}."
        )
    return sorted(files)


def _matches(pattern: str, out: Path) -> list[Path]:
    """Folders and pictures that a pattern names, without what an earlier run has written below ``out``."""
    return [
        path
        for path in map(Path, glob.glob(pattern, recursive=True))
        if (path.is_dir() or path.suffix.lower() in SUFFIXES) and not path.resolve().is_relative_to(out.resolve())
    ]


def _is_done(folder: Path, file: Path, made: dict) -> bool:
    """Whether the folder was made from exactly this photograph by exactly this model; raise if it is another's."""
    try:
        found = json.loads((folder / FOUND).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    other = found.get("photograph", str(file))
    if other != str(file) and found.get("sha256") != made["sha256"]:
        raise ValueError(f"{file} would replace what {folder} holds of {other}; choose another --out.")
    return all(found.get(key) == value for key, value in made.items())
