"""Superpixel maps, computed once per image and kept on disk."""

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

from dgmlib import superpixels
from dgmlib.paths import write_atomic

from .files import read_label_gray


class RegionMaps:
    """Superpixel maps at an image's own size, from ``folder/superpixels-<max_regions>``.

    A map's file name carries a digest of the image and of the method, so a changed image or method never reads a
    stale map. Files are written atomically: several loader workers may share the folder.

    Args:
        folder: where the maps are kept.
        max_regions: the most superpixels of one image.
    """

    def __init__(self, folder: str | Path, max_regions: int):
        self.folder = Path(folder) / f"superpixels-{max_regions}"
        self.max_regions = max_regions
        # What the method makes of a fixed picture stands for its version.
        probe = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        self._method = superpixels.segment(probe, 16).tobytes()

    def path(self, key: str, image: np.ndarray) -> Path:
        """Locate an image's map."""
        digest = hashlib.blake2b(self._method + str(image.shape).encode(), digest_size=8)
        digest.update(np.ascontiguousarray(image))
        return self.folder / f"{key}-{digest.hexdigest()}.png"

    def __call__(self, key: str, image: np.ndarray) -> np.ndarray:
        """Give the superpixels of an (H, W, 3) uint8 image as (H, W) int32 labels 0..n-1."""
        path = self.path(key, image)
        if path.is_file():
            return read_label_gray(path, "delete it, and it is computed again").astype(np.int32)
        labels = superpixels.segment(image, self.max_regions)
        with write_atomic(path) as temporary:
            Image.fromarray(labels.astype(np.uint16)).save(temporary)
        return labels
