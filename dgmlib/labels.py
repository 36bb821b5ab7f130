"""Label maps and the names of their classes, shared by ground truth and predictions."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from dgmlib.vocabulary import Vocabulary

#: Name of a pixel that belongs to an object with parts, but to none of them.
NO_PART = "no part"


class LabelMap(NamedTuple):
    """Classes of pixels: ``ids`` (H, W) int32, and ``names`` by id."""

    ids: np.ndarray
    names: tuple[str, ...]

    def areas(self) -> pd.DataFrame:
        """Classes that occur, largest first: one row per id, with "name", "pixels" and "share" of the photograph."""
        pixels = np.bincount(self.ids.ravel(), minlength=len(self.names))
        table = pd.DataFrame({"name": self.names, "pixels": pixels, "share": pixels / self.ids.size})
        return table[pixels > 0].sort_values("pixels", ascending=False, kind="stable").rename_axis("id")


def class_names(vocabulary: Vocabulary, task: str) -> tuple[str, ...]:
    """Class names by id in label maps; parts are prefixed by their object: "car: wheel".

    Parts have their own ids: 0 is "-", unlabelled, 1 is `NO_PART`, and the channels of the part head follow, where the
    first of every object is `NO_PART` again.
    """
    if task != "part":
        return vocabulary.names(task)
    pairs = [
        NO_PART if part == 0 else f"{vocabulary.objects[thing]}: {vocabulary.parts[part]}"
        for thing, parts in vocabulary.object_parts.items()
        for part in parts
    ]
    return ("-", NO_PART, *pairs)


def part_ids(parts: np.ndarray, channels: slice) -> np.ndarray:
    """Map positions in an object's list of parts to the ids of `class_names`; ``channels`` are that object's."""
    return np.where(parts > 0, 2 + channels.start + parts, 1)


def class_target(vocabulary: Vocabulary, task: str, name: str) -> int | tuple[int, int]:
    """Look up a class by its name in `class_names`, in the form that `dgmlib.explain.gradcam` takes.

    Returns:
        its id; for a part, (object id, index in the object's list of parts).

    Raises:
        ValueError: if the task has no class of that name.
    """
    names = class_names(vocabulary, task)
    known = [other for other in names if other not in ("-", NO_PART)]
    if name not in known:
        raise ValueError(f"there is no {task} {name!r}; choose one of {', '.join(known)}.")
    if task != "part":
        return names.index(name)
    pairs = [(thing, index) for thing, parts in vocabulary.object_parts.items() for index in range(len(parts))]
    return pairs[names.index(name) - 2]
