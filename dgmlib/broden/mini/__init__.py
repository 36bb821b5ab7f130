"""Broden-mini, the data set that dgmlib draws itself, in Broden+'s own layouts."""

from dgmlib.broden.mini.generate import PRESETS, MiniCounts, generate

__all__ = ["PRESETS", "MiniCounts", "generate"]
