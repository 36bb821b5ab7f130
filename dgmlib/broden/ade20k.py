"""ADE20K, release ADE20K_2016_07_26: objects, parts and scenes."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from .files import META, BrodenError, read_label_rgb, read_lines, read_mat, require
from .source import Lists, Record, Source
from .vocabulary import LabelAssignment, translate


def decode_classes(rgb: np.ndarray) -> np.ndarray:
    """Decode an ADE20K label picture, (H, W, 3) uint8 -> (H, W) uint16: ``R // 10 * 256 + G``; B numbers instances."""
    return (rgb[..., 0] // 10).astype(np.uint16) * 256 + rgb[..., 1]  # uint8 would overflow


def read_index(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read ``index_ade20k.mat``: the images' paths below the data folder, and the class names.

    The second tuple is one-based in the label pictures: value v names ``names[v - 1]``.
    """
    return _read_index(path, require(path, META).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_index(path: Path, modified: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read the index once per process: the official one takes seconds."""
    index = read_mat(path, "index", META)
    try:
        folders, files, names = (np.atleast_1d(index[field]) for field in ("folder", "filename", "objectnames"))
    except (KeyError, TypeError, IndexError) as error:
        raise BrodenError(f"{path} lacks the field {error} of ADE20K's index; {META}.") from error
    if len(folders) != len(files):
        raise BrodenError(f"{path} has {len(files)} file names but {len(folders)} folders for them; {META}.")
    images = tuple(f"{folder}/{file}" for folder, file in zip(folders, files, strict=True))
    return images, tuple(str(name) for name in names)


class Ade20k(Source):
    """ADE20K in the order of its index; only its part pictures of the first level (``_parts_1``) are used."""

    name = "ade20k"
    tasks = ("object", "part", "scene")
    lists = Lists(
        ("ade20k", "pascal"),
        train="joint_dataset/broden_ade20k_pascal_train.json",
        val="joint_dataset/broden_ade20k_pascal_val.json",
    )
    directory = "ade20k"
    archives = ("http://groups.csail.mit.edu/vision/datasets/ADE20K/ADE20K_2016_07_26.zip",)
    resized = True

    def __init__(self, root: Path, assignment: LabelAssignment):
        meta = root / "meta_file" / "ade20k"
        self.folder = root / self.directory
        self.index_path = meta / "index_ade20k.mat"
        self.photos, names = read_index(self.index_path)
        self.lookups = {task: assignment.table("ade20k", task, len(names)) for task in ("object", "part")}
        raw_scenes = _raw_scenes(meta / "scene_categories.txt", self.photos)
        self.scenes = assignment.table("ade20k", "scene", max(raw_scenes, default=0))[raw_scenes]

    def key(self, record: Record) -> str:
        """Return the image's unique id."""
        return f"ade20k/{Path(self.photos[record.index]).stem}"

    def label_files(self, record: Record) -> list[Path]:
        """Locate the label pictures: objects, and parts if the record promises them or they are on disk."""
        image = self.image(record)
        parts = image.with_name(f"{image.stem}_parts_1.png")
        files = [image.with_name(f"{image.stem}_seg.png")]
        return [*files, parts] if record.has_parts or parts.is_file() else files

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the label maps; an image without a part picture has an empty part map."""
        maps = {
            task: translate(decode_classes(read_label_rgb(path, self.label_remedy)), lookup, path, self.index_path)
            for (task, lookup), path in zip(self.lookups.items(), self.label_files(record), strict=False)
        }
        maps.setdefault("part", np.zeros_like(maps["object"]))
        return maps

    def label(self, record: Record) -> dict[str, int]:
        """Return the scene, -1 if it is unlabelled ("misc")."""
        return {"scene": int(self.scenes[record.index])}


def _raw_scenes(path: Path, images: tuple[str, ...]) -> list[int]:
    """Read scene_categories.txt into raw labels: 0 for misc, then 1, 2, ... in alphabetical order of the names."""
    pairs = [line.split() for line in read_lines(path)]
    if any(len(pair) < 2 for pair in pairs) or [pair[0] for pair in pairs] != [Path(image).stem for image in images]:
        raise BrodenError(f"{path} does not list the images of index_ade20k.mat in the same order; {META}.")
    names = [pair[1] for pair in pairs]
    ids = {name: number for number, name in enumerate(sorted(set(names) - {"misc"}), start=1)}
    return [ids.get(name, 0) for name in names]
