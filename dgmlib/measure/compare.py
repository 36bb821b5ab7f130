"""Did a reproduction reproduce? Every number that it made, beside the committed one and how much seeds move that."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from dgmlib.measure.study import markdown
from dgmlib.paths import write_atomic

#: What tells one number of a table from another.
KEYS = ["table", "data", "profile", "setting", "model", "task", "metric"]
#: What to look at where numbers lie outside.
REMEDY = (
    "Look first at `packages` and `commit` in the .json files of both (constraints.txt has the versions that the "
    "committed numbers were made with), then at the number of threads a run had (OMP_NUM_THREADS), then at more seeds."
)


def compare(mine: Path, committed: Path, tables: tuple[str, ...] = ("table1", "table2", "table3")) -> pd.DataFrame:
    """Set the tables of two folders side by side.

    A mean over n new seeds belongs to the committed one over m seeds, 19 times of 20, if it differs by at most
    t s sqrt(1/m + 1/n), s being the committed deviation over seeds and t Student's quantile for m - 1 degrees of
    freedom. What is counted, not trained, has to be equal.

    Args:
        mine: folder of the new csv files; a missing one is left out.
        committed: folder of those to compare with.
        tables: their names.

    Returns:
        one row for each number: `KEYS`, "committed", "deviation", "allowed", "seeds" (of the new one), "yours",
        "verdict": "same digits", "inside", "outside", or "not committed".
    """
    found = []
    for name in tables:
        if (mine / f"{name}.csv").exists() and (committed / f"{name}.csv").exists():
            new, old = (_summary(folder / f"{name}.csv") for folder in (mine, committed))
            found.append(new.add_suffix(" new").join(old))
    if not found:
        return pd.DataFrame(columns=[*KEYS, "committed", "deviation", "allowed", "seeds", "yours", "verdict"])
    table = pd.concat(found)
    seeds, runs = table["count"], table["count new"]
    quantile = stats.t.ppf(0.975, np.maximum(seeds - 1, 1))
    allowed = np.where(seeds > 1, quantile * table["std"] * np.sqrt(1 / seeds + 1 / runs), 0.0)
    difference = (table["mean new"] - table["mean"]).abs()
    same = [
        all(theirs.get(s) == v for s, v in ours.items()) if isinstance(theirs, dict) else False
        for ours, theirs in zip(table["by seed new"], table["by seed"], strict=True)
    ]
    verdict = np.select(
        [table["mean"].isna(), same, difference <= allowed], ["not committed", "same digits", "inside"], "outside"
    )
    columns = {"committed": table["mean"], "deviation": table["std"], "allowed": allowed, "seeds": runs}
    return pd.DataFrame(columns | {"yours": table["mean new"], "verdict": verdict}, index=table.index).reset_index()


def report(mine: Path, committed: Path) -> str:
    """Write ``report.md`` and ``report.csv`` into ``mine``: all numbers, and what lies outside.

    Returns:
        a summary in a few lines.
    """
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


def _summary(path: Path) -> pd.DataFrame:
    """Mean, deviation and count over seeds of every number in a table, and its value by seed."""
    table = pd.read_csv(path)
    table[KEYS] = table[KEYS].fillna("").astype(str)
    groups = table.assign(seed=table["seed"].fillna(0)).groupby(KEYS, sort=False)
    numbers = groups["value"].agg(["mean", "std", "count"])
    seeds = {key: dict(zip(group["seed"], group["value"], strict=True)) for key, group in groups}
    return numbers.assign(**{"by seed": [seeds[key] for key in numbers.index]})


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Scores in percent, everything else as it is."""
    scale = np.where(table["committed"].abs() <= 1, 100.0, 1.0)
    numbers = {name: (table[name] * scale).map("{:,.2f}".format) for name in ("committed", "allowed", "yours")}
    row = [", ".join(names) for names in table[["setting", "model", "task", "metric"]].itertuples(index=False)]
    return pd.DataFrame({"table": table["table"], "number": row, **numbers, "verdict": table["verdict"]})
