"""Where a number comes from: tables written with their provenance beside them, rendered as markdown."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from dgmlib import paths


def write_table(table: pd.DataFrame, name: str, results: Path, **facts) -> None:
    """Write a table as ``name.csv`` and where it comes from as ``name.json``."""
    with paths.write_atomic(results / f"{name}.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    with paths.write_atomic(results / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(provenance() | facts, indent=1) + "\n")


def provenance() -> dict:
    """Commit, package versions and kind of machine, to stand beside every number."""
    git = ["git", "-C", str(paths.ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    # Tables and the README change with every run; only the code's state matters.
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "dgmlib"], capture_output=True, check=False)
    packages = ("dgmlib", "torch", "numpy", "scikit-image", "torch-geometric", "torchmetrics")
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    return {
        "commit": (commit.stdout.strip() or "unknown") + ("-dirty" if changed.returncode == 1 else ""),
        "device": device,
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def markdown(table: pd.DataFrame) -> str:
    """Render a data frame as a markdown table."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + " --- |" * len(table.columns)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)
