"""Tables that grow data set by data set: every measurement keeps what others have measured before."""

import json
from pathlib import Path

import pandas as pd

from dgmlib.provenance import provenance, write_table


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
