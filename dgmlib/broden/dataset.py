"""Broden+ as one map-style dataset: every record a dict of image and labels."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from .ade20k import Ade20k
from .dtd import Dtd
from .files import BrodenError, WrongSizeError, read_photo
from .opensurfaces import OpenSurfaces
from .pascal import Pascal
from .prepared import Prepared, is_fresh, read_maps, resized_shape
from .records import LabelAssignment, Record, read_records, sources_of
from .vocabulary import TASKS, Vocabulary

MAP_TASKS = {"ade20k": ("object", "part"), "pascal": ("object", "part"), "os": ("material",), "dtd": ()}
RESIZED = ("ade20k", "os")  # the sources whose images the size rule applies to


class BrodenPlus(Dataset):
    """One split of Broden+ (or of Broden-mini, which is written in the same layouts).

    ``dataset[i]`` is a dict: "image" (H, W, 3) uint8 RGB, "key", "source", and the labels its source carries:

    - "object" (H, W) int64, 0 unlabelled;
    - "part" (H, W) int64, the INDEX in the part list of the pixel's object, 0 for none of them;
    - "part_valid" (number of objects with parts,) bool, whose parts this image annotates;
    - "scene" int, -1 unlabelled;  "material" (H, W) int64, 0 unlabelled;  "texture" int.

    Args:
        root: the folder with ``meta_file``, ``ade20k``, ``pascal``, ``opensurfaces`` and ``dtd``.
        split: "train" or "val".
        tasks: which labels to read; sources without any of them are left out and need not be there.
        cache: where prepared copies and superpixel maps are kept, ``root`` by default.

    Raises:
        BrodenError: the metadata is missing or broken, or the split is empty.
    """

    def __init__(self, root: str | Path, split: str, tasks: Sequence[str] = TASKS, cache: str | Path | None = None):
        self.root, self.split, self.tasks = Path(root), split, tuple(tasks)
        self.cache = Path(cache or root)
        meta = self.root / "meta_file"
        self.vocabulary = Vocabulary.from_folder(meta / "joint_dataset")
        names = [name for name in sources_of(self.tasks) if name in MAP_TASKS]
        self.records = read_records(meta, split, names)
        self.sources = self._open_sources(meta, {record.source for record in self.records})
        for record in self.records:
            if record.index >= len(self.sources[record.source]):
                raise BrodenError(
                    f"the {split} list refers to entry {record.index} of {record.source}, which has only "
                    f"{len(self.sources[record.source])}; restore its missing files or the official list."
                )
        self.prepared = Prepared(self.cache / "prepared", meta)

    def _open_sources(self, meta: Path, names: set[str]) -> dict:
        assignment = LabelAssignment(meta / "joint_dataset" / "label_assignment.csv", self.vocabulary)
        openers = {
            "ade20k": lambda: Ade20k(self.root, assignment),
            "pascal": lambda: Pascal(self.root, assignment),
            "os": lambda: OpenSurfaces(self.root, assignment),
            "dtd": lambda: Dtd(self.root, self.vocabulary),
        }
        return {name: openers[name]() for name in openers if name in names}

    def __len__(self) -> int:
        return len(self.records)

    def key(self, index: int) -> str:
        """Give a record's unique id, also a relative path without suffix."""
        record = self.records[index]
        return self.sources[record.source].key(record)

    def __getitem__(self, index: int) -> dict:
        record = self.records[index]
        source = self.sources[record.source]
        labels = self._maps(record) | source.label(record)
        if "part" in labels:
            labels["part"], labels["part_valid"] = self._part_layers.index(labels["object"], labels["part"])
        wanted = set(self.tasks)
        if "part" in wanted:
            wanted |= {"object", "part_valid"}  # the object map says which object a part index belongs to
        kept = {task: label for task, label in labels.items() if task in wanted}
        return {"image": self._image(record), "key": source.key(record), "source": record.source, **kept}

    @cached_property
    def _part_layers(self) -> "PartLayers":
        return PartLayers(self.vocabulary)

    def _image(self, record: Record) -> np.ndarray:
        source = self.sources[record.source]
        path, copy = source.image(record), self.prepared.image(source.key(record))
        if is_fresh(copy, [path]):
            path = copy
        image = read_photo(path, f"restore it from {source.archives[0]}")
        self._check_size(image.shape[:2], record, path)
        return image

    def _maps(self, record: Record) -> dict[str, np.ndarray]:
        source = self.sources[record.source]
        originals, copy = source.label_files(record), self.prepared.maps(source.key(record))
        if originals and is_fresh(copy, originals):
            return read_maps(copy, MAP_TASKS[record.source])
        maps = source.maps(record)
        for task, path in zip(maps, originals, strict=True):
            self._check_size(maps[task].shape, record, path)
        if "object" in maps:
            maps.setdefault("part", np.zeros_like(maps["object"]))  # ADE20K images without a part file
        return maps

    def _check_size(self, shape: tuple[int, int], record: Record, path: Path) -> None:
        """Compare a file on disk with its record."""
        expected = (record.height, record.width)
        if shape == expected:
            return
        remedy = f"restore it from {self.sources[record.source].archives[-1]}"
        if record.source in RESIZED and resized_shape(*shape) != shape:
            remedy = f"run `dgmlib broden prepare {self.root}`"
        raise WrongSizeError(
            f"{path} has {shape[0]} x {shape[1]} pixels (height x width) where its record says "
            f"{expected[0]} x {expected[1]}; {remedy}."
        )


class PartLayers:
    """The part annotation of an image, object by object (unifiedparsing's rule of validity)."""

    def __init__(self, vocabulary: Vocabulary):
        shape = (len(vocabulary.objects), len(vocabulary.parts))
        self.objects = np.array(list(vocabulary.object_parts), dtype=np.int64)
        self.position = np.zeros(shape, dtype=np.int64)  # (object, part) -> index in the object's list, else 0
        self.allowed = np.zeros(shape, dtype=bool)
        for thing, parts in vocabulary.object_parts.items():
            self.position[thing, parts] = np.arange(len(parts))
            self.allowed[thing, parts] = True

    def index(self, objects: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn part ids into positions within each pixel's object.

        Args:
            objects: (H, W) object ids.
            parts: (H, W) part ids.

        Returns:
            (H, W) int64 indices, and (number of objects with parts,) bool validity: at least two of the object's
            listed ids are present, where id 0 also counts for the pixels outside the object.
        """
        pairs = objects * self.position.shape[1] + parts
        counts = np.bincount(pairs.ravel(), minlength=self.position.size).reshape(self.position.shape)
        present = counts > 0
        present[:, 0] |= counts.sum(axis=1) < objects.size
        valid = (present & self.allowed).sum(axis=1) >= 2
        return self.position[objects, parts], valid[self.objects]
