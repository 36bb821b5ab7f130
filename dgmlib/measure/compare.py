"""Did a reproduction reproduce? Every new number against the committed one and its variation over seeds."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from dgmlib.measure.study import markdown
from dgmlib.paths import write_atomic

TABLES = ("table1", "table2", "table3")
#: Columns that identify a number of a table.
KEYS = ["table", "data", "profile", "setting", "model", "task", "metric"]
#: What to check if numbers lie outside.
REMEDY = (
    "Look first at `packages` and `commit` in the .json files of both (constraints.txt has the versions that the "
    "committed numbers were made with), then at the number of threads a run had (OMP_NUM_THREADS), then at more seeds."
)


def compare(mine: Path, committed: Path) -> pd.DataFrame:
    """Compare the tables that two folders have in common.

    In 19 cases out of 20, the mean over n new seeds differs from the committed mean over m seeds by at most t s
    sqrt(1/m + 1/n). Here, s is the committed deviation over seeds, or the median one of that metric if it is larger
    (few images may score alike by chance), and t is Student's quantile for m - 1 degrees of freedom. Numbers that are
    counted, not trained, must be equal.

    Returns:
        one row per number of ``mine``: `KEYS`, "committed", "deviation", "allowed", "seeds" (of the new one), "yours",
        and "verdict": "same digits", "inside", "outside", or "not committed".
    """
    names = [name for name in TABLES if all((folder / f"{name}.csv").exists() for folder in (mine, committed))]
    if not names:
        return pd.DataFrame(columns=[*KEYS, "committed", "deviation", "allowed", "seeds", "yours", "verdict"])
    new, old = (pd.concat([_read(folder / f"{name}.csv") for name in names]) for folder in (mine, committed))
    paired = new.merge(old, "left", [*KEYS, "seed"], suffixes=(" new", ""))
    same = paired.assign(same=paired["value new"] == paired["value"]).groupby(KEYS)["same"].all()
    table = _over_seeds(new).add_suffix(" new").join(_over_seeds(old)).join(same)
    seeds, runs = table["count"], table["count new"]
    quantile = stats.t.ppf(0.975, np.maximum(seeds - 1, 1))
    usual = table.groupby([key for key in KEYS if key != "model"])["std"].transform("median")
    allowed = np.where(seeds > 1, quantile * np.fmax(table["std"], usual) * np.sqrt(1 / seeds + 1 / runs), 0.0)
    inside = (table["mean new"] - table["mean"]).abs() <= allowed
    verdicts = {"not committed": table["mean"].isna(), "same digits": table["same"], "inside": inside}
    verdict = np.select(list(verdicts.values()), list(verdicts), "outside")
    columns = {"committed": table["mean"], "deviation": table["std"], "allowed": allowed, "seeds": runs}
    return pd.DataFrame(columns | {"yours": table["mean new"], "verdict": verdict}, index=table.index).reset_index()


def report(mine: Path, committed: Path) -> str:
    """Write all numbers, and which lie outside, to ``report.{md,csv}`` in ``mine``; return a summary."""
    table = compare(mine, committed)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in table["verdict"].value_counts().items())
    summary = f"{len(table)} numbers beside the committed ones: {counts or 'nothing to compare'}."
    outside = table[table["verdict"] == "outside"]
    if len(outside):
        summary += f"\n\nOutside:\n\n{markdown(_shown(outside))}\n\n{REMEDY}"
    with write_atomic(mine / "report.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    with write_atomic(mine / "report.md") as temporary:
        temporary.write_text(f"{summary}\n\nAll:\n\n{markdown(_shown(table))}\n")
    return summary


def _read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path)
    table[KEYS] = table[KEYS].fillna("").astype(str)
    return table[[*KEYS, "seed", "value"]].fillna({"seed": 0})  # counted numbers have no seed


def _over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    return table.groupby(KEYS, sort=False)["value"].agg(["mean", "std", "count"])


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Format scores in percent, and everything else as it is."""
    scale = np.where(table["committed"].abs() <= 1, 100.0, 1.0)
    numbers = {name: (table[name] * scale).map("{:,.2f}".format) for name in ("committed", "allowed", "yours")}
    row = [", ".join(names) for names in table[["setting", "model", "task", "metric"]].itertuples(index=False)]
    return pd.DataFrame({"table": table["table"], "number": row, **numbers, "verdict": table["verdict"]})
