"""PASCAL: objects of PASCAL-Context and parts of PASCAL-Part on the images of VOC 2010."""

import re
from pathlib import Path

import numpy as np

from .ade20k import Ade20k
from .assignment import LabelAssignment, translate
from .files import (
    META,
    BrodenError,
    MissingFileError,
    UnreadableFileError,
    WrongSizeError,
    largest_label,
    read_csv,
    read_lines,
    read_mat,
)
from .records import all_records
from .source import Record, Source

VOC = "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar"
PART = "http://www.stat.ucla.edu/~xianjie.chen/pascal_part_dataset/trainval.tar.gz"
CONTEXT = "https://www.cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz"

# Broden+ does not tell left from right or upper from lower: "left front lower leg" is a leg.
_REMOVED = {"left", "right", "front", "back", "upper", "lower", "side"}
# Short names that PASCAL-Part leaves unexplained.
_SHORT = {
    **dict.fromkeys(("lfho", "rfho", "lbho", "rbho"), "hoof"),
    **dict.fromkeys(("fwheel", "bwheel"), "wheel"),
    **dict.fromkeys(("leftmirror", "rightmirror"), "mirror"),
    **dict.fromkeys(("frontside", "backside", "leftside", "rightside"), ""),
    "roofside": "roof",
}


def part_name(key: str, comment: str = "") -> str:
    """Expand a short name of PASCAL-Part to the name Broden+ uses; ("lfuleg", "left front upper leg") -> "leg".

    The name may come out empty (a car's "frontside"): it stands for no part, but still covers its pixels.
    """
    stem = re.sub(r"_\d+$", "", key)
    name = comment if comment and not comment.startswith("multiple") else stem
    name = _SHORT.get(name, name)
    return " ".join(word for word in name.split() if word not in _REMOVED)


def read_part_names(meta: Path) -> dict[tuple[str, str], str]:
    """Read PASCAL-Part's (object, short name) -> Broden+'s part name.

    From ``pascal_part_names.csv`` (columns object, key, comment) or else from the official ``part2ind.m``.
    """
    table, function = meta / "pascal_part_names.csv", meta / "part2ind.m"
    if table.is_file():
        triples = read_csv(table, ("object", "key", "comment"))[["object", "key", "comment"]].itertuples(index=False)
    else:
        try:
            triples = _parse_part2ind(read_lines(function))
        except KeyError as error:
            raise BrodenError(f"{function} copies parts of object {error}, which it never names; {META}.") from error
    return {(name, key): part_name(key, comment) for name, key, comment in triples}


def _parse_part2ind(lines: list[str]) -> list[tuple[str, str, str]]:
    """Read the (object, short name, comment) triples out of PASCAL-Part's MATLAB function."""
    entry = re.compile(r"\s*pimap\{(\d+)\}\((?:sprintf\()?'([^']+)'[^=]*=[^%]*%?[ \t]*([\w ]*)")
    thing, copied, repeats = "", "", 1
    things: dict[str, str] = {}  # the file's number of an object -> its name
    parts: dict[tuple[str, str], str] = {}
    for line in lines:
        if found := re.match(r"% \[(\w+)\]", line):
            thing = found[1]
        elif found := re.match(r"for ii = 1:(\d+)", line):
            repeats = int(found[1])
        elif found := re.match(r"keySet = keys\(pimap\{(\d+)\}\)", line):
            copied = things[found[1]]
        elif re.match(r"pimap\{\d+\}\s*=\s*containers", line):  # "car has the same set of parts with bus"
            parts |= {(thing, key): comment for (other, key), comment in parts.items() if other == copied}
        elif found := entry.match(line):
            things[found[1]] = thing
            keys = [found[2].replace("%d", str(i)) for i in range(1, repeats + 1)] if "%d" in found[2] else [found[2]]
            parts |= {(thing, key): found[3].strip() for key in keys}
    return [(thing, key, comment) for (thing, key), comment in parts.items()]


