"""Broden+ as one map-style dataset: every record a dict of image and labels."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from dgmlib.vocabulary import TASKS, Vocabulary

from .files import META, BrodenError
from .source import Lists, read_records
from .sources import SOURCES, Sources, labelled_for


class BrodenPlus(Dataset):
    """One split of Broden+ (or of Broden-mini, which is written in the same layouts).

    ``dataset[i]`` is a dict: "image" (H, W, 3) uint8 RGB, "key", "source", and the labels that its source provides:

    - "object" (H, W) int64, 0 unlabelled;
    - "part" (H, W) int64, the INDEX in the part list of the pixel's object, 0 for none of them;
    - "part_valid" (number of objects with parts,) bool, the objects whose parts this image annotates;
    - "scene" int, -1 unlabelled;  "material" (H, W) int64, 0 unlabelled;  "texture" int.

    Args:
        root: the folder with ``meta_file``, ``ade20k``, ``pascal``, ``opensurfaces`` and ``dtd``.
        split: "train" or "val".
        tasks: which labels to read; sources without any of them are left out and may be missing.
        cache: folder of prepared copies and superpixels, ``root`` by default.

    Raises:
        BrodenError: the metadata are missing or broken, or the split is empty.
        FileNotFoundError: there is no folder ``root``.
        ValueError: if there is no such task or split.
    """

    def __init__(self, root: str | Path, split: str, tasks: Sequence[str] = TASKS, cache: str | Path | None = None):
        self.root, self.split, self.tasks = Path(root), split, tuple(tasks)
        self.cache = Path(cache or root)
        self.sources = Sources(self.root, self.cache)
        self.vocabulary = self.sources.vocabulary
        self.records = read_records(self.sources.meta, split, labelled_for(self.tasks))
        if not self.records:
            raise BrodenError(
                f"the {split} lists in {self.sources.meta} hold no record labelled for {', '.join(tasks)}; {META}."
            )
        for name in dict.fromkeys(record.source for record in self.records):
            self.sources.open(SOURCES[name])
        for record in self.records:
            self.sources.of(record)  # its index is checked now, not hours later

    def __len__(self) -> int:
        return len(self.records)

    def key(self, index: int) -> str:
        """Return a record's unique id, which is also a relative path without suffix."""
        return self.sources.of(self.records[index]).key(self.records[index])

    def groups(self, tasks: Iterable[str]) -> list[list[int]]:
        """Return the indices of the records labelled for at least one of some tasks, by group.

        A group holds the sources that share record lists ({ADE20K, PASCAL}, {OpenSurfaces}, {DTD}) and whose images are
        labelled for nearly the same tasks. A training batch comes from one group.
        """
        groups: dict[Lists, list[int]] = {}
        carrying = labelled_for(tasks)
        for index, record in enumerate(self.records):
            source = SOURCES[record.source]
            if source in carrying:
                groups.setdefault(source.lists, []).append(index)
        return list(groups.values())

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        labels = self.sources.maps(record) | self.sources.of(record).label(record)
        if "part" in labels:
            labels["part"], labels["part_valid"] = part_layers(self.vocabulary, labels["object"], labels["part"])
        wanted = set(self.tasks)
        if "part" in wanted:
            wanted |= {"object", "part_valid"}  # the object map says which object a part index belongs to
        kept = {task: label for task, label in labels.items() if task in wanted}
        return {"image": self.sources.image(record), "key": self.key(index), "source": record.source, **kept}


def part_layers(vocabulary: Vocabulary, objects: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn (H, W) part ids into positions within each pixel's object, by unifiedparsing's rule of validity.

    Returns:
        (H, W) int64 indices, and (number of objects with parts,) bool validity: at least two of the object's listed ids
        are present, where id 0 also counts for the pixels outside the object.
    """
    shape = len(vocabulary.objects), len(vocabulary.parts)
    position = np.zeros(shape, dtype=np.int64)  # (object, part) -> index in the object's list, else 0
    allowed = np.zeros(shape, dtype=bool)
    for thing, listed in vocabulary.object_parts.items():
        position[thing, listed] = np.arange(len(listed))
        allowed[thing, listed] = True
    pairs = objects * shape[1] + parts
    counts = np.bincount(pairs.ravel(), minlength=position.size).reshape(shape)
    present = counts > 0
    present[:, 0] |= counts.sum(axis=1) < objects.size
    valid = (present & allowed).sum(axis=1) >= 2
    return position[objects, parts], valid[list(vocabulary.object_parts)]
