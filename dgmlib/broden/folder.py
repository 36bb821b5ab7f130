"""Labelled photographs in plain folders, one or several, with the same samples and loader as Broden+."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch.utils.data import Dataset

from dgmlib.pictures import SUFFIXES
from dgmlib.vocabulary import TASKS, Vocabulary

from .dataset import part_layers
from .files import (
    MAX_LABEL,
    BrodenError,
    LabelRangeError,
    MissingFileError,
    UnreadableFileError,
    WrongSizeError,
    image_shape,
    read_label_gray,
    read_photo,
    require,
)
from .source import Record

IGNORED = 255  # by common convention, an ignored label value, unless it is named


def vocabulary_of(names: Iterable[str]) -> Vocabulary:
    """Build a vocabulary from the names of label values: "car" is an object, "car/wheel" a part of one, "-" none.

    Values with the same name are one class.
    """
    pairs = [name.partition("/")[::2] for name in names if name != "-"]
    objects = ("-", *dict.fromkeys(thing for thing, _ in pairs))
    parts = ("-", *dict.fromkeys(part for _, part in pairs if part))
    parts_of = {thing: dict.fromkeys(part for other, part in pairs if part and other == thing) for thing, _ in pairs}
    object_parts = {objects.index(t): (0, *map(parts.index, names)) for t, names in parts_of.items() if names}
    return Vocabulary(objects, parts, object_parts=object_parts)


class _Photographs(Dataset):
    """The photographs of a folder, to which a subclass adds its split and labels."""

    split: str

    def __init__(self, folder: Path, pattern: str, remedy: str):
        self.folder = folder
        self.images = sorted(path for path in folder.glob(pattern) if path.suffix.lower() in SUFFIXES)
        if not self.images:
            raise BrodenError(f"{folder} holds no image ({', '.join(SUFFIXES)}); {remedy}.")
        seen: dict[str, Path] = {}
        for index, path in enumerate(self.images):
            other = seen.setdefault(self.key(index), path)
            if other is not path:
                raise BrodenError(f"{other} and {path.name} beside it differ only in their suffix; rename one of them.")
        shapes = [image_shape(path, "remove or restore it") for path in self.images]
        self.records = [Record("folder", index, *shape) for index, shape in enumerate(shapes)]

    def __len__(self) -> int:
        return len(self.images)

    def key(self, index: int) -> str:
        """Return an image's unique id."""
        return f"{self.split}/{self.images[index].relative_to(self.folder).with_suffix('').as_posix()}"


