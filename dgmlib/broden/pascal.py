"""PASCAL: objects of PASCAL-Context and parts of PASCAL-Part on the images of VOC 2010."""

import re
from pathlib import Path

import numpy as np

from .ade20k import Ade20k
from .files import (
    BrodenError,
    MissingFileError,
    UnreadableFileError,
    WrongSizeError,
    largest_label,
    read_lines,
    read_mat,
)
from .source import Record, Source, all_records
from .vocabulary import LabelAssignment, translate

VOC = "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar"
PART = "http://www.stat.ucla.edu/~xianjie.chen/pascal_part_dataset/trainval.tar.gz"
CONTEXT = "https://www.cs.stanford.edu/~roozbeh/pascal-context/trainval.tar.gz"

#: Broden+'s name of a part -> PASCAL-Part's short names of it: left and right, upper and lower are not distinguished.
#: The empty name is no part, but still covers its pixels. Unlisted short names are names themselves ("wheel").
SHORT_NAMES = {
    "": "backside frontside leftside rightside",
    "arm": "llarm luarm rlarm ruarm",
    "chain wheel": "chainwheel",
    "coach": "cbackside cfrontside cleftside crightside",
    "coach roof": "croofside",
    "ear": "lear rear",
    "eye": "leye reye",
    "eyebrow": "lebrow rebrow",
    "foot": "lfoot rfoot",
    "hand": "lhand rhand",
    "head": "hbackside hfrontside hleftside hrightside",
    "head roof": "hroofside",
    "hoof": "lbho lfho rbho rfho",
    "horn": "lhorn rhorn",
    "leg": "lleg llleg luleg lbleg lblleg lbuleg lfleg lflleg lfuleg "
    "rleg rlleg ruleg rbleg rblleg rbuleg rfleg rflleg rfuleg",
    "license plate": "bliplate fliplate",
    "mirror": "leftmirror rightmirror",
    "paw": "lbpa lfpa rbpa rfpa",
    "roof": "roofside",
    "wheel": "bwheel fwheel",
    "wing": "lwing rwing",
}
_NAMES = {key: name for name, keys in SHORT_NAMES.items() for key in keys.split()}


def part_name(key: str) -> str:
    """Map a short name of PASCAL-Part to Broden+'s name: "leg" for "lfuleg", "wheel" for "fwheel" and "wheel_2"."""
    stem = re.sub(r"_\d+$", "", key)
    return _NAMES.get(stem, stem)


class Pascal(Source):
    """PASCAL in the sorted order of PASCAL-Part's annotation files; objects come from PASCAL-Context only."""

    name = "pascal"
    tasks = ("object", "part")
    lists = Ade20k.lists
    directory = "pascal"
    archives = (VOC, PART, CONTEXT)

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
        # Records are positions in a folder: one file more or less shifts all that follow.
        listed = 1 + max((record.index for record in all_records(meta, Pascal)), default=-1)
        if len(self.photos) != listed:
            raise BrodenError(
                f"{annotations} holds {len(self.photos)} .mat files where the lists count {listed}; "
                f"restore exactly those of {PART}."
            )
        self.parts = {**assignment.by_name("pascal", "part"), "": 0}

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
        """Return the scene as unlabelled, because a batch shared with ADE20K needs one."""
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
            raise UnreadableFileError(f"{path} lacks a field of PASCAL-Part ({error}); {remedy}.") from error
        merged = np.zeros(shape, dtype=np.int64)
        for thing, key, mask in layers:
            if key == "silhouette":
                continue
            if (part := self.parts.get(part_name(key))) is None:
                raise BrodenError(
                    f"{path} has the unknown part {key!r} of {thing!r}; add it to label_assignment.csv, or {remedy}."
                )
            if mask.shape != shape:
                raise WrongSizeError(
                    f"{path} holds a part mask of {mask.shape} pixels but its image has {shape}; {remedy}."
                )
            merged[mask.astype(bool)] = part
        return merged


def _as_list(structs) -> list[dict]:
    """List structs: a MATLAB struct array of one element is read as that element, of none as an empty array."""
    return [structs] if isinstance(structs, dict) else list(structs)
