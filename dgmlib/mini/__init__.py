"""Broden-mini, the data set that dgmlib draws itself, in Broden+'s own layouts."""

import tempfile
from pathlib import Path

from dgmlib.broden.vocabulary import Vocabulary
from dgmlib.mini.lists import write_vocabulary
from dgmlib.mini.tree import MANIFEST, PRESETS, MiniCounts, generate

__all__ = ["MANIFEST", "PRESETS", "MiniCounts", "generate", "vocabulary"]


def vocabulary() -> Vocabulary:
    """Return the classes of Broden-mini, as its files name them, without drawing a picture."""
    with tempfile.TemporaryDirectory() as folder:
        write_vocabulary(Path(folder))
        return Vocabulary.from_folder(folder)
