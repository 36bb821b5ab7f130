"""What `dgmlib broden prepare` leaves on disk: resized copies, and label maps that load in milliseconds.

Originals stay untouched.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from dgmlib.paths import write_atomic

from .files import read_label_pair

SHORT_SIDE = 512


def resized_shape(height: int, width: int) -> tuple[int, int]:
    """Apply Broden+'s size rule: where both sides exceed 512 pixels, the short one becomes 512."""
    short = min(height, width)
    if short <= SHORT_SIDE:
        return height, width
    return tuple(round(side / short * SHORT_SIDE) for side in (height, width))


def digest(content: bytes) -> str:
    """Digest what prepared copies were made from, to eight hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=4).hexdigest()


def stamp(originals: Sequence[Path]) -> str:
    """Digest the sizes and times of files, as far as they exist."""
    stats = [path.stat() if path.is_file() else None for path in originals]
    return digest(repr([stat and (stat.st_size, stat.st_mtime_ns) for stat in stats]).encode())


def resize_linear(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 bilinearly without smoothing, as OpenCV's INTER_LINEAR does."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float()  # (1, 3, H, W)
    resized = F.interpolate(pixels, size=shape, mode="bilinear", align_corners=False)
    return resized[0].permute(1, 2, 0).round().to(torch.uint8).numpy()


def resize_nearest(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) labels as OpenCV's INTER_NEAREST does, by the corners of pixels."""
    rows, columns = (np.arange(new) * old // new for old, new in zip(labels.shape, shape, strict=True))
    return labels[np.ix_(rows, columns)]


def write_maps(path: Path, maps: dict[str, np.ndarray]) -> None:
    """Write at most two label maps of 16 bits, (H, W) each, into the four channels of one PNG."""
    first, *second = maps.values()
    pair = np.stack([first, second[0] if second else np.zeros_like(first)], axis=-1).astype("<u2")
    with write_atomic(path) as temporary:
        Image.fromarray(pair.view(np.uint8)).save(temporary)  # (H, W, 4)


def read_maps(path: Path, tasks: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read label maps back, (H, W) int64 each, named in the order they were written."""
    pair = read_label_pair(path, "delete it and run `dgmlib broden prepare` again")
    return {task: pair[..., number].astype(np.int64) for number, task in enumerate(tasks)}
