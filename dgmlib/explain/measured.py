"""What the measurements of groups, clicks and heat maps share: images, a control, and tables that grow by data set."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from torch.utils.data import Dataset
from tqdm import tqdm

from dgmlib import presets
from dgmlib.broden import BrodenPlus, FolderDataset
from dgmlib.data import data_root
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import write_atomic
from dgmlib.provenance import provenance, write_table


def open_sets(
    folders: tuple[Path, ...],
    split: str,
    tasks: tuple[str, ...],
    profile: str = "mini",
    data: Path | None = None,
    workers: int = 1,
) -> dict[str, Dataset]:
    """Open image/label folders by their names or, if there are none, the profile's data; see `data_root`."""
    if folders:
        return {folder.name: FolderDataset(folder, split) for folder in folders}
    preset = presets.get(profile)
    return {preset.data: BrodenPlus(data_root(preset, data, workers), split, tasks)}


def each_image(
    function: Callable[[Dataset, int], list[dict]], dataset: Dataset, images: int, workers: int, title: str
) -> Iterator[dict]:
    """Yield the rows that ``function(dataset, index)`` returns for images spread evenly over the data, in order.

    Args:
        function: what is measured; it can be pickled.
        dataset: the data.
        images: how many, or all if there are fewer.
        workers: processes.
        title: of the progress bar.
    """
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(images, len(dataset))).round().astype(int)).tolist()
    with Parallel(workers, return_as="generator") as pool:
        parts = pool(delayed(function)(dataset, index) for index in chosen)
        for rows in tqdm(parts, total=len(chosen), unit="image", desc=title, disable=None):
            yield from rows


def untrained(model: PerceptualParser, seed: int = 0) -> PerceptualParser:
    """Build the same network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = presets.ModelConfig(**model.recipe["model"])
        other = PerceptualParser.from_config(config, model.vocabulary, model.recipe["dgm"], model.recipe["tasks"])
    return other.to(model.mean.device).eval()


def add_rows(table: pd.DataFrame, name: str, results: Path, **facts) -> pd.DataFrame:
    """Write ``name.csv`` and ``name.json`` with new rows; those of other data or models stay.

    Args:
        table: with columns "data" and "model".
        name: of the table.
        results: the folder.
        **facts: settings, to stand with the provenance of these rows, under "measured".

    Returns:
        all rows now in the table.
    """
    old, measured = results / f"{name}.csv", {}
    pairs = table["model"] + " on " + table["data"]
    if old.exists():
        before = pd.read_csv(old)
        table = pd.concat([before[~(before["model"] + " on " + before["data"]).isin(pairs)], table], ignore_index=True)
        measured = json.loads(old.with_suffix(".json").read_text())["measured"]
    measured |= {pair: provenance() | facts for pair in pairs.unique()}
    write_table(table, name, results, measured=measured)
    return table


def publish(
    table: pd.DataFrame, model: Path, name: str, results: Path, render: Callable[[pd.DataFrame], str], **facts
) -> str:
    """Add a model's rows to a table (see `add_rows`) and write all of it as ``name.md`` too; return that text."""
    weights = hashlib.sha256(model.with_name(f"{model.name}.safetensors").read_bytes()).hexdigest()
    text = render(add_rows(table, name, results, weights=weights[:16], **facts))
    with write_atomic(results / f"{name}.md") as temporary:
        temporary.write_text(text)
    return text
