"""What a source of images says of itself; to add one to Broden+, write such a class and enter it in `sources`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from .files import BrodenError
from .vocabulary import LabelAssignment

#: Tasks that are labelled pixel by pixel; the others are labelled image by image.
MAP_TASKS = ("object", "part", "material")


@dataclass(frozen=True)
class Record:
    """One line of a record list.

    Attributes:
        source: the name of its source.
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

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


class Lists(NamedTuple):
    """Record lists, which define the splits: the names of the sources in them, and their paths below ``meta_file``."""

    sources: tuple[str, ...]
    train: str
    val: str


class Source(Protocol):
    """The lists, layout, labels and archives of one source; opened with a data folder, it locates and reads files.

    Args:
        root: the data folder.
        assignment: what the source's raw labels become.

    Attributes:
        name: what the record lists and label_assignment.csv call it.
        tasks: what it annotates; its label maps come in this order.
        lists: the record lists it stands in. Sources that share lists also share training batches.
        directory: its folder below the data folder.
        archives: where it is published, the photographs first and the label files last.
        resized: whether Broden+'s size rule applies to its images, see `prepared.resized_shape`.
        free_labels: whether its label maps are rendered at a size of their own and take that of their photographs.
        misfit_hint: what it may mean that many photographs have another size than their records.
        folder: where its photographs are.
        photos: their paths in there; a record's index counts them.
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
        """Name the tasks that come as label maps."""
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
        """Give the image's unique id."""
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
        """Give the labels of the whole image, "scene" (-1: unlabelled) or "texture"; none by default."""
        return {}
