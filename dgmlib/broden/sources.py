"""The four sources of one Broden+ root behind one door, with their prepared copies."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dgmlib.vocabulary import Vocabulary

from .ade20k import Ade20k
from .dtd import Dtd
from .files import BrodenError, NotResizedError, WrongSizeError, image_shape, read_photo, verify_photo
from .opensurfaces import OpenSurfaces
from .pascal import Pascal
from .prepared import Prepared, read_maps, resized_shape
from .records import LabelAssignment, Record

MAP_TASKS = {"ade20k": ("object", "part"), "pascal": ("object", "part"), "os": ("material",), "dtd": ()}
RESIZED = ("ade20k", "os")  # the sources that the size rule applies to
_READERS = {"ade20k": Ade20k, "pascal": Pascal, "os": OpenSurfaces}


class Sources:
    """Reads images and labels by record.

    Args:
        root: the data folder.
        names: the sources to open, of "ade20k", "pascal", "os", "dtd".
        vocabulary: the classes.
        cache: the folder that holds ``prepared``.
    """

    def __init__(self, root: Path, names: Iterable[str], vocabulary: Vocabulary, cache: Path):
        self.root = root
        meta = root / "meta_file"
        self.vocabulary = vocabulary
        self._assignment = LabelAssignment(meta / "joint_dataset" / "label_assignment.csv", vocabulary)
        self.prepared = Prepared(cache / "prepared", meta)
        self.readers: dict = {}
        for name in names:
            self.open(name)

    def open(self, name: str) -> None:
        """Open one source by name."""
        is_dtd = name == "dtd"  # its labels are the vocabulary's own
        reader = Dtd(self.root, self.vocabulary) if is_dtd else _READERS[name](self.root, self._assignment)
        self.readers[name] = reader

    def check_index(self, record: Record) -> None:
        """Raise BrodenError where a record points past the end of its source's list."""
        size = len(self.readers[record.source])
        if record.index >= size:
            raise BrodenError(
                f"a record list refers to entry {record.index} of {record.source}, which has only {size} entries; "
                f"restore the missing files from {' and '.join(self.readers[record.source].archives)}, "
                "or the official list."
            )

    def key(self, record: Record) -> str:
        """Give a record's unique id, also a relative path without suffix."""
        return self.readers[record.source].key(record)

    def image(self, record: Record) -> np.ndarray:
        """Read the photograph, (H, W, 3) uint8: the resized copy where there is one."""
        path, remedy = self._photo(record)
        image = read_photo(path, remedy, (record.height, record.width))
        self._check_size(image.shape[:2], record, path, remedy)
        return image

    def check_image(self, record: Record) -> None:
        """Raise what `image` would raise, in half the time."""
        path, remedy = self._photo(record)
        verify_photo(path, remedy)
        self._check_size(image_shape(path, remedy, (record.height, record.width)), record, path, remedy)

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the label maps, (H, W) int64 ids of the vocabulary each: the prepared ones where there are any."""
        reader = self.readers[record.source]
        originals = reader.label_files(record)
        copy = self.prepared.maps(reader.key(record), originals)
        if copy.is_file():
            return read_maps(copy, MAP_TASKS[record.source])
        maps = reader.maps(record)
        for task, path in zip(maps, originals, strict=True):
            self._check_size(maps[task].shape, record, path, f"restore it from {reader.archives[-1]}")
        return with_parts(maps)

    def label(self, record: Record) -> dict[str, int]:
        """Give the labels of the whole image: "scene" or "texture"."""
        return self.readers[record.source].label(record)

    def files(self, record: Record) -> list[Path]:
        """Locate all that is read of a record: originals and prepared copies, whether they are there or not."""
        reader = self.readers[record.source]
        photo, labels = reader.image(record), reader.label_files(record)
        key = reader.key(record)
        return [photo, *labels, self.prepared.image(key, photo), self.prepared.maps(key, labels)]

    def _photo(self, record: Record) -> tuple[Path, str]:
        """Locate the photograph, or its resized copy where there is one, and say what to do if it is broken."""
        reader = self.readers[record.source]
        original = reader.image(record)
        copy = self.prepared.image(reader.key(record), original)
        return copy if copy.is_file() else original, f"restore it from {reader.archives[0]}"

    def _check_size(self, shape: tuple[int, int], record: Record, path: Path, remedy: str) -> None:
        """Compare a file on disk with its record."""
        expected = (record.height, record.width)
        if shape == expected:
            return
        kind = WrongSizeError
        if record.source in RESIZED and self._can_be_resized(shape, record, path):
            kind, remedy = NotResizedError, f"run `dgmlib broden prepare {self.root}`"
        raise kind(
            f"{path} has {shape[0]} x {shape[1]} pixels (height x width) where its record says "
            f"{expected[0]} x {expected[1]}; {remedy}."
        )

    def _can_be_resized(self, shape: tuple[int, int], record: Record, path: Path) -> bool:
        """Whether `prepare` brings a file to the size of its record."""
        expected = (record.height, record.width)
        photo, remedy = self._photo(record)
        if record.source == "os" and path != photo:  # rendered at a size of its own, it takes that of its photograph
            shape = image_shape(photo, remedy, expected)
        return expected in (shape, resized_shape(*shape))


def with_parts(maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give ADE20K's images without a part file an empty part map."""
    return maps | {"part": np.zeros_like(maps["object"])} if set(maps) == {"object"} else maps
