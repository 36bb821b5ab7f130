"""Open the data set in a folder, name it in results, and digest its content."""

import hashlib
from pathlib import Path

from torch.utils.data import Dataset

from dgmlib import mini, paths
from dgmlib.broden import BrodenPlus, FolderDataset, Mixture, SceneParse150
from dgmlib.broden.sources import SOURCES
from dgmlib.presets import PRESETS, Preset
from dgmlib.vocabulary import Vocabulary

#: Data set -> patterns of files digested by content, the first of which tells it from the data sets below; patterns of
#: files digested by name and size only, such as Broden+'s published pictures.
FILES = {
    SceneParse150: (("objectInfo150.txt", "images/*/*", "annotations/*/*"), ()),
    FolderDataset: (("names.txt", "*/images/*", "*/labels/*"), ()),
    Mixture: (("*/names.txt", "*/*/images/*", "*/*/labels/*"), ("*/*/*/*",)),
    BrodenPlus: (("meta_file/**/*",), tuple(f"{source.directory}/**/*" for source in SOURCES.values())),
}


def data_root(preset: Preset, root: str | Path | None = None, workers: int = 2) -> Path:
    """Return the folder of a preset's data set; generate Broden-mini there if it is missing.

    Raises:
        ValueError: if ``root`` does not exist, is missing for a preset on data of yours, or holds something else
            where Broden-mini would be generated.
    """
    if root is None and not preset.mini:
        raise ValueError(f"preset {preset.name!r} runs on {preset.data}, which you bring: pass the folder as data=.")
    if root is not None:
        root = Path(root)
        if not root.is_dir():  # else Broden-mini would be generated under a misspelt name
            raise ValueError(f"there is no folder {root}; data has to name one that exists.")
        if not preset.mini or _layout(root) is not BrodenPlus or (root / mini.MANIFEST).is_file():  # however drawn
            return root
    root = root or paths.DATA / f"broden-{preset.mini}"
    if root.is_dir() and any(root.iterdir()) and not (root / mini.MANIFEST).is_file():
        raise ValueError(
            f"{root} holds something else than Broden-mini; choose an empty folder for it, or, if these are "
            "pictures of your own, add names.txt, or, if this is Broden+, pass --profile paper."
        )
    return mini.generate(root, counts=preset.mini, workers=workers)


def open_data(root: Path, split: str, tasks: tuple[str, ...], vocabulary: Vocabulary | None = None) -> Dataset:
    """Open the data set that a folder holds: `SceneParse150`, a `FolderDataset`, a `Mixture`, or else `BrodenPlus`.

    ``split`` is "train" or "val"; ``tasks`` are those whose labels are needed. The labels of folders are mapped by name
    to ``vocabulary``, a model's classes.

    Raises:
        ValueError: if a folder of label pictures has no labels for a task, or names a class that ``vocabulary`` lacks.
    """
    layout = _layout(root)
    if layout is BrodenPlus:
        return BrodenPlus(root, split, tasks)
    if layout is Mixture:
        dataset = Mixture(root, split, tasks, vocabulary=vocabulary)
    else:
        dataset = SceneParse150(root, split) if layout is SceneParse150 else layout(root, split, vocabulary=vocabulary)
    missing = [task for task in tasks if task not in dataset.tasks]
    if missing and not (layout is Mixture and vocabulary):  # a trained model is scored on what there is
        raise ValueError(
            f"{root} has labels of {' and '.join(dataset.tasks)} only, not of {', '.join(missing)}; choose a setting "
            "without them."
        )
    return dataset


def data_name(preset: Preset, root: Path) -> str:
    """Name the data in a folder, as shown with every number: a user's own data never take the preset's name."""
    if (root / mini.MANIFEST).is_file():
        drawn = mini.drawn_as(root)
        return next((each.data for each in PRESETS.values() if each.mini == drawn), "Broden-mini, drawn otherwise")
    if (layout := _layout(root)) is BrodenPlus:
        return preset.data
    return "ADE20K (SceneParse150)" if layout is SceneParse150 else root.resolve().name


def content(root: Path) -> str:
    """Digest a data set's content, wherever it is stored; for Broden-mini, which is generated, only its manifest.

    Returns:
        32 hexadecimal digits that change with any class name, list, image, label map or contour map. Of Broden+'s
        pictures and labels, textures in a mixture and contour maps, only names and sizes count.
    """
    read, sized = FILES[_layout(root)]
    if (root / mini.MANIFEST).is_file():
        read, sized = (mini.MANIFEST,), ()
    digest = hashlib.blake2b(digest_size=16)
    for patterns, is_read in ((read, True), ((*sized, "ucm2/**/*"), False)):
        for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
            # Superpixels are made from the images during training.
            kept = any(part.startswith("superpixels-") for part in path.relative_to(root).parts)
            if path.is_file() and not path.name.startswith(".") and not kept:
                digest.update(f"{path.relative_to(root).as_posix()} {path.stat().st_size}\n".encode())
                if is_read:
                    digest.update(path.read_bytes())
    return digest.hexdigest()


def _layout(root: Path) -> type[Dataset]:
    return next((kind for kind, (read, _) in FILES.items() if any(root.glob(read[0]))), BrodenPlus)
