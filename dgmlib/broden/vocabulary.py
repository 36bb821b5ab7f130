"""Reading Broden+'s class names and its object-part hierarchy."""

from pathlib import Path

from dgmlib.vocabulary import Vocabulary

from .files import BrodenError, read_csv, whole_number


def read_vocabulary(folder: str | Path) -> Vocabulary:
    """Read the csv files of unifiedparsing's ``meta_file/joint_dataset``.

    Raises:
        BrodenError: a file or column is missing, ids have gaps, or the hierarchy names an unknown class.
    """
    folder = Path(folder)
    objects = _names(folder / "object.csv")
    parts = _names(folder / "part.csv")
    return Vocabulary(
        objects=objects,
        parts=parts,
        scenes=_names(folder / "scene.csv"),
        materials=_names(folder / "material.csv"),
        textures=_names(folder / "texture.csv"),
        object_parts=_hierarchy(folder / "object_part_hierarchy.csv", len(objects), len(parts)),
    )


def _names(path: Path) -> tuple[str, ...]:
    """Read a ``label,name`` table whose ids count up from 0."""
    table = read_csv(path, ("label", "name"))
    ids = [whole_number(value, path) for value in table["label"]]
    if ids != list(range(len(ids))):
        raise BrodenError(f"{path} must number its labels 0, 1, 2, ... without gaps; copy it again.")
    return tuple(table["name"])


def _hierarchy(path: Path, num_objects: int, num_parts: int) -> dict[int, tuple[int, ...]]:
    """Read which parts each object may have."""
    table = read_csv(path, ("object_label", "object_name", "part_labels", "part_names"))
    hierarchy = {}
    for object_text, parts_text in zip(table["object_label"], table["part_labels"], strict=True):
        object_id = whole_number(object_text, path)
        parts = tuple(whole_number(part, path) for part in parts_text.split(";"))
        known = 0 < object_id < num_objects and all(0 <= part < num_parts for part in parts)
        if not known or object_id in hierarchy or parts[0] != 0 or len(set(parts)) < len(parts):
            raise BrodenError(
                f"{path}: object {object_id} must be in object.csv and listed once, and its parts in part.csv, "
                "each once and starting with 0; copy it again."
            )
        hierarchy[object_id] = parts
    return hierarchy
