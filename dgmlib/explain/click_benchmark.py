"""How far a few clicks get: click propagation at every level, beside ways that need no trained groups.

The clicks are those of `dgmlib.explain.simulated_clicks`. What a method leaves to choose, the threshold of the mask or
the tolerance of the flood, is chosen on images of the training split, by the mean IoU over all numbers of clicks.

Every click climbs to the same level, or only the first one does and those that correct it stay at level 1.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch.utils.data import Dataset

from dgmlib.checkpoints import load_model
from dgmlib.explain.clicks import ClickSession
from dgmlib.explain.measured import each_image, open_sets, publish, untrained
from dgmlib.explain.simulated_clicks import SMALLEST, ColourFlood, best_choice, objects, simulate
from dgmlib.parsing import PerceptualParser
from dgmlib.paths import RESULTS
from dgmlib.predictor import Predictor
from dgmlib.provenance import markdown
from dgmlib.superpixels.partition import lab_image

CLICKS = (1, 2, 3, 5)
SUPERPIXEL, FLOOD = "superpixel only", "flood by colour"
DGM, CORRECTED, UNTRAINED = "DGM", "DGM, corrected at level 1", "untrained DGM"
BOUND = "best choice of superpixels"
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99)
TOLERANCES = (3.0, 6.0, 10.0, 15.0, 22.0, 30.0)  # distance in CIE Lab from the clicked pixel

#: A way to answer clicks: method, level (0 where there are none), threshold or tolerance (nan where there is none).
Setting = tuple[str, int, float]


def click_benchmark(
    model: PerceptualParser,
    sets: Mapping[str, tuple[Dataset, Dataset]],
    short_side: int = 128,
    images: int = 40,
    training_images: int = 20,
    workers: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure the IoU after 1, 2, 3 and 5 simulated clicks per object.

    Args:
        model: with a Deep Grouping Model; one with its `recipe` and random weights is measured beside it.
        sets: name of the data -> (training split, validation split), e.g. of `BrodenPlus` or `FolderDataset`.
        short_side: see `Predictor`.
        images: how many images of every validation split, spread evenly.
        training_images: how many of every training split, to choose thresholds and the tolerance on.
        workers: processes.
        seed: of the random weights.

    Returns:
        one row per data, method, level and number of clicks: "setting" (the threshold or tolerance chosen), "IoU"
        averaged over objects, "error", the standard error of that mean, "objects" and "images". `BOUND` is what
        labelling every superpixel by majority reaches, with no number of clicks.

    Raises:
        ValueError: for a model without Deep Grouping Model, or a split without objects that are large enough.
    """
    if model.dgm is None:
        raise ValueError('the model has no Deep Grouping Model; measure one with dgm="full" or "no_top_down".')
    models = {DGM: model, UNTRAINED: untrained(model, seed)}
    candidates = _candidates(len(model.dgm.in_channels))
    tables = []
    for name, (train, val) in sets.items():
        tried = _measure(models, train, training_images, candidates, short_side, workers, f"{name}, choosing")
        chosen = choose(tried)
        scores = _measure(models, val, images, [*chosen, (BOUND, 1, np.nan)], short_side, workers, name)
        groups = scores.groupby(["method", "level", "setting", "clicks"], sort=False, dropna=False)["IoU"]
        table = groups.agg(["mean", "sem", "size"]).reset_index()
        table = table.rename(columns={"mean": "IoU", "sem": "error", "size": "objects"})
        table.insert(0, "data", name)
        tables.append(table.assign(images=scores["image"].nunique()))
    return pd.concat(tables, ignore_index=True)


def choose(tried: pd.DataFrame) -> list[Setting]:
    """Of every method and level, the setting with the highest mean IoU."""
    means = tried.groupby(["method", "level", "setting"], sort=False, dropna=False)["IoU"].mean().reset_index()
    best = means.loc[means.groupby(["method", "level"], sort=False)["IoU"].idxmax()]
    return list(best[["method", "level", "setting"]].itertuples(index=False, name=None))


