"""What `dgmlib broden prepare` leaves on disk: resized copies, and label maps that load in milliseconds."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
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


class Prepared:
    """The folder ``prepared``: copies of what is slow to read or has to be resized. Originals stay untouched.

    Label maps depend on the metadata, so their folder carries its fingerprint; and every copy's name carries the size
    and the time of the originals it was made from. What has changed is not found, and made again.

    Args:
        folder: where the copies are.
        metadata: the files that decide what the label maps hold, whether they are there or not.
    """

    def __init__(self, folder: Path, metadata: Iterable[Path]):
        digest = hashlib.blake2b(digest_size=4)
        for path in metadata:
            digest.update(path.read_bytes() if path.is_file() else b"-")
        self._folder, self._maps = folder, folder / f"labels-{digest.hexdigest()}"

    def tidy(self) -> None:
        """Remove what an interrupted `prepare` left half-written."""
        for path in [*self._folder.rglob(".*.png"), *self._folder.rglob(".*.jpg")]:
            path.unlink(missing_ok=True)

    def image(self, key: str, original: Path) -> Path:
        """Locate the resized copy of an image."""
        return self._folder / "images" / f"{key}-{_stamp([original])}.jpg"

    def maps(self, key: str, originals: Sequence[Path]) -> Path:
        """Locate the label maps of an image."""
        return self._maps / f"{key}-{_stamp(originals)}.png"


def _stamp(originals: Sequence[Path]) -> str:
    """A short digest of the sizes and times of files, as far as they exist."""
    stats = [path.stat() if path.is_file() else None for path in originals]
    facts = [stat and (stat.st_size, stat.st_mtime_ns) for stat in stats]
    return hashlib.blake2b(repr(facts).encode(), digest_size=4).hexdigest()


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
