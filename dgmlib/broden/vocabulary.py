"""What Broden+ can name: its classes, and which parts each object may have."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .files import BrodenError, read_csv, whole_number

TASKS = ("scene", "object", "part", "material", "texture")


@dataclass(frozen=True)
class Vocabulary:
    """The class names of the five tasks and the object-part hierarchy (Broden+: 335/152/365/25/47 classes).

    Attributes:
        objects: names by object id; id 0 is "-", unlabelled.
        parts: names by part id; id 0 is "-", none.
        scenes: names by scene id, every id a real class.
        materials: names by material id; id 0 is "-", unlabelled.
        textures: names by texture id, every id a real class.
        object_parts: object id -> the ids of its parts, always starting with 0 for "none of these".
    """

    objects: tuple[str, ...]
    parts: tuple[str, ...] = ("-",)
    scenes: tuple[str, ...] = ()
    materials: tuple[str, ...] = ("-",)
    textures: tuple[str, ...] = ()
    object_parts: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Vocabulary":
        """Read the csv files of unifiedparsing's ``meta_file/joint_dataset``.

        Raises:
            BrodenError: a file or column is missing, ids have gaps, or the hierarchy names an unknown class.
        """
        folder = Path(folder)
        objects = _names(folder / "object.csv")
        parts = _names(folder / "part.csv")
        return cls(
            objects=objects,
            parts=parts,
            scenes=_names(folder / "scene.csv"),
            materials=_names(folder / "material.csv"),
            textures=_names(folder / "texture.csv"),
            object_parts=_hierarchy(folder / "object_part_hierarchy.csv", len(objects), len(parts)),
        )

    def channels(self, task: str) -> int:
        """Count the outputs of a task's head; the part head has one group of channels per object with parts."""
        if task == "part":
            return sum(len(parts) for parts in self.object_parts.values())
        return len(self.names(task))

    def names(self, task: str) -> tuple[str, ...]:
        """Give the class names of a task, by id."""
        names = {
            "scene": self.scenes,
            "object": self.objects,
            "part": self.parts,
            "material": self.materials,
            "texture": self.textures,
        }
        if task not in names:
            raise ValueError(f"there is no task {task!r}; choose from {', '.join(TASKS)}.")
        return names[task]

    @cached_property
    def part_slices(self) -> dict[int, slice]:
        """Object id -> its group of channels inside the part head, in the order of ``object_parts``."""
        slices, start = {}, 0
        for object_id, parts in self.object_parts.items():
            slices[object_id] = slice(start, start + len(parts))
            start += len(parts)
        return slices


def _names(path: Path) -> tuple[str, ...]:
    """Read a ``label,name`` table whose ids count up from 0."""
    table = read_csv(path, ("label", "name"))
    ids = [whole_number(value, path) for value in table["label"]]
    if ids != list(range(len(ids))):
        raise BrodenError(f"{path} must number its labels 0, 1, 2, ... without gaps; copy it again.")
    return tuple(table["name"])


def _hierarchy(path: Path, num_objects: int, num_parts: int) -> dict[int, tuple[int, ...]]:
    """Read which parts each object may have."""
    table = read_csv(path, ("object_label", "object_name", "part_labels", "part_names"))
    hierarchy = {}
    for object_text, parts_text in zip(table["object_label"], table["part_labels"], strict=True):
        object_id = whole_number(object_text, path)
        parts = tuple(whole_number(part, path) for part in parts_text.split(";"))
        known = 0 < object_id < num_objects and all(0 <= part < num_parts for part in parts)
        if not known or object_id in hierarchy or parts[0] != 0 or len(set(parts)) < len(parts):
            raise BrodenError(
                f"{path}: object {object_id} must be in object.csv and listed once, and its parts in part.csv, "
                "each once and starting with 0; copy it again."
            )
        hierarchy[object_id] = parts
    return hierarchy
