"""DTD, the Describable Textures Dataset, release r1.0.1: textures."""

from pathlib import Path

import numpy as np

from dgmlib.vocabulary import Vocabulary

from .files import META, BrodenError, LabelRangeError, inside, read_lines
from .records import Record

ARCHIVE = "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz"


class Dtd:
    """Paths and labels of DTD's images, in the order of labels_joint_anno.txt."""

    archives = (ARCHIVE,)

    def __init__(self, root: Path, vocabulary: Vocabulary):
        self.root = root / "dtd" / "dtd-r1.0.1" / "images"
        names_path = root / "meta_file" / "dtd" / "labels_joint_anno.txt"
        lines = [line.split() for line in read_lines(names_path)]
        if any(len(line) < 2 for line in lines):
            raise BrodenError(f"{names_path} must hold a path and its texture on every line; {META}.")
        self.images = [line[0] for line in lines]
        unknown = {line[1] for line in lines} - set(vocabulary.textures)
        if unknown:
            raise LabelRangeError(f"{names_path} names the texture {min(unknown)!r}, which texture.csv lacks; {META}.")
        # The first name is the main one, the folder's; the others are not used.
        self.textures = [vocabulary.textures.index(line[1]) for line in lines]

    def __len__(self) -> int:
        return len(self.images)

    def key(self, record: Record) -> str:
        """Give the image's unique id."""
        return f"dtd/{Path(self.images[record.index]).with_suffix('')}"

    def image(self, record: Record) -> Path:
        """Locate the photograph."""
        return inside(self.root, self.images[record.index])

    def label_files(self, record: Record) -> list[Path]:
        """Locate label files: none, the list names the texture."""
        return []

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the label maps: none."""
        return {}

    def label(self, record: Record) -> dict[str, int]:
        """Give the labels of the whole image: its texture."""
        return {"texture": self.textures[record.index]}
