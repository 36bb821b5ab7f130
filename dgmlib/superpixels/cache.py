"""Superpixels cached on disk, both for data loaders and for `dgmlib superpixels`.

A map is a 16-bit PNG ``<folder>/superpixels-<max_regions>/<key>.png``. It records what it was made from (pixels, cap,
method) and a digest of itself. A map that is damaged, or belongs to another image, cap or method, is therefore never
used, but recomputed.
"""

import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
from joblib import delayed
from PIL import Image, PngImagePlugin
from tqdm import tqdm

from ..parallel import parallel, processes
from ..paths import write_atomic, writing
from ..pictures import DAMAGED, SUFFIXES, find_pictures, read_picture
from .merge import check_cap, segment
from .ucm import ContourMapError, labels_from_ucm

_NOTE = "dgmlib superpixels"  # the PNG's text chunk that records what the map was made from


class RegionMaps:
    """The superpixel maps in a folder: read if they are there and sound, otherwise computed and stored.

    Maps are written whole or not at all, so several processes may share the folder. If it holds ``ucm2/<key>.mat``,
    contour maps as MCG saves them (the paper's superpixels, Sec. 5.2), these are cut in place of `segment`.

    Args:
        folder: parent of ``superpixels-<max_regions>``. Data sets with the same keys need separate folders, or the maps
            of one replace the other's.
        max_regions: maximum number of superpixels of one image, 1 to 65535.

    Raises:
        ValueError: if the cap does not fit 16 bits.
    """

    def __init__(self, folder: str | Path, max_regions: int = 512):
        check_cap(max_regions)
        if max_regions > 65535:
            raise ValueError(f"max_regions is {max_regions}; superpixel maps hold 1 to 65535 regions.")
        self.folder = Path(folder) / f"superpixels-{max_regions}"
        self.max_regions, self.contours = max_regions, Path(folder) / "ucm2"
        # The method's result for a fixed picture identifies its version.
        probe = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        self.method = "ucm2" if self.contours.is_dir() else _digest(segment(probe, 16))

    def path(self, key: str) -> Path:
        """Locate an image's map.

        Raises:
            ValueError: if it would lie outside the folder.
        """
        if Path(key).is_absolute() or ".." in Path(key).parts:
            raise ValueError(f"key must be a path within the folder, not {str(key)!r}.")
        return self.folder / f"{key}.png"

    def facts(self, key: str, image: np.ndarray) -> dict[str, str | int]:
        """State the origin of an image's map: digests of its pixels and of the method or contour map, and the cap."""
        contour = self.contours / f"{key}.mat"
        method = _digest(np.frombuffer(contour.read_bytes(), np.uint8)) if contour.is_file() else self.method
        return {"pixels": _digest(image), "max_regions": self.max_regions, "method": method}

    def read(self, key: str, image: np.ndarray) -> np.ndarray | None:
        """Read an image's map, (H, W) int32; None if there is no sound one of this very image."""
        try:
            with Image.open(self.path(key)) as file:
                regions = np.asarray(file).astype(np.int32)
                note = file.info.get(_NOTE)
        except DAMAGED:
            return None
        return regions if note == self._note(key, image, regions) else None

    def __call__(self, key: str, image: np.ndarray) -> np.ndarray:
        """Return an image's superpixels, (H, W) int32 labels 0..n-1; ``key`` is its name, a path within the folder."""
        regions = self.read(key, image)
        if regions is None:
            regions = self.compute(key, image)
            try:
                self.keep(key, image, regions)
            except OSError as error:  # a read-only mount, a full disk
                warnings.warn(
                    f"superpixels cannot be kept in {self.folder} ({error.strerror}) and are found anew each time, "
                    "which takes longer; make it writable or pass the data set another folder as cache=.",
                    stacklevel=2,
                )
        return regions

    def keep(self, key: str, image: np.ndarray, regions: np.ndarray) -> None:
        """Write an image's map.

        Raises:
            UnwritableError: if the folder cannot be written.
        """
        texts = PngImagePlugin.PngInfo()
        texts.add_text(_NOTE, self._note(key, image, regions.astype(np.int32)))  # as it is read
        with write_atomic(self.path(key)) as temporary:
            Image.fromarray(regions.astype(np.uint16)).save(temporary, pnginfo=texts)

    def compute(self, key: str, image: np.ndarray) -> np.ndarray:
        """Compute an image's superpixels, (H, W) int32, or cut them from its contour map."""
        if not self.contours.is_dir():
            return segment(image, self.max_regions)
        path = self.contours / f"{key}.mat"
        regions = labels_from_ucm(path, self.max_regions)
        if regions.shape != image.shape[:2]:
            raise ContourMapError(
                f"'ucm2' in {path} is of {regions.shape} pixels and its image of {image.shape[:2]}; make it anew."
            )
        return regions

    def _note(self, key: str, image: np.ndarray, regions: np.ndarray) -> str:
        # With a digest of the map itself, because Pillow does not verify checksums of its pixels.
        return json.dumps({**self.facts(key, image), "regions": _digest(regions)})


