"""The registry of Broden+'s sources, and one interface to those of a data folder."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dgmlib.vocabulary import TASKS

from .ade20k import Ade20k
from .dtd import Dtd
from .files import (
    META,
    BrodenError,
    MissingFileError,
    NotResizedError,
    WrongSizeError,
    image_shape,
    read_maps,
    read_photo,
)
from .opensurfaces import OpenSurfaces
from .pascal import Pascal
from .source import Record, Source
from .vocabulary import LabelAssignment, read_vocabulary

#: Every source by its name.
SOURCES: dict[str, type[Source]] = {source.name: source for source in (Ade20k, Pascal, OpenSurfaces, Dtd)}
SHORT_SIDE = 512


def labelled_for(tasks: Iterable[str]) -> list[type[Source]]:
    """Select the sources with labels for at least one of some tasks.

    Raises:
        ValueError: if there is no such task.
    """
    if unknown := [tasks] if isinstance(tasks, str) else [task for task in tasks if task not in TASKS]:
        raise ValueError(f"tasks must be a list of {', '.join(TASKS)}, not {', '.join(unknown)}.")
    return [source for source in SOURCES.values() if set(source.tasks) & set(tasks)]


def resized_shape(height: int, width: int) -> tuple[int, int]:
    """Apply Broden+'s size rule: if both sides exceed 512 pixels, the short one becomes 512."""
    short = min(height, width)
    if short <= SHORT_SIDE:
        return height, width
    return tuple(round(side / short * SHORT_SIDE) for side in (height, width))


class Sources:
    """Reads images and labels of one data folder by record, from originals or from their prepared copies.

    The folder ``prepared`` is below ``cache``, by default below ``root``.

    Raises:
        FileNotFoundError: there is no such folder.
        BrodenError: the vocabulary or the label assignment is missing or broken.
    """

    def __init__(self, root: Path, cache: str | Path | None = None):
        self.root, self.meta = root, root / "meta_file"
        if not root.is_dir():
            raise FileNotFoundError(f"there is no folder {root}; check the path.")
        if not self.meta.is_dir():
            raise MissingFileError(
                f"{self.meta} does not exist; {META}, or, if {root} holds pictures of your own, add names.txt there."
            )
        joint = self.meta / "joint_dataset"
        self.vocabulary = read_vocabulary(joint)
        self._assignment = LabelAssignment(joint / "label_assignment.csv", self.vocabulary)
        self.prepared = Path(cache or root) / "prepared"
        # The content of prepared label maps depends on the assignment.
        self._prepared_maps = self.prepared / f"labels-{_digest(self._assignment.path.read_bytes())}"
        self._opened: dict[str, Source] = {}

    def open(self, source: type[Source]) -> None:
        """Open one source; before that, none of its records can be read."""
        self._opened[source.name] = source(self.root, self._assignment)

    def of(self, record: Record) -> Source:
        """Return the opened source of a record; raise BrodenError if the record points past the end of its list."""
        source = self._opened[record.source]
        if record.index >= len(source.photos):
            raise BrodenError(
                f"a record list in {self.meta} refers to entry {record.index} of {record.source}, which has only "
                f"{len(source.photos)} entries; restore the missing files from {' and '.join(source.archives)}, or the "
                "official list."
            )
        return source

    def image(self, record: Record) -> np.ndarray:
        """Read the photograph, (H, W, 3) uint8: the resized copy if there is one."""
        path, remedy = self._photo(record), self.of(record).photo_remedy
        image = read_photo(path, remedy, record.shape)
        self._check_size(image.shape[:2], record, path, remedy)
        return image

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the label maps, (H, W) int64 ids of the vocabulary each: the prepared ones if there are any."""
        source, (_, copy) = self.of(record), self.copies(record)
        if copy.is_file():
            return read_maps(copy, source.map_tasks())
        maps = source.maps(record)
        for labels, path in zip(maps.values(), source.label_files(record), strict=False):
            self._check_size(labels.shape, record, path, source.label_remedy)
        return maps

    def copies(self, record: Record) -> tuple[Path, Path]:
        """Locate the prepared copies of the photograph and of the label maps, whether they exist or not.

        Their names carry a stamp of the originals and the record's size: where one has changed, copies are made again.
        """
        source = self.of(record)
        key, shape = source.key(record), record.shape
        photo, labels = _stamp([source.image(record)], shape), _stamp(source.label_files(record), shape)
        return self.prepared / "images" / f"{key}-{photo}.jpg", self._prepared_maps / f"{key}-{labels}.png"

    def _photo(self, record: Record) -> Path:
        """Locate the photograph, or its resized copy if there is one."""
        copy, _ = self.copies(record)
        return copy if copy.is_file() else self.of(record).image(record)

    def _check_size(self, shape: tuple[int, int], record: Record, path: Path, remedy: str) -> None:
        """Compare a file's size with its record; if `prepare` would bring it to that size, say so."""
        if shape == record.shape:
            return
        source, kind, native = self.of(record), WrongSizeError, shape
        if source.free_labels and path != self._photo(record):
            native = image_shape(self._photo(record), source.photo_remedy, record.shape)
        if source.resized and record.shape in (native, resized_shape(*native)):
            kind, remedy = NotResizedError, f"run `dgmlib broden prepare {self.root}`"
        raise kind(
            f"{path} has {shape[0]} x {shape[1]} pixels (height x width) where its record says "
            f"{record.height} x {record.width}; {remedy}."
        )


def _stamp(originals: Sequence[Path], shape: tuple[int, int]) -> str:
    """Digest a record's height and width, and sizes and modification times of the files that exist."""
    stats = [path.stat() if path.is_file() else None for path in originals]
    return _digest(repr([shape, *(stat and (stat.st_size, stat.st_mtime_ns) for stat in stats)]).encode())


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=4).hexdigest()
