"""DTD, the Describable Textures Dataset, release r1.0.1: textures."""

from pathlib import Path

from .files import META, BrodenError, LabelRangeError, read_lines
from .source import Lists, Record, Source
from .vocabulary import LabelAssignment


class Dtd(Source):
    """DTD in the order of labels_joint_anno.txt, whose texture names are the vocabulary's."""

    name = "dtd"
    tasks = ("texture",)
    lists = Lists(("dtd",), train="dtd/dtd_training_list.json", val="dtd/dtd_validation_list.json")
    directory = "dtd"
    archives = ("https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz",)

    def __init__(self, root: Path, assignment: LabelAssignment):
        self.folder = root / self.directory / "dtd-r1.0.1" / "images"
        path = root / "meta_file" / "dtd" / "labels_joint_anno.txt"
        lines = [line.split() for line in read_lines(path)]
        if any(len(line) < 2 for line in lines):
            raise BrodenError(f"{path} must hold a path and its texture on every line; {META}.")
        names = assignment.vocabulary.textures
        if unknown := {line[1] for line in lines} - set(names):
            raise LabelRangeError(f"{path} names the texture {min(unknown)!r}, which texture.csv lacks; {META}.")
        self.photos = [line[0] for line in lines]
        # The first name is the main one, the folder's; the others are not used.
        self.textures = [names.index(line[1]) for line in lines]

    def label(self, record: Record) -> dict[str, int]:
        """Return the texture."""
        return {"texture": self.textures[record.index]}
