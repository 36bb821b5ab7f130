"""OpenSurfaces, release 0: materials."""

from collections import Counter
from pathlib import Path

import numpy as np

from .files import BrodenError, largest_label, read_csv, read_label_rgb, whole_number
from .records import LabelAssignment, Record, translate

ARCHIVE = "http://labelmaterial.s3.amazonaws.com/release/opensurfaces-release-0.zip"
_REMEDY = f"rebuild it with process_opensurfaces_release_0.py from {ARCHIVE}"


class OpenSurfaces:
    """Paths and labels of OpenSurfaces' photographs, in the order of photos.csv."""

    archives = (ARCHIVE,)

    def __init__(self, root: Path, assignment: LabelAssignment):
        self.root = root / "opensurfaces"
        meta = root / "meta_file" / "opensurfaces"
        photos = meta / "photos.csv"
        if not photos.is_file() and (self.root / "photos.csv").is_file():
            photos = self.root / "photos.csv"  # where the release script leaves it
        self.ids = [whole_number(text, photos) for text in read_csv(photos, ("photo_id",), _REMEDY)["photo_id"]]
        if len(set(self.ids)) < len(self.ids):
            twice = Counter(self.ids).most_common(1)[0][0]
            raise BrodenError(f"{photos} lists photo_id {twice} twice, which shifts all that follow; {_REMEDY}.")
        self.names_path = meta / "label-substance-colors.csv"
        reds = read_csv(self.names_path, ("substance_name", "red_color"))["red_color"]
        self.materials = assignment.table("os", "material", largest_label(reds, self.names_path))

    def __len__(self) -> int:
        return len(self.ids)

    def key(self, record: Record) -> str:
        """Give the image's unique id."""
        return f"os/{self.ids[record.index]}"

    def image(self, record: Record) -> Path:
        """Locate the photograph."""
        return self.root / "photos" / f"{self.ids[record.index]}.jpg"

    def label_files(self, record: Record) -> list[Path]:
        """Locate the label picture."""
        return [self.root / "photos-labels" / f"{self.ids[record.index]}.png"]

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the material map, (H, W) int64, in ids of the vocabulary; the red channel holds the substance."""
        (path,) = self.label_files(record)
        red = read_label_rgb(path, _REMEDY)[..., 0]
        return {"material": translate(red, self.materials, path, self.names_path)}

    def label(self, record: Record) -> dict[str, int]:
        """Give the labels of the whole image: none."""
        return {}
