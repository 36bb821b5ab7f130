"""The shape of every measurement: images -> rows -> a table in ``results/``, as csv, as text, and where it comes from.

`rows_of` measures images in processes side by side, `publish` writes a table and `extend` one that grows, by data and
model. A `Study` is a trained model and what it is measured on.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
import tyro
from joblib import delayed
from scipy import stats
from torch.utils.data import Dataset
from tqdm import tqdm

from dgmlib import presets
from dgmlib.broden import BrodenPlus, FolderDataset
from dgmlib.checkpoints import load_model
from dgmlib.data import data_root
from dgmlib.evaluation import spread
from dgmlib.parallel import parallel
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import MODELS, RESULTS, write_atomic
from dgmlib.provenance import provenance


def rows_of(
    measure: Callable[[Dataset, int], Iterable[dict]],
    sets: Mapping[str, Dataset],
    images: int | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Measure images of some data sets.

    Args:
        measure: takes a data set and the index of an image, returns rows; it can be pickled.
        sets: name -> data set.
        images: how many of every data set, spread evenly; all of them if not given.
        workers: processes.

    Returns:
        all rows in order, after columns "data" (the name) and "image" (the index).
    """
    rows = []
    for name, dataset in sets.items():
        chosen = spread(len(dataset), images)
        with parallel(workers, return_as="generator") as pool:
            parts = pool(delayed(measure)(dataset, index) for index in chosen)
            for index, part in zip(chosen, tqdm(parts, name, len(chosen), unit="image", disable=None), strict=True):
                rows += [{"data": name, "image": index} | row for row in part]
    return pd.DataFrame(rows)


def publish(name: str, table: pd.DataFrame, text: str, out: Path = RESULTS, **facts) -> str:
    """Write a table, ``name.csv``, provenance and ``facts``, ``name.json``, and the text it returns, ``name.md``."""
    csv, origin = table.to_csv(index=False, float_format="%.6g"), json.dumps(provenance() | facts, indent=1) + "\n"
    for suffix, content in (("csv", csv), ("json", origin), ("md", text)):
        with write_atomic(Path(out) / f"{name}.{suffix}") as temporary:
            temporary.write_text(content)
    return text


def extend(
    name: str, table: pd.DataFrame, render: Callable[[pd.DataFrame], str], out: Path, measured: dict, **facts
) -> str:
    """Add rows to a table, see `publish`, in place of older ones of the same "data" and, where they have it, "model".

    ``render`` makes the text of all rows; ``measured`` are settings of these rows, ``facts`` those of all.
    """

    def subject(rows: pd.DataFrame) -> pd.Series:
        return rows["model"] + " on " + rows["data"] if "model" in rows else rows["data"]

    old, origins = out / f"{name}.csv", dict.fromkeys(subject(table), provenance() | measured)
    if old.exists():
        before = pd.read_csv(old)
        table = pd.concat([before[~subject(before).isin(origins)], table], ignore_index=True)
        origins = json.loads(old.with_suffix(".json").read_text())["measured"] | origins
    return publish(name, table, render(table), out, **facts, measured=origins)


def reach(differences: pd.Series) -> float:
    """Half the 95 % interval of a mean over seeds, by Student's t; nan of one seed."""
    return stats.t.ppf(0.975, max(len(differences) - 1, 1)) * differences.sem()


def markdown(table: pd.DataFrame) -> str:
    """Render a data frame as a markdown table."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + " --- |" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def plus_minus(mean: pd.Series, deviation: pd.Series, digits: int, sign: str = "") -> pd.Series:
    """Render numbers as text, "0.123 ± 0.004": without deviation where that is not known, "-" where nothing is.

    ``sign="+"`` shows the sign of positive numbers, too.
    """
    spread = deviation.map(f" ± {{:.{digits}f}}".format).where(deviation.notna(), "")
    return (mean.map(f"{{:{sign}.{digits}f}}".format) + spread).where(mean.notna(), "-")


@dataclass(frozen=True)
class Study:
    """A model that is measured on images.

    Attributes:
        model: the model's path without suffix.
        folders: image/label folders to measure on, see `FolderDataset`; by default the profile's data.
        profile: preset whose data and test settings are used.
        data: root of Broden+; of Broden-mini it is optional.
        short_side: that images are scaled to, in pixels; by default what the model was tested at, or the profile's.
        images: of every validation split, spread evenly.
        workers: processes.
        out: where the table goes.
    """

    model: tyro.conf.Positional[Path] = MODELS / "demo-dgm"
    folders: tuple[Path, ...] = ()
    profile: str = "mini"
    data: Path | None = None
    short_side: int | None = None
    images: int = 60
    workers: int = 2
    out: Path = RESULTS

    @property
    def name(self) -> str:
        """What the model is called: a cell's by its folder."""
        return self.model.parent.name if self.model.name == "model" else self.model.name

    @property
    def side(self) -> int:
        """The short side of scaled images."""
        recipe = self.model.with_name(f"{self.model.name}.json")
        facts = json.loads(recipe.read_text())["facts"] if recipe.exists() else {}
        return self.short_side or facts.get("short_side") or presets.get(self.profile).testing.short_side

    def load(self) -> PerceptualParser:
        """Load the model, in single precision."""
        return load_model(self.model).float()

    def sets(self, split: str, tasks: tuple[str, ...]) -> dict[str, Dataset]:
        """Open the data: name -> data set."""
        if self.folders:
            return {folder.name: FolderDataset(folder, split) for folder in self.folders}
        preset = presets.get(self.profile)
        return {preset.data: BrodenPlus(data_root(preset, self.data, self.workers), split, tasks)}

    def rows(
        self, measure: Callable[[Dataset, int], Iterable[dict]], sets: Mapping[str, Dataset], nothing: str
    ) -> pd.DataFrame:
        """Measure the study's number of images, see `rows_of`; a ValueError says ``nothing`` where none gives a row."""
        rows = rows_of(measure, sets, self.images, self.workers)
        if rows.empty:
            raise ValueError(nothing)
        return rows

    def publish(self, name: str, table: pd.DataFrame, render: Callable[[pd.DataFrame], str], **facts) -> str:
        """Add the study's rows to a table, see `extend`; its settings and a digest of the weights stand beside them."""
        weights = hashlib.sha256(self.model.with_name(f"{self.model.name}.safetensors").read_bytes()).hexdigest()
        facts = {"images": self.images, "short_side": self.side, "weights": weights[:16]} | facts
        return extend(name, table, render, self.out, facts)


def untrained(model: PerceptualParser, seed: int = 0) -> PerceptualParser:
    """Build the same network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = presets.ModelConfig(**model.recipe["model"])
        other = PerceptualParser.from_config(config, model.vocabulary, model.recipe["dgm"], model.recipe["tasks"])
    return other.to(model.mean.device).eval()
