"""Where a number comes from: commit, packages and machine, stored with every result."""

import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

import dgmlib
from dgmlib.paths import ROOT


def provenance() -> dict:
    """Return the commit, package versions and kind of machine, to be stored with every number."""
    packages = ("torch", "numpy", "scikit-image", "torch-geometric", "torchmetrics")
    return {
        "commit": _commit(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores",
        "python": platform.python_version(),
        "packages": {"dgmlib": dgmlib.__version__} | {name: version(name) for name in packages},
    }


def _commit() -> str:
    installed = Path(__file__).resolve().parent != ROOT / "dgmlib"  # then ROOT's commit is not dgmlib's
    if installed or not shutil.which("git"):
        return "unknown"
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    # Tables and pages change with every run; only the code's state matters.
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "dgmlib"], capture_output=True, check=False)
    return (commit.stdout.strip() or "unknown") + ("-dirty" if changed.returncode == 1 else "")
