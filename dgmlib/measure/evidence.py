"""Does the grouping help? UPerNet and four forms of DGM on it, paired by seed, with confidence intervals.

The systems of a seed start with the same weights in all parts that they share and see the same batches. Each system's
difference from UPerNet has two 95 % intervals: over seeds (Student's t of the paired differences) and over images (the
validation images resampled with replacement, a thousand times, in blocks of neighbours in the list, since those may be
frames of one video). If both exclude zero, the claim holds or fails here; otherwise it is undecided.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from dgmlib import presets
from dgmlib.data import data_name, data_root, open_data
from dgmlib.evaluation import fractions
from dgmlib.experiments import CONTROL, Cell
from dgmlib.measure.study import extend, markdown, plus_minus, reach
from dgmlib.measure.tables import cells_of, origins, side_by_side
from dgmlib.paths import RESULTS, RUNS, write_atomic
from dgmlib.vocabulary import Vocabulary

BASE = "UPerNet"
SYSTEMS = (BASE, "DGM w/o graph", "DGM w/o top-down", "DGM", "DGM plus")
#: Shorter trainings of UPerNet, as shares of the preset's iterations, that show whether it has stopped gaining.
LENGTHS = (0.25, 0.5)
#: How often the images are resampled, and the number of neighbours per block.
DRAWS, BLOCK = 1000, 10
#: A row with a mean graph share below this, at levels 2 and up, does not test DGM.
AUDIBLE = 0.01


def measure(
    profile: str = "mini",
    seeds: int = 5,
    data: Path | None = None,
    workers: int = 2,
    device: str = "auto",
    out: Path = RESULTS,
    runs: Path = RUNS,
) -> str:
    """Train and score UPerNet, DGM and the forms between them, and write ``evidence.{csv,json,md}``.

    Rows of the same data are replaced. Finished cells are read back, so the same command continues after an
    interruption. Scores and counts of every cell are copied to the folder ``evidence`` beside the table; given as
    ``runs``, that folder yields the same table again without training.

    Args:
        profile: preset: mini, or real for a folder of data folders, see `dgmlib.broden.Mixture`.
        seeds: number of seeds.
        data: root of the data; Broden-mini is drawn if it is missing.
        workers: number of parallel runs, which share the CPU's cores; a GPU takes one at a time.
        device: auto, cpu or cuda.
        out: output folder for the table.
        runs: folder of all runs.
    """
    preset = presets.get(profile)
    root = data_root(preset, data, workers)
    cells, shorter = cells_of(preset, SYSTEMS, seeds, root, runs), []
    for length in LENGTHS:
        training = replace(preset.training, iterations=round(length * preset.training.iterations))
        shorter.append(Cell(replace(preset, training=training), BASE, preset.settings[-1], 0, root, runs))
    rows = []
    for cell, metrics in zip(cells + shorter, side_by_side(cells + shorter, workers, True, device), strict=True):
        over = f"{cell.preset.training.iterations} iterations" if cell in shorter else f"seed {cell.seed}"
        numbers = {(name, over): value for name, value in metrics.items()}
        for share in ("residual share", "graph share"):
            numbers |= {(share, f"level {i}, {over}"): v for i, v in enumerate(cell.heard().get(share, ()), 1)}
        place = {"setting": cell.setting, "model": cell.system}
        rows += [place | {"number": name, "over": over, "value": v} for (name, over), v in numbers.items()]
    for setting in preset.settings:
        group = [cell for cell in cells if cell.setting == setting]
        vocabulary = open_data(root, "train", group[0].tasks).vocabulary
        rows += [{"setting": setting} | row for row in intervals(group, vocabulary)]
    keep(cells, shorter, out / "evidence")
    table = pd.DataFrame(rows)
    table.insert(0, "data", data_name(preset, root))
    facts = {"preset": asdict(preset), "seeds": seeds, "made": origins(cells + shorter)}
    return extend("evidence", table, render, out, facts)


def keep(cells: list[Cell], shorter: list[Cell], folder: Path) -> None:
    """Copy what the table is made of, 16 kB a cell, to another folder of runs; of shorter ones, the scores alone."""
    for cell, name in [*product(cells, ("metrics.json", "counts.npz")), *product(shorter, ["metrics.json"])]:
        with write_atomic(folder / cell.folder.relative_to(cell.runs) / name) as temporary:
            shutil.copyfile(cell.folder / name, temporary)


def intervals(cells: list[Cell], vocabulary: Vocabulary) -> Iterator[dict]:
    """Compute leads over UPerNet, with intervals over seeds and over images: "value", "low", "high", `verdict`."""
    counts = {(cell.system, cell.seed): cell.counts() for cell in cells}
    seeds = sorted({seed for _, seed in counts})
    images = len(next(iter(next(iter(counts.values())).values())))
    firsts = np.random.default_rng(0).integers(images, size=(DRAWS, -(-images // BLOCK), 1))
    chosen = ((firsts + np.arange(BLOCK)) % images).reshape(DRAWS, -1)[:, :images]  # (DRAWS, images)
    draws = (np.bincount(each, minlength=images) for each in chosen)
    weights = np.stack([np.ones(images), *draws])  # (1 + DRAWS, images), the first unchanged
    drawn = {key: redrawn(counted, vocabulary, weights) for key, counted in counts.items()}
    for system in SYSTEMS[1:]:
        ahead = np.stack([drawn[system, seed] - drawn[BASE, seed] for seed in seeds])  # (seeds, 1 + DRAWS, numbers)
        for i, name in enumerate(drawn[system, seeds[0]].columns):
            by_seed, by_draw = ahead[:, 0, i], ahead[:, 1:, i].mean(0)
            mean, half = by_seed.mean(), reach(pd.Series(by_seed))
            low, high = np.nanquantile(by_draw, (0.025, 0.975))
            spans = {"seeds": (mean - half, mean + half), "images": (low, high)}
            row = {"model": system, "number": name, "value": mean, "verdict": verdict(spans.values())}
            for over, (low, high) in spans.items():
                yield row | {"over": over, "low": low, "high": high}


def redrawn(counts: Mapping[str, np.ndarray], vocabulary: Vocabulary, weights: np.ndarray) -> pd.DataFrame:
    """Score a validation split whose images count ``weights`` (draws, images) times: one row per draw."""
    totals = {
        task: torch.from_numpy(np.tensordot(weights, counted.astype(float), 1)) for task, counted in counts.items()
    }
    draws = ({task: total[i] for task, total in totals.items()} for i in range(len(weights)))
    return pd.DataFrame([fractions([one], vocabulary) for one in draws])


def verdict(spans: Iterable[tuple[float, float]]) -> str:
    """Return "ahead" or "behind" if every interval lies on that side of zero, else, or if one is NaN, "undecided"."""
    spans = np.array(list(spans))
    return "ahead" if (spans > 0).all() else "behind" if (spans < 0).all() else "undecided"


def render(table: pd.DataFrame) -> str:
    """Render the rows as markdown: one table per data set and setting, with a row per number."""
    text = (
        "Does the grouping help? UPerNet in percent (± standard deviation over seeds); the others as points ahead of\n"
        "UPerNet of the same seed, with 95 % intervals [over seeds] and (over images). **Bold**: both exclude zero.\n"
        "*DGM w/o graph* is trained without the graph: superpixels are pooled and re-projected, but all receive the\n"
        "same vector, the mean of the level's nodes, and the scene head receives no readout. The last column is DGM\n"
        "minus that control (± half the 95 % interval over seeds).\n"
    )
    for (data, setting), rows in table.groupby(["data", "setting"], sort=False):
        seeds = rows["over"][rows["over"].str.startswith("seed ")].nunique()
        text += f"\n**{data}**, {setting}, {seeds} seed{'s' * (seeds > 1)}\n\n{_block(rows)}\n"
        heard = rows[rows["over"].str.startswith("level ")].assign(level=lambda t: t["over"].str[:7])
        for model, shares in heard.groupby("model", sort=False):
            means = 100 * shares.groupby(["number", "level"])["value"].mean()
            told = [f"{share} {' / '.join(means[share].map('{:.1f}'.format))}" for share in means.index.levels[0]]
            silent = model not in CONTROL and bool(means["graph share"].iloc[1:].mean() < 100 * AUDIBLE)
            remark = "; above level 1 below 1 % on average: this row does not test DGM" * silent
            text += f"\n- {model}: {', '.join(told)} %{remark}"
        less = rows[rows["over"].str.endswith(" iterations") & ~rows["over"].str.startswith("level ")]
        for over, scores in less.groupby("over", sort=False):
            told = ", ".join(f"{row.number} {100 * row.value:.1f}" for row in scores.itertuples())
            text += f"\n- Has it stopped gaining? {BASE}, seed 0, trained for {over} in all: {told}"
        text += "\n"
    return text


def _block(rows: pd.DataFrame) -> str:
    scores = rows[rows["over"].str.startswith("seed ") & (rows["model"] == BASE)].groupby("number", sort=False)["value"]
    shown = pd.DataFrame({BASE: plus_minus(100 * scores.mean(), 100 * scores.std(), 1)}).astype(object)
    for (system, number), both in rows[rows["over"].isin(["seeds", "images"])].groupby(["model", "number"], sort=False):
        spans = [
            f"{a}{100 * row.low:+.1f}, {100 * row.high:+.1f}{b}"
            for row, (a, b) in zip(both.itertuples(), ("[]", "()"), strict=True)
            if row.low == row.low  # a single seed has no interval
        ]
        cell = " ".join([f"{100 * both['value'].iloc[0]:+.1f}", *spans])
        shown.loc[number, system] = cell if both["verdict"].iloc[0] == "undecided" else f"**{cell}**"
    (control,) = CONTROL
    if {"DGM", control} <= set(rows["model"]):
        seeds = rows[rows["over"].str.startswith("seed ")]
        wide = 100 * seeds.pivot(index="over", columns=["model", "number"], values="value")
        ahead = wide["DGM"] - wide[control]  # (seeds, numbers)
        shown[f"DGM ahead of {control}"] = plus_minus(ahead.mean(), ahead.apply(reach), 1, "+")
    return markdown(shown.reset_index())
