"""Broden-mini, the data set that dgmlib draws itself, in Broden+'s own layouts."""

import tempfile
from pathlib import Path

from dgmlib.broden.mini.metadata import write_vocabulary
from dgmlib.broden.mini.tree import MANIFEST, PRESETS, MiniCounts, generate
from dgmlib.broden.vocabulary import read_vocabulary
from dgmlib.vocabulary import Vocabulary

__all__ = ["MANIFEST", "PRESETS", "MiniCounts", "generate", "vocabulary"]


def vocabulary() -> Vocabulary:
    """Return the classes of Broden-mini, as its files name them, without drawing a picture."""
    with tempfile.TemporaryDirectory() as folder:
        write_vocabulary(Path(folder))
        return read_vocabulary(folder)
