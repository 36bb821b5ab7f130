"""Broden+'s csv tables: class names, the object-part hierarchy, and the classes of every source's raw labels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from dgmlib.vocabulary import TASKS, Vocabulary

from .files import BrodenError, LabelRangeError, read_csv, whole_numbers

OTHER_NAMES = "has other names than the lists of classes beside it; copy all of joint_dataset again, from one release."


def read_vocabulary(folder: str | Path) -> Vocabulary:
    """Read the csv files of unifiedparsing's ``meta_file/joint_dataset``.

    Raises:
        BrodenError: a file or column is missing, ids have gaps, or the hierarchy has another class or name.
    """
    names = {f"{task}s": _names(Path(folder) / f"{task}.csv") for task in TASKS}
    hierarchy = _hierarchy(Path(folder) / "object_part_hierarchy.csv", names["objects"], names["parts"])
    return Vocabulary(**names, object_parts=hierarchy)


def _names(path: Path) -> tuple[str, ...]:
    """Read a ``label,name`` table whose ids count up from 0."""
    table = read_csv(path, ("label", "name"), labels=("label",))
    if table["label"].tolist() != list(range(len(table))):
        raise BrodenError(f"{path} must number its labels 0, 1, 2, ... without gaps; copy it again.")
    return tuple(table["name"])


def _hierarchy(path: Path, objects: Sequence[str], parts: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """Read which parts each object may have."""
    columns = ("object_label", "object_name", "part_labels", "part_names")
    table = read_csv(path, columns, labels=("object_label",))
    hierarchy: dict[int, tuple[int, ...]] = {}
    for row in table.itertuples():
        thing, listed = row.object_label, tuple(whole_numbers(row.part_labels.split(";"), path))
        known = 0 < thing < len(objects) and all(0 <= part < len(parts) for part in listed)
        if not known or thing in hierarchy or listed[0] != 0 or len(set(listed)) < len(listed):
            raise BrodenError(
                f"{path}: object {thing} must be in object.csv and listed once, and its parts in part.csv, "
                "each once and starting with 0; copy it again."
            )
        if [row.object_name, *row.part_names.split(";")] != [objects[thing], *(parts[part] for part in listed)]:
            raise BrodenError(f"{path}: object {thing} {OTHER_NAMES}")
        hierarchy[thing] = listed
    return hierarchy


class LabelAssignment:
    """label_assignment.csv, which maps every source's raw labels to classes of the vocabulary.

    Raises:
        BrodenError: the table is missing or broken, or assigns a class that the vocabulary lacks or names otherwise.
    """

    def __init__(self, path: Path, vocabulary: Vocabulary):
        self.path, self.vocabulary = path, vocabulary
        columns = ("dataset", "category", "raw_label", "raw_name", "broden_label", "broden_name")
        table = read_csv(path, columns, labels=("raw_label", "broden_label"))
        for category, rows in table.groupby("category"):
            if category not in TASKS:
                raise BrodenError(f"{path} assigns labels of {category!r}, which is no task; copy it again.")
            known = len(vocabulary.names(category))
            least = -1 if category == "scene" else 0  # -1: unlabelled
            if not rows["broden_label"].between(least, known - 1).all() or rows["raw_label"].min() < 0:
                raise LabelRangeError(
                    f"{path} assigns a {category} label outside {category}.csv; copy both files again."
                )
            named = rows[rows["broden_label"] >= 0]
            names = np.array(vocabulary.names(category))[named["broden_label"]]
            if (other := named[named["broden_name"] != names]).size:
                raise BrodenError(f"{path}: {category} {other['broden_label'].iloc[0]} {OTHER_NAMES}")
        repeated = table[table.duplicated(["dataset", "category", "raw_label"])]
        if len(repeated):
            source, category, raw = repeated.iloc[0][["dataset", "category", "raw_label"]]
            raise BrodenError(f"{path} assigns the raw label {raw} of {source} {category} twice; copy it again.")
        self._rows = dict(list(table.groupby(["dataset", "category"])))

    def table(self, source: str, category: str, num_raw: int) -> np.ndarray:
        """Lookup table of at least ``num_raw + 1`` entries, indexed by raw label; unlisted labels become 0."""
        rows = self._select(source, category)
        # The list ends before the largest raw label (3,137 of 3,148 ADE20K names), so pad to all of them.
        lookup = np.zeros(max(num_raw, rows["raw_label"].max()) + 1, dtype=np.int64)
        lookup[rows["raw_label"]] = rows["broden_label"]
        return lookup

    def by_name(self, source: str, category: str) -> dict[str, int]:
        """Map raw names to labels of the vocabulary."""
        rows = self._select(source, category)
        return dict(zip(rows["raw_name"], rows["broden_label"].astype(int), strict=True))

    def _select(self, source: str, category: str) -> pd.DataFrame:
        if (source, category) not in self._rows:
            raise BrodenError(f"{self.path} has no rows for {source} {category}; copy it again.")
        return self._rows[source, category]


def translate(raw: np.ndarray, lookup: np.ndarray, path: Path, names: Path) -> np.ndarray:
    """Look raw labels up, (H, W) -> (H, W) int64; raise LabelRangeError for labels beyond the source's ``names``."""
    beyond = raw[(raw < 0) | (raw >= len(lookup))]
    if beyond.size:
        raise LabelRangeError(
            f"{path} holds the label {beyond[0]}, but {names} names only 1..{len(lookup) - 1}; "
            "restore it from the release these names belong to."
        )
    return lookup[raw]
