"""The classes of a unified parser: those of five tasks, and the parts that each object may have."""

from dataclasses import dataclass, field
from functools import cached_property

TASKS = ("scene", "object", "part", "material", "texture")
IMAGE_TASKS = ("scene", "texture")  # one label for the whole image
MAP_TASKS = ("object", "part", "material")  # one for every pixel


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

    def channels(self, task: str) -> int:
        """Count the outputs of a task's head; the part head has one group of channels per object with parts."""
        if task == "part":
            return sum(len(parts) for parts in self.object_parts.values())
        return len(self.names(task))

    def names(self, task: str) -> tuple[str, ...]:
        """Return the class names of a task, by id."""
        if task not in TASKS:
            raise ValueError(f"there is no task {task!r}; choose from {', '.join(TASKS)}.")
        return getattr(self, f"{task}s")

    @cached_property
    def part_slices(self) -> dict[int, slice]:
        """Object id -> its group of channels inside the part head, in the order of ``object_parts``."""
        slices, start = {}, 0
        for object_id, parts in self.object_parts.items():
            slices[object_id] = slice(start, start + len(parts))
            start += len(parts)
        return slices
