"""The shape of every measurement: images -> rows -> a table in ``results/``, as csv, as text, and where it comes from.

`rows_of` measures images in processes side by side, `publish` writes a table. A `Study` does both for a trained model;
its tables grow by model and data.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tyro
from joblib import Parallel, delayed
from torch.utils.data import Dataset
from tqdm import tqdm

from dgmlib import presets
from dgmlib.broden import BrodenPlus, FolderDataset
from dgmlib.checkpoints import load_model
from dgmlib.data import data_root
from dgmlib.measure.provenance import provenance
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import MODELS, RESULTS, write_atomic


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
        count = min(images or len(dataset), len(dataset))
        chosen = np.unique(np.linspace(0, len(dataset) - 1, count).round().astype(int)).tolist()
        with Parallel(workers, return_as="generator") as pool:
            parts = pool(delayed(measure)(dataset, index) for index in chosen)
            for index, part in zip(chosen, tqdm(parts, name, len(chosen), unit="image", disable=None), strict=True):
                rows += [{"data": name, "image": index} | row for row in part]
    return pd.DataFrame(rows)


def publish(name: str, table: pd.DataFrame, text: str, out: Path = RESULTS, **facts) -> str:
    """Write a table as ``name.csv``, its provenance and ``facts`` as ``name.json``, its text as ``name.md``.

    Returns:
        the text.
    """
    csv, origin = table.to_csv(index=False, float_format="%.6g"), json.dumps(provenance() | facts, indent=1) + "\n"
    for suffix, content in (("csv", csv), ("json", origin), ("md", text)):
        with write_atomic(Path(out) / f"{name}.{suffix}") as temporary:
            temporary.write_text(content)
    return text


def markdown(table: pd.DataFrame) -> str:
    """Render a data frame as a markdown table."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + " --- |" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


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

    def rows(self, measure: Callable[[Dataset, int], Iterable[dict]], sets: Mapping[str, Dataset]) -> pd.DataFrame:
        """Measure as many images as the study asks for, see `rows_of`."""
        return rows_of(measure, sets, self.images, self.workers)

    def publish(self, name: str, table: pd.DataFrame, render: Callable[[pd.DataFrame], str], **facts) -> str:
        """Add rows to a table, in place of older ones of the same data and model; see `publish`.

        Args:
            name: of the table.
            table: with columns "data" and "model".
            render: makes the text of all rows.
            **facts: settings, to stand with these rows' provenance and the digest of the weights, under "measured".
        """
        weights = hashlib.sha256(self.model.with_name(f"{self.model.name}.safetensors").read_bytes()).hexdigest()
        old, pairs = self.out / f"{name}.csv", table["model"] + " on " + table["data"]
        measured = dict.fromkeys(pairs, provenance() | {"weights": weights[:16]} | facts)
        if old.exists():
            before = pd.read_csv(old)
            kept = before[~(before["model"] + " on " + before["data"]).isin(pairs)]
            table = pd.concat([kept, table], ignore_index=True)
            measured = json.loads(old.with_suffix(".json").read_text())["measured"] | measured
        return publish(name, table, render(table), self.out, measured=measured)


def untrained(model: PerceptualParser, seed: int = 0) -> PerceptualParser:
    """Build the same network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = presets.ModelConfig(**model.recipe["model"])
        other = PerceptualParser.from_config(config, model.vocabulary, model.recipe["dgm"], model.recipe["tasks"])
    return other.to(model.mean.device).eval()
