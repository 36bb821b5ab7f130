"""Under which reading of the paper does the graph contribute? Paired `candidates` on photographs and on drawings.

Trained candidates are scored again with parts of the graph disabled: a part that changes no score contributes nothing.
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd

from dgmlib import presets
from dgmlib.data import content
from dgmlib.interventions import cut, foreign_groups, pooled_otherwise, without_top_down
from dgmlib.measure.candidates import PHOTOGRAPHS, Candidate, Run, drawings, measured, photographs
from dgmlib.measure.study import extend, markdown, plus_minus
from dgmlib.paths import RESULTS, RUNS
from dgmlib.reading import VERSION_0_1, Reading

#: Interventions on a trained candidate's graph at test time.
DISABLED = {
    "graph cut": cut,
    "groups of another image": foreign_groups,
    "no top-down": without_top_down,
    "K = 1": partial(pooled_otherwise, steps=1),
    "K = 20": partial(pooled_otherwise, steps=20),
    "random starts": partial(pooled_otherwise, random=True),
}
CANDIDATES = {
    "UPerNet": Candidate(None),
    "DGM w/o graph": Candidate(trained=cut),
    "dgmlib 0.1": Candidate(reading=VERSION_0_1),
    "DGM": Candidate(probes=DISABLED),
    "DGM, messages centred": Candidate(reading=Reading(messages="centred"), probes=DISABLED),
    "Eq. 8, U unit, sum": Candidate(reading=Reading("updated", "unit", combine="sum", bandwidth=0.05)),
    "Ptilde from Eq. 1, U unit, sum": Candidate(reading=Reading(pooled="unit", combine="sum", bandwidth=0.05)),
    "Ptilde from Eq. 1, U centred, sum": Candidate(reading=Reading(combine="sum")),
    "Ptilde from Eq. 1, U centred, concat, bandwidth 0.1": Candidate(reading=Reading(bandwidth=0.1)),
}


def measure(
    folders: tuple[Path, ...] = (), seeds: int = 3, workers: int = 2, out: Path = RESULTS, runs: Path = RUNS
) -> str:
    """Compare the readings of the paper and write ``reading.{csv,json,md}``; rows of the same data are replaced.

    Finished runs are kept, so the same command continues after an interruption.

    Args:
        folders: image/label folders of photographs, see `FolderDataset`; by default Broden-mini.
        seeds: number of seeds, and of folds.
        workers: number of parallel runs, one thread each.
        out: output folder for the table.
        runs: folder for the trained models.
    """
    preset, tasks = PHOTOGRAPHS, ("object",)
    sets = photographs(folders)
    if not sets:
        preset = presets.get("mini")
        sets[preset.data], tasks = drawings(preset, workers)
    jobs = [
        Run(preset, dataset, content(dataset.root), data, tasks, name, candidate, seed, seeds)
        for data, dataset in sets.items()
        for name, candidate in CANDIDATES.items()
        for seed in range(seeds)
    ]
    readings = {
        name: asdict(one.changed(preset).model.reading) | {"cut": one.trained is cut}
        for name, one in CANDIDATES.items()
        if one.dgm
    }
    table = measured(jobs, workers, runs)
    return extend("reading", table, render, out, {"preset": asdict(preset)}, candidates=readings)


def paired(rows: pd.DataFrame, metric: str, by: str, base: str) -> pd.DataFrame:
    """Mean and deviation over seeds of a metric, and of its paired difference from ``base``, in percentage points.

    Rows are those of one data set, see `Run.rows`; ``base`` is one of their values in column ``by``.
    """
    wide = 100 * rows[rows["name"] == metric].pivot(index="seed", columns=by, values="value")
    ahead = wide.sub(wide[base], axis=0)
    return pd.DataFrame({"mean": wide.mean(), "std": wide.std(), "ahead": ahead.mean(), "ahead std": ahead.std()})


#: Numbers reported by level: name in `Run.rows` -> factor, decimal places, first level.
BY_LEVEL = {
    "residual share": (100, 1, 1),
    "graph share": (100, 2, 1),
    "entropy": (1, 2, 2),
    "groups": (1, 0, 1),
    "rank": (1, 1, 1),
}


def render(table: pd.DataFrame) -> str:
    """Render the rows as markdown: per data set, a table of candidates, and one of what was disabled."""
    parts = [
        "Under which reading of the paper the graph contributes. Mean ± deviation over seeds, percent,\n"
        "on folds of the training split.\n"
        "Every candidate of a seed starts from the same shared weights and sees the same batches. Shares are those of\n"
        "`Grouping`, percent, levels 1 / 2 / 3 / 4; entropy is that of a row of Ptilde^1 ... Ptilde^{l-1} over the\n"
        "logarithm of N_l, levels 2 / 3 / 4; time is CPU time of training beside UPerNet's."
    ]
    for data, rows in table.astype({"probe": object}).fillna({"probe": ""}).groupby("data", sort=False):
        whole, metrics = rows[rows["probe"] == ""], [name for name in rows["name"].unique() if "/" in name]
        names = [name for name in CANDIDATES if name in set(whole["candidate"])]
        shown = pd.DataFrame(index=pd.Index(names, name="candidate"))
        for metric in metrics:
            score = paired(whole, metric, "candidate", "UPerNet")
            shown[metric] = plus_minus(score["mean"], score["std"], 2)
            shown[f"{metric} ahead of UPerNet"] = plus_minus(score["ahead"], score["ahead std"], 2, "+")
        for name, (factor, digits, first) in BY_LEVEL.items():
            mean = factor * whole[whole["name"] == name].pivot_table("value", "candidate", "level")
            shown[name] = mean.loc[:, first:].map(f"{{:.{digits}f}}".format).agg(" / ".join, axis=1)
        parameters = whole[whole["name"] == "parameters"].groupby("candidate")["value"].first()
        shown["parameters"] = parameters.map("{:,.0f}".format).replace("0", "-")
        seconds = whole[whole["name"] == "seconds"].pivot(index="seed", columns="candidate", values="value")
        shown["time"] = seconds.div(seconds["UPerNet"], axis=0).median().map("{:.2f}".format)
        seeds = whole["seed"].nunique()
        parts.append(f"**{data}**, {seeds} seeds\n\n{markdown(shown.astype(object).fillna('-').reset_index())}")
        for name in [name for name in names if CANDIDATES[name].probes]:
            examined = rows[rows["candidate"] == name]
            lost = pd.DataFrame(index=pd.Index(DISABLED, name=f"{name}, with"))
            for metric in metrics:
                change = paired(examined, metric, "probe", "").reindex(DISABLED)
                lost[metric] = plus_minus(change["ahead"], change["ahead std"], 2, "+")
            parts.append(f"What its scores on {data} change by at test time\n\n{markdown(lost.reset_index())}")
    return "\n\n".join(parts) + "\n"
