"""Broden-mini as a folder: procedural scenes with all five kinds of labels, in Broden+'s own layouts."""

import hashlib
import json
import os
import tempfile
from collections import namedtuple
from functools import cache
from numbers import Integral
from pathlib import Path

import numpy as np
from joblib import delayed
from tqdm import tqdm

from dgmlib.mini.names import SCENES
from dgmlib.mini.sources import SOURCES, write_lists
from dgmlib.parallel import parallel
from dgmlib.paths import folder_beside

MANIFEST = "broden_mini.json"

#: How many pictures of every source to draw, as (train, val).
MiniCounts = namedtuple("MiniCounts", list(SOURCES))
#: Name -> counts and short side in pixels.
PRESETS = {
    "mini": (MiniCounts((200, 60), (80, 20), (120, 40), (80, 40)), 160),
    "demo": (MiniCounts((2000, 60), (400, 20), (400, 40), (160, 40)), 224),
    "smoke": (MiniCounts((12, 4), (4, 2), (8, 4), (8, 4)), 80),
}


def generate(
    root: str | os.PathLike, seed: int = 0, counts: MiniCounts | str = "mini", size: int | None = None, workers: int = 2
) -> Path:
    """Draw Broden-mini into a folder, or return at once if it is there already.

    Every picture depends only on the seed and its own number, so the files are the same for any number of workers.

    Args:
        root: the folder to fill; created if missing, replaced if it holds another Broden-mini. It is returned.
        seed: seed of all drawing.
        counts: numbers of pictures, or the name of a preset ("mini", "demo", "smoke").
        size: approximate short side in pixels; by default the preset's, or 160.
        workers: number of processes.

    Raises:
        ValueError: an unknown preset, a wrong seed, too few or too small pictures, or a folder that holds something
            else.
    """
    if isinstance(counts, str) and counts not in PRESETS:
        raise ValueError(f"there is no preset {counts!r}; choose from {', '.join(PRESETS)}.")
    counts, usual = PRESETS[counts] if isinstance(counts, str) else (counts, 160)
    size = usual if size is None else size
    if counts.ade20k[0] < len(SCENES) or min(map(min, counts)) < 1:
        raise ValueError(f"counts needs at least {len(SCENES)} ADE20K pictures to train on and 1 of everything else.")
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, not {size}.")
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed must be a whole number from 0, not {seed!r}.")
    root, manifest = Path(root), _manifest(seed, size, counts)
    if (found := _drawn(root)) == manifest:
        return root
    if not found and root.exists() and any(root.iterdir()):
        raise ValueError(f"{root} holds something else than Broden-mini; choose an empty folder for it.")
    # Drawn beside the root and moved there as a whole, so that an interruption leaves nothing half-written.
    with folder_beside(root) as folder:
        tree = folder / "tree"
        _draw(tree, seed, counts, size, workers)
        (tree / MANIFEST).write_text(manifest, encoding="utf-8")
        if _drawn(root) == manifest:  # by another process meanwhile; others may already read it
            return root
        if root.exists():
            os.replace(root, folder / "old")
        os.replace(tree, root)
    return root


def drawn_as(root: Path) -> str | None:
    """Return the preset that a folder holds, drawn with seed 0 by this version; None for anything else."""
    return next((name for name, (counts, size) in PRESETS.items() if _drawn(root) == _manifest(0, size, counts)), None)


def _manifest(seed: int, size: int, counts: MiniCounts) -> str:
    settings = {"seed": seed, "size": size, "counts": counts._asdict(), "method": _method()}
    return json.dumps(settings, indent=1) + "\n"


def _drawn(root: Path) -> str:
    """The manifest of what is drawn in a folder; empty if nothing is."""
    return (root / MANIFEST).read_text(encoding="utf-8") if (root / MANIFEST).is_file() else ""


@cache
def _method() -> str:
    """A digest of the smallest Broden-mini, so that data drawn by another version are drawn again."""
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        _draw(Path(folder), 0, MiniCounts((len(SCENES), 1), (1, 1), (1, 1), (1, 1)), 32, workers=1, hidden=True)
        for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _draw(root: Path, seed: int, counts: MiniCounts, size: int, workers: int, hidden: bool | None = None) -> None:
    """Draw all pictures, each with its own random generator, and write the lists that name them."""
    tasks = [
        (source, split, number, np.random.default_rng([seed, i, j, number]))
        for i, source in enumerate(SOURCES)
        for j, split in enumerate(("train", "val"))
        for number in range(getattr(counts, source)[j])
    ]
    drawn = parallel(workers, return_as="generator")(
        delayed(SOURCES[source])(root, rng, size, split, number) for source, split, number, rng in tasks
    )
    found = {source: [] for source in SOURCES}
    bar = tqdm(drawn, total=len(tasks), desc="Broden-mini", unit="picture", disable=hidden)
    for (source, split, *_), facts in zip(tasks, bar, strict=True):
        found[source].append({**facts, "split": split})
    write_lists(root / "meta_file", found)
