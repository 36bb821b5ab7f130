"""Several folders of labelled photographs as one data set, trained on as Broden+ is: a batch comes from one of them."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from torch.utils.data import Dataset

from dgmlib.pictures import SUFFIXES
from dgmlib.vocabulary import Vocabulary

from .files import BrodenError, image_shape, read_photo
from .folder import FolderDataset, read_names, vocabulary_of
from .source import Record


class TextureFolder(Dataset):
    """Photographs sorted by their texture, ``root/<split>/<texture>/*.jpg``; samples as in `BrodenPlus`.

    Args:
        root: the data folder.
        split: "train", "val", ...
        vocabulary: classes that hold the names of its folders.
    """

    tasks = ("texture",)

    def __init__(self, root: Path, split: str, vocabulary: Vocabulary):
        self.split = split
        if (root / split / "labels").is_dir():
            raise BrodenError(f"{root} has label pictures but no names.txt; write one class name per line there.")
        self.images = sorted(path for path in (root / split).glob("*/*") if path.suffix.lower() in SUFFIXES)
        if not self.images:
            raise BrodenError(
                f"{root / split} holds no image; put those of a texture in a folder named after it there."
            )
        self.textures = [vocabulary.textures.index(path.parent.name) for path in self.images]
        shapes = [image_shape(path, "remove or restore it") for path in self.images]
        self.records = [Record("folder", index, *shape) for index, shape in enumerate(shapes)]

    def __len__(self) -> int:
        return len(self.images)

    def key(self, index: int) -> str:
        """Give an image's unique id."""
        return f"{self.split}/{self.images[index].parent.name}/{self.images[index].stem}"

    def __getitem__(self, index: int) -> dict:
        image = read_photo(self.images[index], "restore it")
        return {"image": image, "key": self.key(index), "source": "folder", "texture": self.textures[index]}


class Mixture(Dataset):
    """A folder of data folders: with ``names.txt`` a `FolderDataset`, without it a `TextureFolder`.

    Classes of one name are one class, whichever folder they come from. Samples are as in `BrodenPlus`.

    Args:
        root: the folder of folders.
        split: "train" or "val".
        tasks: which labels are asked for; folders without any of them are left out.
        cache: where superpixel maps are kept, ``root`` by default.
        vocabulary: classes that hold all that the folders name; by default these.

    Raises:
        BrodenError: if no folder carries a label that is asked for, or one of them is broken.
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
        textures = {t.name for path in folders if path not in names for t in (path / "train").iterdir() if t.is_dir()}
        classes = vocabulary_of(name for listed in names.values() for name in listed)
        self.vocabulary = vocabulary or replace(classes, textures=tuple(sorted(textures)))
        parts = [
            FolderDataset(path, split, names[path], vocabulary=self.vocabulary)
            if path in names
            else TextureFolder(path, split, self.vocabulary)
            for path in folders
        ]
        self.members = {p.name: d for p, d in zip(folders, parts, strict=True) if set(d.tasks) & set(tasks)}
        if not self.members:
            raise BrodenError(
                f"no folder in {root} is labelled for {', '.join(tasks)} in split {split}; see names.txt."
            )
        self.ends = list(accumulate(len(member) for member in self.members.values()))
        self.records = [replace(r, source=name) for name, member in self.members.items() for r in member.records]

    def __len__(self) -> int:
        return len(self.records)

    def key(self, index: int) -> str:
        """Give an image's unique id."""
        name, member, place = self._find(index)
        return f"{name}/{member.key(place)}"

    def groups(self, tasks: Iterable[str]) -> list[list[int]]:
        """Give the indices of the records labelled for at least one of some tasks, by folders."""
        spans = zip(self.members.values(), self.ends, strict=True)
        return [list(range(end - len(member), end)) for member, end in spans if set(member.tasks) & set(tasks)]

    def __getitem__(self, index: int) -> dict:
        name, member, place = self._find(index)
        return member[place] | {"key": self.key(index), "source": name}

    def _find(self, index: int) -> tuple[str, Dataset, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"the data set has {len(self)} images, none of them number {index}.")
        member = bisect_right(self.ends, index)
        name = list(self.members)[member]
        return name, self.members[name], index - ([0, *self.ends])[member]