class Pascal(Source):
    """PASCAL in the sorted order of PASCAL-Part's annotation files; objects come from PASCAL-Context only."""

    name = "pascal"
    tasks = ("object", "part")
    lists = Ade20k.lists
    directory = "pascal"
    archives = (VOC, PART, CONTEXT)
    metadata = ("pascal/pascal_part_names.csv", "pascal/part2ind.m")

    def __init__(self, root: Path, assignment: LabelAssignment):
        self.root, meta = root / self.directory, root / "meta_file"
        self.folder = self.root / "VOC2010" / "JPEGImages"
        annotations = self.root / "part" / "Annotations_Part"
        self.photos = sorted(f"{path.stem}.jpg" for path in annotations.glob("*.mat"))
        if not self.photos:
            raise MissingFileError(f"{annotations} holds no .mat file; restore it from {PART}.")
        self.names_path = meta / "pascal" / "context_labels.txt"
        largest = largest_label((line.split(":")[0] for line in read_lines(self.names_path)), self.names_path)
        self.objects = assignment.table("pascal", "object", largest)
        # Records count positions in a folder: one file less or more shifts all that follow.
        listed = 1 + max((record.index for record in all_records(meta, Pascal)), default=-1)
        if len(self.photos) != listed:
            raise BrodenError(
                f"{annotations} holds {len(self.photos)} .mat files where the lists count {listed}; "
                f"restore exactly those of {PART}."
            )
        # Names that the assignment does not list (silhouettes, the empty name) are no part.
        known = assignment.by_name("pascal", "part")
        self.parts = {pair: known.get(name, 0) for pair, name in read_part_names(meta / "pascal").items()}

    def label_files(self, record: Record) -> list[Path]:
        """Locate the files of PASCAL-Context and PASCAL-Part."""
        name = f"{Path(self.photos[record.index]).stem}.mat"
        return [self.root / "context" / "trainval" / name, self.root / "part" / "Annotations_Part" / name]

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the label maps."""
        context, annotation = self.label_files(record)
        raw = np.asarray(read_mat(context, "LabelMap", self.label_remedy))
        if raw.ndim != 2 or raw.dtype.kind not in "buif":
            raise UnreadableFileError(f"{context} has a LabelMap that is no map of labels; {self.label_remedy}.")
        objects = translate(raw.astype(np.int64), self.objects, context, self.names_path)
        return {"object": objects, "part": self.merge_parts(annotation, objects.shape)}

    def label(self, record: Record) -> dict[str, int]:
        """Give the scene: unlabelled, because a batch shared with ADE20K needs one."""
        return {"scene": -1}

    def merge_parts(self, path: Path, shape: tuple[int, int]) -> np.ndarray:
        """Merge the part masks of all objects, in file order, later over earlier, to (H, W) int64 part ids."""
        remedy = f"restore it from {PART}"
        annotation = read_mat(path, "anno", remedy)
        try:
            layers = [
                (thing["class"], part["part_name"], np.asarray(part["mask"]))
                for thing in _as_list(annotation["objects"])
                for part in _as_list(thing["parts"])
            ]
            if not all(isinstance(text, str) for *texts, _ in layers for text in texts):
                raise TypeError("class or part_name is no text")
        except (KeyError, TypeError, IndexError) as error:
            raise UnreadableFileError(
                f"{path} lacks a field of PASCAL-Part ({error}); restore it from {PART}."
            ) from error
        merged = np.zeros(shape, dtype=np.int64)
        for thing, part, mask in (layer for layer in layers if layer[1] != "silhouette"):
            if (thing, part) not in self.parts:
                raise BrodenError(
                    f"{path} has the unknown part {part!r} of {thing!r}; add it to pascal_part_names.csv "
                    f"or restore the file from {PART}."
                )
            if mask.shape != shape:
                raise WrongSizeError(
                    f"{path} holds a part mask of {mask.shape} pixels but its image has {shape}; {remedy}."
                )
            merged[mask.astype(bool)] = self.parts[thing, part]
        return merged


def _as_list(structs) -> list[dict]:
    """A MATLAB struct array of one element is read as that element, of none as an empty array."""
    return [structs] if isinstance(structs, dict) else list(structs)
