"""Broden-mini: procedural scenes with all five kinds of labels, written in Broden+'s own layouts."""

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from dgmlib.broden.mini import metadata
from dgmlib.broden.mini.names import SCENES
from dgmlib.broden.mini.pictures import SOURCES

MANIFEST = "broden_mini.json"
SPLITS = ("train", "val")


@dataclass(frozen=True)
class MiniCounts:
    """How many pictures of every source to draw, as (train, val)."""

    ade20k: tuple[int, int]
    pascal: tuple[int, int]
    os: tuple[int, int]
    dtd: tuple[int, int]


#: Name -> counts and short side in pixels.
PRESETS = {
    "mini": (MiniCounts((200, 60), (80, 20), (120, 40), (80, 40)), 160),
    "smoke": (MiniCounts((12, 4), (4, 2), (8, 4), (8, 4)), 80),
}


def generate(
    root: str | os.PathLike, seed: int = 0, counts: MiniCounts | str = "mini", size: int | None = None, workers: int = 2
) -> Path:
    """Draw Broden-mini into a folder, or return at once where it stands there already.

    Every picture depends on the seed and its own number alone, so the files are the same for any number of workers.

    Args:
        root: the folder to fill; made where missing, replaced where it holds another Broden-mini.
        seed: of all drawing.
        counts: how many pictures, or the name of a preset ("mini", "smoke").
        size: short side in pixels, about; by default the preset's, or 160.
        workers: processes.

    Returns:
        The root, complete.

    Raises:
        ValueError: an unknown preset, too few or too small pictures, or a folder that holds something else.
    """
    if isinstance(counts, str):
        if counts not in PRESETS:
            raise ValueError(f"there is no preset {counts!r}; choose from {', '.join(PRESETS)}.")
        counts, preset_size = PRESETS[counts]
        size = preset_size if size is None else size
    size = 160 if size is None else size
    if counts.ade20k[0] < len(SCENES) or min(min(pair) for pair in asdict(counts).values()) < 1:
        raise ValueError(f"counts needs at least {len(SCENES)} ADE20K pictures to train on and 1 of everything else.")
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, not {size}.")
    root = Path(root)
    settings = {"seed": seed, "size": size, "counts": asdict(counts), "drawn by": _fingerprint()}
    settings = json.loads(json.dumps(settings))  # as it reads back
    if (root / MANIFEST).is_file():
        if json.loads((root / MANIFEST).read_text(encoding="utf-8")) == settings:
            return root
    elif root.exists() and any(root.iterdir()):
        raise ValueError(f"{root} holds something else than Broden-mini; choose an empty folder for it.")
    root.parent.mkdir(parents=True, exist_ok=True)
    # Drawn beside the root and moved there whole, so that an interruption leaves nothing half-written.
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        _draw(tree, seed, counts, size, workers)
        (tree / MANIFEST).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
        if root.exists():
            os.replace(root, Path(folder) / "old")
        os.replace(tree, root)
    return root


def _fingerprint() -> str:
    """A number of the drawing code, so that a tree drawn by an older one is drawn anew."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _draw(root: Path, seed: int, counts: MiniCounts, size: int, workers: int) -> None:
    """Draw all pictures and write the lists that name them."""
    tasks = [
        (source, split, number)
        for source, (train, val) in asdict(counts).items()
        for split, count in zip(SPLITS, (train, val), strict=True)
        for number in range(count)
    ]
    drawn = Parallel(n_jobs=workers, return_as="generator")(delayed(_picture)(root, seed, size, *t) for t in tasks)
    bar = tqdm(drawn, total=len(tasks), desc="Broden-mini", unit="picture", disable=None)
    found: dict[str, list[dict]] = {source: [] for source in SOURCES}
    for (source, split, _), record in zip(tasks, bar, strict=True):
        found[source].append({**record, "split": split})
    _write_lists(root / "meta_file", found)


def _picture(root: Path, seed: int, size: int, source: str, split: str, number: int) -> dict:
    """Draw one picture from a generator of its own."""
    rng = np.random.default_rng([seed, list(SOURCES).index(source), SPLITS.index(split), number])
    return SOURCES[source](root, rng, size, split, number)


def _write_lists(meta: Path, found: dict[str, list[dict]]) -> None:
    """Write all metadata; the position in ``found`` is a picture's file_index."""
    metadata.write_vocabulary(meta / "joint_dataset")
    metadata.write_ade20k(meta / "ade20k", found["ade20k"])
    metadata.write_pascal(meta / "pascal")
    metadata.write_opensurfaces(meta / "opensurfaces", found["os"])
    metadata.write_lines(meta / "dtd" / "labels_joint_anno.txt", (image["line"] for image in found["dtd"]))

    def records(split: str, *sources: str) -> list[dict]:
        kept = ("height", "width", "nr_part")
        return [
            {**{key: image[key] for key in kept if key in image}, "file_index": i, "dataset": source}
            for source in sources
            for i, image in enumerate(found[source])
            if image["split"] == split
        ]

    for split, long in zip(SPLITS, ("training", "validation"), strict=True):
        joint = meta / "joint_dataset"
        metadata.write_records(joint / f"broden_ade20k_pascal_{split}.json", records(split, "ade20k", "pascal"))
        metadata.write_records(joint / f"broden_os_{split}.json", records(split, "os"))
        metadata.write_records(meta / "dtd" / f"dtd_{long}_list.json", records(split, "dtd"))