class FolderDataset(_Photographs):
    """Any folder of image/label pairs: ``root/<split>/images``, ``root/<split>/labels`` and ``root/names.txt``.

    Label pictures have one value per pixel and are named like their photographs. Samples are those of `BrodenPlus`:
    "object", and "part" if the names have parts. Photographs are turned upright by their EXIF tag, unless their labels
    fit the picture as stored.

    Args:
        root: the data folder.
        split: "train", "val", ...
        names: name of every label value, by value: an object, a part as "object/part", or "-" for ignored values; by
            default read from ``names.txt``, one per line. 255 is ignored unless the names reach it.
        cache: folder of superpixel maps, ``root`` by default.
        vocabulary: classes that include those of ``names``; by default just these.

    Raises:
        BrodenError: the folder is empty, a picture has no partner or cannot be opened, or ``vocabulary`` lacks a name.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        names: Sequence[str] | None = None,
        cache: str | Path | None = None,
        vocabulary: Vocabulary | None = None,
    ):
        self.root, self.split, self.cache = Path(root), split, Path(cache or root)
        images, labels = self.folders()
        names = self.names() if names is None else names
        super().__init__(images, "[!.]*", f"put the {split} images there")
        self.vocabulary = vocabulary or vocabulary_of(names)
        self.tasks = _tasks(names)
        self.lookup = np.full((2, MAX_LABEL + 1), -1)  # label value -> object id and part id; -1: unknown value
        self.lookup[:, [*range(len(names)), IGNORED]] = 0
        for value, name in enumerate(names):
            if name != "-":
                self.lookup[:, value] = self._ids(name)
        named = {path.stem: path for path in labels.glob("*") if path.suffix.lower() == ".png"}
        if missing := [path for path in self.images if path.stem not in named]:
            raise MissingFileError(
                f"{labels / missing[0].stem}.png does not exist; every image in {images} needs its label picture there."
            )
        self.labels = [named[path.stem] for path in self.images]

    def folders(self) -> tuple[Path, Path]:
        """Locate the photographs and the label pictures."""
        return self.root / self.split / "images", self.root / self.split / "labels"

    def names(self) -> list[str]:
        """Read the names of all label values."""
        return read_names(self.root)

    def _ids(self, name: str) -> tuple[int, int]:
        thing, _, part = name.partition("/")
        try:
            return self.vocabulary.objects.index(thing), self.vocabulary.parts.index(part or "-")
        except ValueError:
            raise BrodenError(
                f"{self.root} names {name!r}, which is none of the classes {', '.join(self.vocabulary.objects[1:])}; "
                'write "-" in its place, or choose another model.'
            ) from None

    def groups(self, tasks: Iterable[str]) -> list[list[int]]:
        """Return the indices of all records as one group if their tasks are requested, as in `BrodenPlus`."""
        return [list(range(len(self)))] if set(self.tasks) & set(tasks) else []

    def __getitem__(self, index: int) -> dict:
        path = self.labels[index]
        raw = read_label_gray(path, f"every image in {self.images[index].parent} needs its label picture there")
        image = read_photo(self.images[index], "restore it", raw.shape)
        if raw.shape != image.shape[:2]:
            raise WrongSizeError(
                f"{path} has {raw.shape[0]} x {raw.shape[1]} pixels but its image {image.shape[0]} x "
                f"{image.shape[1]}; scale one of them to the other."
            )
        objects, parts = self.lookup[:, np.minimum(raw, MAX_LABEL)]
        if objects.min() < 0:
            raise LabelRangeError(
                f"{path} holds the label {raw[objects < 0][0]}, which has no name; add it to the names "
                '("-" for values that do not count).'
            )
        sample = {"image": image, "key": self.key(index), "source": "folder", "object": objects}
        if "part" in self.tasks:
            sample["part"], sample["part_valid"] = part_layers(self.vocabulary, objects, parts)
        return sample


class SceneParse150(FolderDataset):
    """ADE20K's benchmark split of 150 classes (Table 2 of the paper), "train" or "val".

    ``root`` is the unpacked folder ``ADEChallengeData2016``; samples are those of `FolderDataset`.
    """

    def __init__(self, root: str | Path, split: str, cache: str | Path | None = None):
        if split not in ("train", "val"):
            raise ValueError(f"there is no split {split!r}; choose train or val.")
        super().__init__(root, split, cache=cache)

    def folders(self) -> tuple[Path, Path]:
        """Locate the photographs and the label pictures."""
        folder = {"train": "training", "val": "validation"}[self.split]
        return self.root / "images" / folder, self.root / "annotations" / folder

    def names(self) -> list[str]:
        """Read the names of the labels 1 to 150; 0 is ignored."""
        archive = "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip"
        lines = _text(require(self.root / "objectInfo150.txt", f"unpack {archive}")).splitlines()
        return ["-", *(line.split("\t")[-1].split(",")[0].strip() for line in lines[1:] if line.strip())]


class TextureFolder(_Photographs):
    """Photographs in one folder per texture, ``root/<split>/<texture>/*.jpg``; samples as in `BrodenPlus`."""

    tasks = ("texture",)

    def __init__(self, root: Path, split: str, vocabulary: Vocabulary):
        self.split = split
        if (root / split / "labels").is_dir():
            raise BrodenError(f"{root} has label pictures but no names.txt; write one class name per line there.")
        super().__init__(root / split, "[!.]*/[!.]*", "put those of a texture in a folder named after it there")
        unknown = {path.parent.name for path in self.images} - set(vocabulary.textures)
        if unknown:
            raise BrodenError(
                f"{root / split / min(unknown)} is named after none of the textures "
                f"{', '.join(vocabulary.textures) or '(there are none)'}; rename or remove it, put images of it in "
                "train, too, or choose another model."
            )
        self.textures = [vocabulary.textures.index(path.parent.name) for path in self.images]

    def __getitem__(self, index: int) -> dict:
        image = read_photo(self.images[index], "restore it")
        return {"image": image, "key": self.key(index), "source": "folder", "texture": self.textures[index]}


