"""The record lists, which define Broden+'s splits."""

import json
from collections.abc import Sequence
from pathlib import Path

from .files import BrodenError, read_lines
from .source import Lists, Record, Source

SPLITS = ("train", "val")


def read_records(meta: Path, split: str, sources: Sequence[type[Source]]) -> list[Record]:
    """Read the official lists of one split.

    Args:
        meta: unifiedparsing's ``meta_file`` folder.
        split: "train" or "val".
        sources: whose records to keep.

    Raises:
        BrodenError: a list is missing or broken, or names a record twice.
    """
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; choose train or val.")
    records: dict[tuple[str, int], Record] = {}
    for lists in dict.fromkeys(source.lists for source in sources):
        path = meta / getattr(lists, split)
        for line in read_lines(path):
            record = _record(line, lists, path)
            if (record.source, record.index) in records:
                raise BrodenError(
                    f"{path} lists {record.source} file_index {record.index} twice; remove one of the lines."
                )
            records[record.source, record.index] = record
    names = {source.name for source in sources}
    return [record for record in records.values() if record.source in names]


def all_records(meta: Path, source: type[Source]) -> list[Record]:
    """Read a source's records of all splits."""
    return [record for split in SPLITS for record in read_records(meta, split, (source,))]


def _record(line: str, lists: Lists, path: Path) -> Record:
    """Read one line of a list."""
    try:
        fields = json.loads(line)
        name, *numbers = (fields.get(key) for key in ("dataset", "file_index", "height", "width"))
    except (json.JSONDecodeError, AttributeError):  # no JSON, or no object
        name, numbers = None, [None]
    whole = all(isinstance(number, int) for number in numbers)  # 0.7 would else become record 0
    if name not in lists.sources or not whole or numbers[0] < 0 or min(numbers[1:]) < 1:
        raise BrodenError(
            f"{path}: the record {line} must be a JSON object with {' or '.join(lists.sources)} as its dataset, and as "
            "whole numbers a file_index of 0 or more, a height and a width; copy the list again."
        )
    return Record(name, *numbers, has_parts=bool(fields.get("nr_part", 0)))
