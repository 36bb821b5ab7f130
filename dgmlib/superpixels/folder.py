"""The label maps of a folder of images, kept on disk and never read stale."""

import hashlib
import json
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from tqdm import tqdm

from ..paths import write_atomic
from ..pictures import SUFFIXES, find_pictures
from .segmentation import segment


class LabelMaps:
    """The label maps that `precompute` keeps for a folder of images: ``maps["street/001.jpg"]`` is one of them.

    ``manifest.jsonl`` has a line per map with the digest of its image file and its settings. A map is read only while
    both still hold, and the settings include what the method makes of a fixed picture, so they change when it does.

    Args:
        folder: the images.
        out: the maps, 16-bit PNG files under their images' names.
        max_regions: the most regions of a map.
    """

    def __init__(self, folder: str | Path, out: str | Path, max_regions: int = 512):
        self.folder, self.out = Path(folder), Path(out)
        probe = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        method = hashlib.sha256(segment(probe, 16).tobytes()).hexdigest()[:16]
        self.settings = {"max_regions": max_regions, "method": method}
        self.rows = {}
        manifest = self.out / "manifest.jsonl"
        for line in manifest.read_text().splitlines() if manifest.is_file() else ():
            try:
                row = json.loads(line)
                self.rows[row["image"]] = row
            except (ValueError, KeyError, TypeError):  # a line cut short by an interruption: its map is made again
                continue

    def path(self, name: str) -> Path:
        """Locate the map of an image, named relative to the folder."""
        return self.out / f"{name}.png"

    def row(self, name: str) -> dict:
        """Describe an image and the settings as a line of the manifest does."""
        digest = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        return {"image": name, "sha256": digest, **self.settings}

    def has(self, row: dict) -> bool:
        """Whether a map is there that was made of this very image with these settings."""
        return self.rows.get(row["image"]) == row and self.path(row["image"]).is_file()

    def add(self, row: dict) -> None:
        """Enter a map that has been written."""
        self.rows[row["image"]] = row
        with open(self.out / "manifest.jsonl", "a") as manifest:
            manifest.write(json.dumps(row) + "\n")

    def tidy(self) -> None:
        """Write the manifest anew, without replaced lines and without one that an interruption cut short."""
        with write_atomic(self.out / "manifest.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in self.rows.values()))

    def __getitem__(self, name: str) -> np.ndarray:
        """Read a map, (H, W) int32.

        Raises:
            ValueError: if there is none, or it belongs to another image or other settings.
        """
        if not self.has(self.row(name)):
            raise ValueError(f"{self.path(name)} is missing or stale; run `dgmlib superpixels` on {self.folder}.")
        with Image.open(self.path(name)) as image:
            return np.asarray(image).astype(np.int32)


def precompute(folder: Path, out: Path, workers: int = 1, max_regions: int = 512) -> dict[str, str]:
    """Compute the label maps of all images in a folder and its sub-folders; read them with `LabelMaps`.

    Run again, it goes on where it was interrupted, and redoes only maps whose image or settings have changed. An
    image that cannot be read is reported at the end. The work goes through joblib, so that its ``backend`` sends it to
    a cluster that shares the two folders; Dask's (``pip install dask distributed``), for example::

        with joblib.parallel_config(backend="dask", scheduler_host="tcp://scheduler:8786"):
            superpixels.precompute("photos", "maps", workers=64)

    Args:
        folder: images.
        out: where the maps and their manifest go.
        workers: processes; four times as many images are handed out at a time.
        max_regions: the most regions of a map, at most 65535.

    Returns:
        the images without a map, and why.
    """
    folder, out = Path(folder), Path(out)
    if not 1 <= max_regions <= 65535:
        raise ValueError(f"max_regions is {max_regions}; label files hold 1 to 65535 regions.")
    names = [path.relative_to(folder).as_posix() for path in find_pictures(folder, outside=out)]
    if not names:
        raise ValueError(f"{folder} has no images ({', '.join(SUFFIXES)}); pass a folder that has.")
    maps = LabelMaps(folder, out, max_regions)
    maps.tidy()
    bar = tqdm(total=len(names), unit="image", desc="superpixels", disable=None)
    failed = {}
    # In batches, because not every joblib backend hands results over one by one.
    with bar, Parallel(workers) as pool:
        for start in range(0, len(names), 4 * workers):
            batch = names[start : start + 4 * workers]
            todo = [row for row in map(maps.row, batch) if not maps.has(row)]
            jobs = ((folder / row["image"], maps.path(row["image"]), max_regions) for row in todo)
            for row, error in zip(todo, pool(delayed(_compute)(*job) for job in jobs), strict=True):
                if error:
                    failed[row["image"]] = error
                else:
                    maps.add(row)
            bar.update(len(batch))
    print(f"{len(names) - len(failed)} label maps in {out}")
    for name, reason in failed.items():
        print(f"no map for {folder / name}: {reason}")
    return failed


def _compute(image, target, max_regions):
    """Write one map, or say what is wrong with its image."""
    try:
        labels = segment(image, max_regions)
    except (OSError, ValueError) as error:
        return str(error).removeprefix(f"{image} ")
    with write_atomic(target) as temporary:
        Image.fromarray(labels.astype(np.uint16)).save(temporary)
    return None