class Mixture(Dataset):
    """A folder of data folders: with ``names.txt`` a `FolderDataset`, without it a `TextureFolder`.

    Classes with the same name are one class, whichever folder they come from. Samples are as in `BrodenPlus`, arguments
    as in `FolderDataset`; folders without labels for any of the ``tasks`` are left out.

    Raises:
        BrodenError: if no folder has a requested label, or one of them is broken.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        tasks: Sequence[str],
        cache: str | Path | None = None,
        vocabulary: Vocabulary | None = None,
    ):
        self.root, self.split, self.cache = Path(root), split, Path(cache or root)
        folders = sorted(path for path in self.root.iterdir() if (path / split).is_dir())
        names = {path: read_names(path) for path in folders if (path / "names.txt").exists()}
        kinds = {path: _tasks(names[path]) if path in names else TextureFolder.tasks for path in folders}
        textures = {t.name for path in folders if path not in names for t in (path / "train").glob("[!.]*/")}
        classes = vocabulary_of(name for listed in names.values() for name in listed)
        self.vocabulary = vocabulary or replace(classes, textures=tuple(sorted(textures)))
        self.members = {
            path.name: FolderDataset(path, split, names[path], vocabulary=self.vocabulary)
            if path in names
            else TextureFolder(path, split, self.vocabulary)
            for path in folders
            if set(kinds[path]) & set(tasks)
        }
        if not self.members:
            raise BrodenError(
                f"no folder in {root} is labelled for {', '.join(tasks)} in split {split}; see names.txt."
            )
        self.tasks = tuple(task for task in TASKS if any(task in found for found in kinds.values()))
        self.records = [replace(r, source=name) for name, member in self.members.items() for r in member.records]

    def __len__(self) -> int:
        return len(self.records)

    def key(self, index: int) -> str:
        """Return an image's unique id."""
        member, record = self._find(index)
        return f"{record.source}/{member.key(record.index)}"

    def groups(self, tasks: Iterable[str]) -> list[list[int]]:
        """Return the indices of the records labelled for at least one of some tasks, by folder."""
        carrying = [name for name, member in self.members.items() if set(member.tasks) & set(tasks)]
        return [[i for i, record in enumerate(self.records) if record.source == name] for name in carrying]

    def __getitem__(self, index: int) -> dict:
        member, record = self._find(index)
        return member[record.index] | {"key": self.key(index), "source": record.source}

    def _find(self, index: int) -> tuple[Dataset, Record]:
        if not 0 <= index < len(self):
            raise IndexError(f"the data set has {len(self)} images, none of them number {index}.")
        record = self.records[index]
        return self.members[record.source], record


def _tasks(names: Iterable[str]) -> tuple[str, ...]:
    """The tasks for which a folder with these names has labels."""
    return ("object", "part") if any("/" in name for name in names) else ("object",)


def read_names(root: Path) -> list[str]:
    """Read a folder's names.txt, one name per line; the line number is the label, so no line may be blank."""
    path = require(root / "names.txt", "write one class name per line there, the first for label 0")
    lines = [[half.strip() for half in line.split("/", 1)] for line in _text(path).rstrip().split("\n")]
    names = ["/".join(halves) for halves in lines]
    for number, halves in enumerate(lines):
        if len(halves) == 2 and {"", "-"} & set(halves):
            raise BrodenError(f'{path}, line {number + 1}, is "{names[number]}"; name both the object and its part.')
    if "" in names:
        blank = names.index("")
        raise BrodenError(
            f'{path}, line {blank + 1}, is blank; name the label {blank} there, "-" if it does not count.'
        )
    return names


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path} is not a text in UTF-8; save it in that encoding.") from error
