"""OpenSurfaces, release 0: materials."""

from pathlib import Path

import numpy as np

from .files import BrodenError, largest_label, read_csv, read_label_rgb
from .source import Lists, Record, Source
from .vocabulary import LabelAssignment, translate

ARCHIVE = "http://labelmaterial.s3.amazonaws.com/release/opensurfaces-release-0.zip"


class OpenSurfaces(Source):
    """OpenSurfaces in the order of photos.csv, which its release script writes when it renders the label pictures."""

    name = "os"
    tasks = ("material",)
    lists = Lists(("os",), train="joint_dataset/broden_os_train.json", val="joint_dataset/broden_os_val.json")
    directory = "opensurfaces"
    archives = (ARCHIVE,)
    label_remedy = f"rebuild it with process_opensurfaces_release_0.py from {ARCHIVE}"
    resized = True
    free_labels = True
    misfit_hint = "photos.csv, whose rows the records count, is perhaps sorted differently from UPerNet's"

    def __init__(self, root: Path, assignment: LabelAssignment):
        self.root, meta = root / self.directory, root / "meta_file" / "opensurfaces"
        self.folder = self.root / "photos"
        path = meta / "photos.csv"
        if not path.is_file() and (self.root / "photos.csv").is_file():
            path = self.root / "photos.csv"  # where the release script leaves it
        ids = read_csv(path, ("photo_id",), remedy=self.label_remedy)["photo_id"]
        if ids.duplicated().any():
            raise BrodenError(
                f"{path} lists photo_id {ids[ids.duplicated()].iloc[0]} twice, which shifts all that follow; "
                f"{self.label_remedy}."
            )
        self.photos = [f"{number}.jpg" for number in ids]
        self.names_path = meta / "label-substance-colors.csv"
        reds = read_csv(self.names_path, ("substance_name", "red_color"))["red_color"]
        self.materials = assignment.table("os", "material", largest_label(reds, self.names_path))

    def label_files(self, record: Record) -> list[Path]:
        """Locate the label picture."""
        return [(self.root / "photos-labels" / self.photos[record.index]).with_suffix(".png")]

    def maps(self, record: Record) -> dict[str, np.ndarray]:
        """Read the material map; the red channel holds the substance."""
        (path,) = self.label_files(record)
        red = read_label_rgb(path, self.label_remedy)[..., 0]
        return {"material": translate(red, self.materials, path, self.names_path)}
