"""The record lists, which define Broden+'s splits, and the table that maps every source's labels to one vocabulary."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dgmlib.vocabulary import Vocabulary

from .files import BrodenError, LabelRangeError, label_number, read_csv, read_json_lines

SPLITS = ("train", "val")

#: What each source annotates.
SOURCE_TASKS = {
    "ade20k": ("object", "part", "scene"),
    "pascal": ("object", "part"),
    "os": ("material",),
    "dtd": ("texture",),
    "folder": ("object",),  # any folder of image/label pairs, see folder.py
}
#: One training batch comes from one of these groups, because its images are labelled for the same tasks.
GROUPS = (("ade20k", "pascal"), ("os",), ("dtd",), ("folder",))
# The published lists ARE the definition of the splits.
_LISTS = {
    ("ade20k", "pascal"): {name: f"joint_dataset/broden_ade20k_pascal_{name}.json" for name in SPLITS},
    ("os",): {name: f"joint_dataset/broden_os_{name}.json" for name in SPLITS},
    ("dtd",): {"train": "dtd/dtd_training_list.json", "val": "dtd/dtd_validation_list.json"},
}


@dataclass(frozen=True)
class Record:
    """One line of a record list.

    Attributes:
        source: "ade20k", "pascal", "os" or "dtd".
        index: position in the source's own list (``file_index``), 0-based.
        height: rows of the image in pixels, after the resize rule.
        width: columns likewise.
        has_parts: whether the list promises part labels (``nr_part``).
    """

    source: str
    index: int
    height: int
    width: int
    has_parts: bool = False


def sources_of(tasks: tuple[str, ...]) -> tuple[str, ...]:
    """Sources that carry labels for at least one of ``tasks``."""
    return tuple(name for name, carried in SOURCE_TASKS.items() if set(carried) & set(tasks))


def read_records(meta: str | Path, split: str, sources: tuple[str, ...]) -> list[Record]:
    """Read the official lists of one split.

    Args:
        meta: unifiedparsing's ``meta_file`` folder.
        split: "train" or "val".
        sources: which sources' records to keep.

    Raises:
        BrodenError: a list is missing or broken, or names a record twice.
    """
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; choose train or val.")
    records: dict[tuple[str, int], Record] = {}
    for group, lists in _LISTS.items():
        if not set(group) & set(sources):
            continue
        path = Path(meta) / lists[split]
        for line in read_json_lines(path):
            record = _record(line, group, path)
            if (record.source, record.index) in records:
                raise BrodenError(
                    f"{path} lists {record.source} file_index {record.index} twice; remove one of the lines."
                )
            records[record.source, record.index] = record
    return [record for record in records.values() if record.source in sources]


def _record(line: dict, group: tuple[str, ...], path: Path) -> Record:
    """Check one line of a list."""
    try:
        record = Record(
            source=line["dataset"],
            index=_whole(line["file_index"]),
            height=_whole(line["height"]),
            width=_whole(line["width"]),
            has_parts=bool(line.get("nr_part", 0)),
        )
    except (KeyError, TypeError) as error:
        raise BrodenError(
            f"{path}: the record {line} needs dataset, file_index, height and width as whole numbers; copy it again."
        ) from error
    if record.source not in group or record.index < 0 or min(record.height, record.width) < 1:
        raise BrodenError(
            f"{path}: the record {line} must be of {' or '.join(group)} with a size and an index of 0 or more; "
            "copy the list again."
        )
    return record


def _whole(value: object) -> int:
    """Let whole numbers of JSON pass; 0.7 would else become record 0."""
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


class LabelAssignment:
    """label_assignment.csv: which class of the vocabulary every raw label of every source becomes."""

    def __init__(self, path: str | Path, vocabulary: Vocabulary):
        self.path = Path(path)
        table = read_csv(path, ("dataset", "category", "raw_label", "raw_name", "broden_label"))
        table["raw_label"] = [label_number(text, path) for text in table["raw_label"]]
        table["broden_label"] = [label_number(text, path) for text in table["broden_label"]]
        for category, rows in table.groupby("category"):
            known = len(vocabulary.names(category))
            least = -1 if category == "scene" else 0  # -1: unlabelled
            if not rows["broden_label"].between(least, known - 1).all() or rows["raw_label"].min() < 0:
                raise LabelRangeError(
                    f"{path} assigns a {category} label outside {category}.csv; copy both files again."
                )
        repeated = table[table.duplicated(["dataset", "category", "raw_label"])]
        if len(repeated):
            source, category, raw = repeated.iloc[0][["dataset", "category", "raw_label"]]
            raise BrodenError(f"{path} assigns the raw label {raw} of {source} {category} twice; copy it again.")
        self._rows = table.set_index(["dataset", "category"]).sort_index()

    def table(self, source: str, category: str, num_raw: int) -> np.ndarray:
        """Lookup table of at least ``num_raw + 1`` entries, indexed by raw label; unlisted labels become 0."""
        rows = self._select(source, category)
        # The list stops before the largest raw label there is (3,137 of 3,148 ADE20K names): pad to all of them.
        lookup = np.zeros(max(num_raw, rows["raw_label"].max()) + 1, dtype=np.int64)
        lookup[rows["raw_label"]] = rows["broden_label"]
        return lookup

    def by_name(self, source: str, category: str) -> dict[str, int]:
        """Map raw names to labels of the vocabulary."""
        rows = self._select(source, category)
        return dict(zip(rows["raw_name"], rows["broden_label"].astype(int), strict=True))

    def _select(self, source: str, category: str):
        if (source, category) not in self._rows.index:
            raise BrodenError(f"{self.path} has no rows for {source} {category}; copy it again.")
        return self._rows.loc[[(source, category)]]


def translate(raw: np.ndarray, lookup: np.ndarray, path: str | Path, names: str | Path) -> np.ndarray:
    """Look raw labels up, (H, W) -> (H, W) int64; raise LabelRangeError for labels beyond the source's own names."""
    beyond = raw[(raw < 0) | (raw >= len(lookup))]
    if beyond.size:
        raise LabelRangeError(
            f"{path} holds the label {beyond[0]}, but {names} names only 1..{len(lookup) - 1}; "
            "restore it from the release these names belong to."
        )
    return lookup[raw]
