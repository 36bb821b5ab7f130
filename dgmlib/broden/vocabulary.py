"""Reading Broden+'s class names and its object-part hierarchy."""

from pathlib import Path

from dgmlib.vocabulary import TASKS, Vocabulary

from .files import BrodenError, read_csv, whole_numbers


def read_vocabulary(folder: str | Path) -> Vocabulary:
    """Read the csv files of unifiedparsing's ``meta_file/joint_dataset``.

    Raises:
        BrodenError: a file or column is missing, ids have gaps, or the hierarchy names an unknown class.
    """
    names = {f"{task}s": _names(Path(folder) / f"{task}.csv") for task in TASKS}
    hierarchy = _hierarchy(Path(folder) / "object_part_hierarchy.csv", len(names["objects"]), len(names["parts"]))
    return Vocabulary(**names, object_parts=hierarchy)


def _names(path: Path) -> tuple[str, ...]:
    """Read a ``label,name`` table whose ids count up from 0."""
    table = read_csv(path, ("label", "name"), labels=("label",))
    if table["label"].tolist() != list(range(len(table))):
        raise BrodenError(f"{path} must number its labels 0, 1, 2, ... without gaps; copy it again.")
    return tuple(table["name"])


def _hierarchy(path: Path, num_objects: int, num_parts: int) -> dict[int, tuple[int, ...]]:
    """Read which parts each object may have."""
    columns = ("object_label", "object_name", "part_labels", "part_names")
    table = read_csv(path, columns, labels=("object_label",))
    hierarchy: dict[int, tuple[int, ...]] = {}
    for object_id, text in zip(table["object_label"].tolist(), table["part_labels"], strict=True):
        parts = tuple(whole_numbers(text.split(";"), path))
        known = 0 < object_id < num_objects and all(0 <= part < num_parts for part in parts)
        if not known or object_id in hierarchy or parts[0] != 0 or len(set(parts)) < len(parts):
            raise BrodenError(
                f"{path}: object {object_id} must be in object.csv and listed once, and its parts in part.csv, "
                "each once and starting with 0; copy it again."
            )
        hierarchy[object_id] = parts
    return hierarchy
