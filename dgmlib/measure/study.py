"""The pipeline of every measurement: images -> rows -> a table in ``results/``: csv, text and provenance."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tyro
from joblib import delayed
from scipy import stats
from torch.utils.data import Dataset
from tqdm import tqdm

from dgmlib import presets
from dgmlib.broden import FolderDataset
from dgmlib.broden.sampling import evenly
from dgmlib.checkpoints import load_model, weights_digest
from dgmlib.data import data_name, data_root, open_data
from dgmlib.parallel import parallel
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import MODELS, RESULTS, write_atomic
from dgmlib.predictor import located
from dgmlib.provenance import provenance


def rows_of(
    measure: Callable[[Dataset, int], Iterable[dict]],
    sets: Mapping[str, Dataset],
    images: int | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Measure images of some data sets.

    Args:
        measure: picklable function of a data set and the index of an image that returns rows.
        sets: name -> data set.
        images: number of images of every data set, spread evenly; all of them if not given.
        workers: number of processes.

    Returns:
        all rows in order, with columns "data" (the name) and "image" (the index) first.
    """
    rows = []
    for name, dataset in sets.items():
        chosen = evenly(len(dataset), images)
        with parallel(workers, return_as="generator") as pool:
            parts = pool(delayed(measure)(dataset, index) for index in chosen)
            for index, part in zip(chosen, tqdm(parts, name, len(chosen), unit="image", disable=None), strict=True):
                rows += [{"data": name, "image": index} | row for row in part]
    return pd.DataFrame(rows)


def named(folders: Iterable[Path]) -> dict[str, Path]:
    """Map the names of folders, by which results tell their data, to the folders.

    Raises:
        ValueError: if two folders have the same name.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        if found.setdefault(name := folder.resolve().name, folder) is not folder:
            raise ValueError(f"two folders are named {name!r}, by which results tell them; rename one of them.")
    return found


def publish(name: str, table: pd.DataFrame, render: Callable[[pd.DataFrame], str], out: Path = RESULTS, **facts) -> str:
    """Write ``name.csv`` (the table), ``name.json`` (provenance and ``facts``) and ``name.md`` (the text, returned).

    ``render`` makes the text from the table as the csv holds it, so that both agree: whole numbers with all digits,
    others with six significant ones.
    """
    table = table.map(lambda value: float(_digits(value)) if isinstance(value, float | np.floating) else value)
    csv, text = table.to_csv(index=False, float_format=_digits), render(table)
    origin = json.dumps(provenance() | facts, indent=1) + "\n"
    for suffix, content in (("csv", csv), ("json", origin), ("md", text)):
        with write_atomic(Path(out) / f"{name}.{suffix}") as temporary:
            temporary.write_text(content)
    return text


def extend(
    name: str, table: pd.DataFrame, render: Callable[[pd.DataFrame], str], out: Path, measured: dict, **facts
) -> str:
    """Add rows to a table, see `publish`, replacing older ones of the same "data" and, if they have it, "model".

    ``render`` makes the text from all rows; ``measured`` are settings of these rows, ``facts`` those of all.
    """

    def subject(rows: pd.DataFrame) -> pd.Series:
        return rows["model"] + " on " + rows["data"] if "model" in rows else rows["data"]

    old, origins = out / f"{name}.csv", dict.fromkeys(subject(table), provenance() | measured)
    if old.exists():
        before = pd.read_csv(old)
        table = pd.concat([before[~subject(before).isin(origins)], table], ignore_index=True)
        origins = json.loads(old.with_suffix(".json").read_text())["measured"] | origins
    return publish(name, table, render, out, **facts, measured=origins)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() else f"{value:.6g}"


def reach(differences: pd.Series) -> float:
    """Half the 95 % interval of a mean over seeds, by Student's t; nan for one seed."""
    return stats.t.ppf(0.975, max(len(differences) - 1, 1)) * differences.sem()


def markdown(table: pd.DataFrame) -> str:
    """Render a data frame as a markdown table."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + " --- |" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def plus_minus(mean: pd.Series, deviation: pd.Series, digits: int, sign: str = "") -> pd.Series:
    """Render numbers as text, "0.123 ± 0.004": without the deviation if it is unknown, "-" if the mean is.

    ``sign="+"`` also shows the sign of positive numbers.
    """
    spread = deviation.map(f" ± {{:.{digits}f}}".format).where(deviation.notna(), "")
    return (mean.map(f"{{:{sign}.{digits}f}}".format) + spread).where(mean.notna(), "-")


@dataclass(frozen=True)
class Study:
    """A trained model and the images it is measured on.

    Attributes:
        model: demo-dgm or street-dgm, which are included, or the path of another model without suffix.
        folders: image/label folders to measure on, see `FolderDataset`; by default the profile's data.
        profile: preset whose data and test settings are used.
        data: root of Broden+; optional for Broden-mini.
        short_side: short side of the scaled images, in pixels; by default the model's test size, or the profile's.
        images: number of images of every validation split, spread evenly.
        workers: number of processes.
        out: output folder for the table.
    """

    model: tyro.conf.Positional[Path] = MODELS / "demo-dgm"
    folders: tuple[Path, ...] = ()
    profile: str = "mini"
    data: Path | None = None
    short_side: int | None = None
    images: int = 60
    workers: int = 2
    out: Path = RESULTS

    def __post_init__(self):
        object.__setattr__(self, "model", located(self.model))

    @property
    def name(self) -> str:
        """Name of the model; for a cell's model, the name of its folder."""
        return self.model.parent.name if self.model.name == "model" else self.model.name

    @property
    def side(self) -> int:
        """The short side of scaled images."""
        recipe = self.model.with_name(f"{self.model.name}.json")
        facts = json.loads(recipe.read_text())["facts"] if recipe.exists() else {}
        return self.short_side or facts.get("short_side") or presets.get(self.profile).testing.short_side

    def load(self) -> PerceptualParser:
        """Load the model."""
        return load_model(self.model)

    def sets(self, split: str, tasks: tuple[str, ...]) -> dict[str, Dataset]:
        """Open the data: name -> data set."""
        if self.folders:
            return {name: FolderDataset(folder, split) for name, folder in named(self.folders).items()}
        preset = presets.get(self.profile)
        root = data_root(preset, self.data, self.workers)
        return {data_name(preset, root): open_data(root, split, tasks)}

    def rows(
        self, measure: Callable[[Dataset, int], Iterable[dict]], sets: Mapping[str, Dataset], nothing: str
    ) -> pd.DataFrame:
        """Measure the study's number of images, see `rows_of`; raise a ValueError, ``nothing``, if none gives a row."""
        rows = rows_of(measure, sets, self.images, self.workers)
        if rows.empty:
            raise ValueError(nothing)
        return rows

    def publish(self, name: str, table: pd.DataFrame, render: Callable[[pd.DataFrame], str], **facts) -> str:
        """Add the study's rows to a table, see `extend`, with its settings and a digest of the weights."""
        facts = {"images": self.images, "short_side": self.side, "weights": weights_digest(self.model)} | facts
        return extend(name, table, render, self.out, facts)


def untrained(model: PerceptualParser, seed: int = 0) -> PerceptualParser:
    """Build the same network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = presets.ModelConfig(**model.recipe["model"])
        other = PerceptualParser.from_config(config, model.vocabulary, model.recipe["dgm"], model.recipe["tasks"])
    return other.to(model.mean.device).eval()
