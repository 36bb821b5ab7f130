"""label_assignment.csv: which class of the vocabulary every raw label of every source becomes."""

from pathlib import Path

import numpy as np
import pandas as pd

from dgmlib.vocabulary import Vocabulary

from .files import BrodenError, LabelRangeError, read_csv


class LabelAssignment:
    """The assignment of all sources.

    Args:
        path: of label_assignment.csv.
        vocabulary: the classes it assigns.

    Raises:
        BrodenError: the table is missing or broken, or assigns a class that the vocabulary lacks.
    """

    def __init__(self, path: Path, vocabulary: Vocabulary):
        self.path, self.vocabulary = path, vocabulary
        columns = ("dataset", "category", "raw_label", "raw_name", "broden_label")
        table = read_csv(path, columns, labels=("raw_label", "broden_label"))
        for category, rows in table.groupby("category"):
            known = len(vocabulary.names(category))
            least = -1 if category == "scene" else 0  # -1: unlabelled
            if not rows["broden_label"].between(least, known - 1).all() or rows["raw_label"].min() < 0:
                raise LabelRangeError(
                    f"{path} assigns a {category} label outside {category}.csv; copy both files again."
                )
        repeated = table[table.duplicated(["dataset", "category", "raw_label"])]
        if len(repeated):
            source, category, raw = repeated.iloc[0][["dataset", "category", "raw_label"]]
            raise BrodenError(f"{path} assigns the raw label {raw} of {source} {category} twice; copy it again.")
        self._rows = dict(list(table.groupby(["dataset", "category"])))

    def table(self, source: str, category: str, num_raw: int) -> np.ndarray:
        """Lookup table of at least ``num_raw + 1`` entries, indexed by raw label; unlisted labels become 0."""
        rows = self._select(source, category)
        # The list stops before the largest raw label there is (3,137 of 3,148 ADE20K names): pad to all of them.
        lookup = np.zeros(max(num_raw, rows["raw_label"].max()) + 1, dtype=np.int64)
        lookup[rows["raw_label"]] = rows["broden_label"]
        return lookup

    def by_name(self, source: str, category: str) -> dict[str, int]:
        """Map raw names to labels of the vocabulary."""
        rows = self._select(source, category)
        return dict(zip(rows["raw_name"], rows["broden_label"].astype(int), strict=True))

    def _select(self, source: str, category: str) -> pd.DataFrame:
        if (source, category) not in self._rows:
            raise BrodenError(f"{self.path} has no rows for {source} {category}; copy it again.")
        return self._rows[source, category]


def translate(raw: np.ndarray, lookup: np.ndarray, path: Path, names: Path) -> np.ndarray:
    """Look raw labels up, (H, W) -> (H, W) int64; raise LabelRangeError for labels beyond the source's ``names``."""
    beyond = raw[(raw < 0) | (raw >= len(lookup))]
    if beyond.size:
        raise LabelRangeError(
            f"{path} holds the label {beyond[0]}, but {names} names only 1..{len(lookup) - 1}; "
            "restore it from the release these names belong to."
        )
    return lookup[raw]
