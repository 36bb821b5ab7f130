"""Broden-mini, the data set that dgmlib draws itself, in Broden+'s own layouts."""

from dgmlib.mini.names import vocabulary
from dgmlib.mini.tree import MANIFEST, PRESETS, MiniCounts, drawn_as, generate

__all__ = ["MANIFEST", "PRESETS", "MiniCounts", "drawn_as", "generate", "vocabulary"]