def _digest(array: np.ndarray) -> str:
    digest = hashlib.blake2b(f"{array.dtype} {array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def precompute(folder: str | Path, out: str | Path, workers: int = 1, max_regions: int = 512) -> dict[str, str]:
    """Compute the superpixels of all images in a folder and its sub-folders, in the format of `RegionMaps`.

    Another run resumes after an interruption, and recomputes only maps whose image, cap or method has changed. The map
    of ``street/001.jpg`` is ``RegionMaps(out)("street/001.jpg", read_picture(...))``, its file
    ``out/superpixels-512/street/001.jpg.png``; ``manifest.jsonl`` beside the maps has a line for each. The work goes
    through joblib, so ``joblib.parallel_config`` can send it to a cluster that shares the two folders.

    Args:
        folder: folder of images; folders named ``superpixels-...`` in it are skipped.
        out: output folder for the maps.
        workers: number of processes, -1 for one per core; images are handed out in batches of four per process.
        max_regions: maximum number of regions of a map, at most 65535.

    Returns:
        the images without a map, and why.

    Raises:
        UnwritableError: if a map cannot be written.
        ValueError: if the folder has no images, or the cap does not fit 16 bits.
    """
    folder, maps = Path(folder), RegionMaps(out, max_regions)
    names = [path.relative_to(folder).as_posix() for path in find_pictures(folder)]
    names = [name for name in names if "/superpixels-" not in f"/{name.rpartition('/')[0]}"]
    if not names:
        raise ValueError(f"{folder} has no images ({', '.join(SUFFIXES)}); pass a folder that has.")
    with writing(maps.folder):  # fails before hours of work
        maps.folder.mkdir(parents=True, exist_ok=True)
    made, size = {}, 4 * processes(workers)
    # In batches, because not every joblib backend returns results one by one.
    with tqdm(total=len(names), unit="image", desc="superpixels", disable=None) as bar, parallel(workers) as pool:
        for start in range(0, len(names), size):
            batch = names[start : start + size]
            made |= zip(batch, pool(delayed(_make)(maps, folder, name) for name in batch), strict=True)
            bar.update(len(batch))
    failed = {name: reason for name, reason in made.items() if isinstance(reason, str)}
    lines = [json.dumps({"image": name, **made[name]}) + "\n" for name in names if name not in failed]
    with write_atomic(maps.folder / "manifest.jsonl") as temporary:
        temporary.write_text("".join(lines))
    print(f"{len(lines)} superpixel maps in {maps.folder}")
    return failed


def _make(maps: RegionMaps, folder: Path, name: str) -> dict | str:
    """Make or check the map of one image file; return its facts, or a sentence on what is wrong with the image."""
    try:
        image = read_picture(folder / name)
        computed = maps.compute(name, image) if maps.read(name, image) is None else None
    except (OSError, ValueError) as error:
        return str(error).removeprefix(f"{folder / name} ")
    if computed is not None:
        maps.keep(name, image, computed)
    return maps.facts(name, image)
