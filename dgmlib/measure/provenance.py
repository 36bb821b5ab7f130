"""Where a number comes from."""

import os
import platform
import subprocess
from importlib.metadata import version

import torch

from dgmlib import paths


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
