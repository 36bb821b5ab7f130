"""The interface of an image source, and the records of its lists, which define the splits.

To add a source to Broden+, write a class like `Source` and register it in `sources`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from dgmlib.vocabulary import MAP_TASKS

from .files import BrodenError, read_lines
from .vocabulary import LabelAssignment

SPLITS = ("train", "val")


@dataclass(frozen=True)
class Record:
    """One line of a record list.

    Attributes:
        source: the name of its source.
        index: position in the source's own list (``file_index``), 0-based.
        height: rows of the image in pixels, after the resize rule.
        width: columns of the image in pixels, after the resize rule.
        has_parts: whether the list promises part labels (``nr_part``).
    """

    source: str
    index: int
    height: int
    width: int
    has_parts: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


class Lists(NamedTuple):
    """Record lists, which define the splits: the names of their sources, and their paths below ``meta_file``."""

    sources: tuple[str, ...]
    train: str
    val: str


class Source(Protocol):
    """The lists, layout, labels and archives of one source; opened with a data folder, it locates and reads files.

    ``assignment`` maps the source's raw labels to classes.

    Attributes:
        name: its name in the record lists and label_assignment.csv.
        tasks: tasks that it annotates; its label maps come in this order.
        lists: the record lists that name it. Sources that share lists also share training batches.
        directory: its folder below the data folder.
        archives: where it is published, the photographs first and the label files last.
        resized: whether Broden+'s size rule applies to its images, see `sources.resized_shape`.
        free_labels: whether its label maps are rendered at their own size and resized to that of their photographs.
        misfit_hint: likely cause if many photographs differ in size from their records.
        folder: folder of its photographs.
        photos: their paths in it; a record's index is a position in this list.
    """

    name: str
    tasks: tuple[str, ...]
    lists: Lists
    directory: str
    archives: tuple[str, ...]
    resized = False
    free_labels = False
    misfit_hint = ""
    folder: Path
    photos: Sequence[str]

    def __init__(self, root: Path, assignment: LabelAssignment): ...

    @classmethod
    def map_tasks(cls) -> tuple[str, ...]:
        """Return the tasks that come as label maps."""
        return tuple(task for task in cls.tasks if task in MAP_TASKS)

    @property
    def photo_remedy(self) -> str:
        """What to do about a broken photograph."""
        return f"restore it from {self.archives[0]}"

    @property
    def label_remedy(self) -> str:
        """What to do about a broken label file."""
        return f"restore it from {self.archives[-1]}"

    def key(self, record: Record) -> str:
        """Return the image's unique id."""
        return f"{self.name}/{Path(self.photos[record.index]).with_suffix('')}"

    def image(self, record: Record) -> Path:
        """Locate the photograph."""
        photo = self.photos[record.index]
        if Path(photo).is_absolute() or ".." in Path(photo).parts:
            raise BrodenError(
                f"the path {photo!r} leaves the data folder {self.folder}; correct the list that names it."
            )
        return self.folder / photo

    def label_files(self, record: Record) -> list[Path]:
        """Locate the label files, in the order of their tasks; none by default."""
        return []

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the label maps, (H, W) int64 each, in ids of the vocabulary; none by default."""
        return {}

    def label(self, record: Record) -> dict[str, int]:
        """Return the labels of the whole image, "scene" (-1: unlabelled) or "texture"; none by default."""
        return {}


def read_records(meta: Path, split: str, sources: Sequence[type[Source]]) -> list[Record]:
    """Read the official lists of one split, "train" or "val", for some sources from unifiedparsing's ``meta_file``.

    Raises:
        BrodenError: a list is missing or broken, or names a record twice.
    """
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; choose train or val.")
    records: dict[tuple[str, int], Record] = {}
    for lists in dict.fromkeys(source.lists for source in sources):
        path = meta / getattr(lists, split)
        lines = read_lines(path)
        if not lines:
            raise BrodenError(f"{path} lists no record; copy it again.")
        for line in lines:
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
    try:
        fields = json.loads(line)
        name, *numbers = (fields.get(key) for key in ("dataset", "file_index", "height", "width"))
    except (json.JSONDecodeError, AttributeError):  # not JSON, or not an object
        name, numbers = None, [None]
    whole = all(isinstance(number, int) for number in numbers)  # otherwise 0.7 would become record 0
    if name not in lists.sources or not whole or numbers[0] < 0 or min(numbers[1:]) < 1:
        raise BrodenError(
            f"{path}: the record {line} must be a JSON object with {' or '.join(lists.sources)} as its dataset, and as "
            "whole numbers a file_index of 0 or more, a height and a width; copy the list again."
        )
    return Record(name, *numbers, has_parts=bool(fields.get("nr_part", 0)))