def measure(
    model: Path = RESULTS / "checkpoints" / "mini-dgm",
    /,
    folders: tuple[Path, ...] = (),
    short_side: int = 128,
    images: int = 40,
    training_images: int = 20,
    workers: int = 2,
    out: Path = RESULTS,
) -> str:
    """Measure click propagation and add it to ``clicks.{csv,json,md}``; rows of the same data and model are replaced.

    Args:
        model: path of a model without suffix.
        folders: image/label folders, see `FolderDataset`; by default Broden-mini.
        short_side: that images are scaled to, in pixels; 128 is preset mini's.
        images: of every validation split.
        training_images: of every training split, to choose thresholds on.
        workers: processes.
        out: where the table goes.
    """
    train, val = (open_sets(folders, split, ("object",), workers=workers) for split in ("train", "val"))
    sets = {name: (train[name], val[name]) for name in val}
    table = click_benchmark(load_model(model), sets, short_side, images, training_images, workers)
    table.insert(1, "model", model.name)
    facts = {"short_side": short_side, "training_images": training_images, "smallest_object": SMALLEST}
    return publish(table, model, "clicks", out, render, **facts)


def render(table: pd.DataFrame) -> str:
    """Render the table, with a column "model", as markdown: a part per data and model, a row per method and level."""
    parts = [
        f"IoU after simulated clicks. An object is a connected region of one class of at least {SMALLEST:.0%} of the\n"
        "image; thresholds and tolerances (CIE Lab) were chosen on training images, IoU is on the validation split."
    ]
    for (data, model), rows in table.groupby(["data", "model"], sort=False):
        bound = rows[rows["method"] == BOUND].iloc[0]
        parts.append(
            f"**{data}**, model {model}, {bound['objects']} objects in {bound['images']} images; standard errors up to "
            f"{rows['error'].max():.3f}. No choice of superpixels reaches more than {bound['IoU']:.3f}."
        )
        parts.append(markdown(wide(rows).reset_index()))
    return "\n\n".join(parts) + "\n"


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per method and level, one column per number of clicks; values as text."""
    rows = rows[rows["method"] != BOUND]
    level = rows["level"].map({0: "-"}).fillna(rows["level"].astype(str))
    chosen = rows["setting"].map("{:g}".format).replace("nan", "-")
    count = rows["clicks"].astype(int)
    clicks = count.astype(str) + " click" + np.where(count > 1, "s", "")
    rows = pd.DataFrame(
        {"method": rows["method"], "level": level, "chosen": chosen, "clicks": clicks, "IoU": rows["IoU"]}
    )
    table = rows.pivot_table("IoU", ["method", "level", "chosen"], "clicks", sort=False)
    return table.map("{:.3f}".format).rename_axis(columns=None)


def _candidates(levels: int) -> list[Setting]:
    climbing = [
        (method, level, value)
        for method in (DGM, CORRECTED, UNTRAINED)
        for level in range(2, levels + 1)
        for value in THRESHOLDS
    ]
    return [(SUPERPIXEL, 1, np.nan), *climbing, *((FLOOD, 0, value) for value in TOLERANCES)]


def _measure(models, dataset, images, settings, short_side, workers, title) -> pd.DataFrame:
    """One row per image, object, setting and number of clicks."""
    measured = partial(_image, models, settings=settings, short_side=short_side)
    rows = list(each_image(measured, dataset, images, workers, title))
    if not rows:
        raise ValueError(f"{title}: no object covers {SMALLEST:.0%} of one of {images} images; take more images.")
    return pd.DataFrame(rows)


def _click(session: ClickSession, first: int, then: int, x: int, y: int, positive: bool) -> np.ndarray:
    return session.click(x, y, positive, then if session.clicks else first)


def _image(models, dataset, index, settings, short_side) -> list[dict]:
    """Every object of one image, clicked in every way."""
    sample, rows = dataset[index], []
    sessions = {name: Predictor(model, short_side, tasks=())(sample["image"]).clicks for name, model in models.items()}
    sessions |= dict.fromkeys((SUPERPIXEL, CORRECTED, BOUND), sessions[DGM])
    lab = lab_image(sample["image"])
    for number, target in enumerate(objects(sample["object"])):
        for method, level, value in settings:
            facts = {"image": index, "object": number, "method": method, "level": level, "setting": value}
            if method == BOUND:
                rows.append(facts | {"clicks": np.nan, "IoU": best_choice(sessions[method].regions, target)})
                continue
            if method == FLOOD:
                click = ColourFlood(lab, value).click
            else:
                session = sessions[method]
                session.reset()
                session.threshold = THRESHOLDS[0] if method == SUPERPIXEL else value  # its weights are 0 and 1
                click = partial(_click, session, level, 1 if method == CORRECTED else level)
            scores = simulate(click, target, max(CLICKS))
            rows += [facts | {"clicks": count, "IoU": scores[count - 1]} for count in CLICKS]
    return rows
