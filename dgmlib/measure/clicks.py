"""Segmentation with a few clicks: click propagation at every level, against methods without trained groups.

A simulated user clicks on labelled objects, following the standard protocol of interactive segmentation: in the middle
of the largest wrong region (at first, the object itself), positive where pixels are missing and negative where there
are too many. Selecting any pixel outside the object is an error, even if it is unlabelled.

A method's free parameter, the threshold of the mask or the tolerance of the flood, is chosen on images of the training
split by the mean IoU over all numbers of clicks. Either every click climbs to the same level, or only the first one
does and the corrections stay at level 1.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.measure import label
from skimage.segmentation import flood
from torch.utils.data import Dataset

from dgmlib.explain.clicks import ClickSession
from dgmlib.measure.study import Study, markdown, untrained
from dgmlib.predictor import Predictor
from dgmlib.superpixels.partition import lab_image

SMALLEST = 0.01  # minimum share of the image that an object covers
CLICKS = (1, 2, 3, 5)
SUPERPIXEL, FLOOD = "superpixel only", "flood by colour"
DGM, CORRECTED, UNTRAINED = "DGM", "DGM, corrected at level 1", "untrained DGM"
BOUND = "best choice of superpixels"
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99)
TOLERANCES = (3.0, 6.0, 10.0, 15.0, 22.0, 30.0)  # distance in CIE Lab from the clicked pixel

#: A way to answer clicks: method, level (0 if it has none), threshold or tolerance (nan if it has none).
Setting = tuple[str, int, float]


def simulate(click: Callable[[int, int, bool], np.ndarray], target: np.ndarray, count: int) -> list[float]:
    """IoU with an object, (H, W) bool, after 1 ... ``count`` clicks of the simulated user.

    ``click`` takes x, y and positive, and returns the (H, W) bool mask after all clicks so far.
    """
    mask, scores = np.zeros_like(target), []
    while len(scores) < count:
        wrong = next_click(target, mask)
        if wrong is None:
            return scores + [1.0] * (count - len(scores))
        mask = click(*wrong)
        scores.append((mask & target).sum() / (mask | target).sum())
    return scores


def next_click(target: np.ndarray, mask: np.ndarray) -> tuple[int, int, bool] | None:
    """Place the next simulated click: (x, y, positive) in the largest wrong region, or None if the mask is right."""
    regions, area = _connected(np.where(target == mask, 0, 1 + target))
    if not len(area):
        return None
    region = regions == 1 + area.argmax()
    return *centre(region), bool(target[region].all())


def centre(region: np.ndarray) -> tuple[int, int]:
    """Column and row of the pixel of a region, (H, W) bool, that is farthest from its border and the image's."""
    (box,) = ndimage.find_objects(region.astype(np.uint8))
    distance = ndimage.distance_transform_edt(np.pad(region[box], 1))
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    return int(column - 1 + box[1].start), int(row - 1 + box[0].start)


def objects(labels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the connected regions of every class but 0, (H, W) bool, that cover at least `SMALLEST` of the image."""
    regions, area = _connected(labels)
    for number in 1 + np.flatnonzero(area >= SMALLEST * labels.size):
        yield regions == number


def _connected(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the connected regions of equal values other than 0, (H, W) from 1, and count the pixels of each."""
    regions = label(values, background=0, connectivity=1)
    return regions, np.bincount(regions.ravel())[1:]


def best_choice(regions: np.ndarray, target: np.ndarray) -> float:
    """Best IoU with an object, (H, W) bool, of any union of regions, (H, W) integers 0..n-1.

    Regions are added in descending order of their share inside the object; the best union is one of these.
    """
    area = np.bincount(regions.ravel())
    inside = np.bincount(regions.ravel(), weights=target.ravel())
    order = np.argsort(-inside / area)
    hits, chosen = inside[order].cumsum(), area[order].cumsum()
    return float((hits / (chosen + target.sum() - hits)).max())


def colour_flood(lab: np.ndarray, tolerance: float) -> Callable[[int, int, bool], np.ndarray]:
    """Click without groups: flood the connected pixels whose colour is within a tolerance of the clicked one.

    Colours are (H, W, 3) CIE Lab, and the tolerance is a distance there. Where positive and negative floods meet, the
    click with the closer colour wins. Returns a ``click`` for `simulate`.
    """
    strongest = {True: np.zeros(lab.shape[:2]), False: np.zeros(lab.shape[:2])}

    def click(x: int, y: int, positive: bool) -> np.ndarray:
        distance = np.linalg.norm(lab - lab[y, x], axis=2)
        inside = flood(distance, (y, x), tolerance=tolerance)
        weight = np.where(inside, 1 - distance / (2 * tolerance), 0)
        strongest[positive] = np.maximum(strongest[positive], weight)
        return strongest[True] > strongest[False]

    return click


def measure(study: Study = Study(images=40), training_images: int = 20) -> str:
    """Measure click propagation and add it to ``clicks.{csv,json,md}``; rows of the same data and model are replaced.

    The same network with random weights is measured as a control. The table has one row per data set, method, level and
    number of clicks (`CLICKS`): "setting" (the chosen threshold or tolerance), "IoU" averaged over objects, "error",
    the standard error of that mean, "objects" and "images". `BOUND` is the `best_choice` of superpixels, independent of
    clicks.

    Args:
        study: the model and the images to measure it on.
        training_images: number of images of every training split on which to choose thresholds.

    Raises:
        ValueError: if the model has no Deep Grouping Model, or a split has no object that is large enough.
    """
    model = study.load()
    if model.dgm is None:
        raise ValueError(f'{study.model} has no Deep Grouping Model; measure one with dgm="full" or "no_top_down".')
    models, levels = {DGM: model, UNTRAINED: untrained(model)}, range(2, len(model.dgm.in_channels) + 1)
    climbing = product((DGM, CORRECTED, UNTRAINED), levels, THRESHOLDS)
    candidates = [(SUPERPIXEL, 1, np.nan), *climbing, *product((FLOOD,), (0,), TOLERANCES)]
    train, val = (study.sets(split, ("object",)) for split in ("train", "val"))
    choosing, tables = replace(study, images=training_images), []
    for name in val:
        tried = _scores(models, candidates, choosing, f"{name}, choosing", train[name])
        scores = _scores(models, [*choose(tried), (BOUND, 1, np.nan)], study, name, val[name])
        groups = scores.groupby(["data", "method", "level", "setting", "clicks"], sort=False, dropna=False)["IoU"]
        table = groups.agg(IoU="mean", error="sem", objects="size").reset_index()
        tables.append(table.assign(images=scores["image"].nunique()))
    table = pd.concat(tables, ignore_index=True)
    table.insert(1, "model", study.name)
    return study.publish("clicks", table, render, training_images=training_images, smallest_object=SMALLEST)


def choose(tried: pd.DataFrame) -> list[Setting]:
    """Choose the setting with the highest mean IoU for every method and level."""
    means = tried.groupby(["method", "level", "setting"], sort=False, dropna=False)["IoU"].mean().reset_index()
    best = means.loc[means.groupby(["method", "level"], sort=False)["IoU"].idxmax()]
    return list(best[["method", "level", "setting"]].itertuples(index=False, name=None))


def _scores(models, settings: list[Setting], study: Study, name: str, dataset: Dataset) -> pd.DataFrame:
    """One row per image, object, setting and number of clicks."""
    nothing = f"{name}: no object covers {SMALLEST:.0%} of one of {study.images} images; take more images."
    return study.rows(partial(_image, models, settings, study.side), {name: dataset}, nothing)


def _image(models, settings, short_side, dataset, index) -> list[dict]:
    """Click every object of one image with every setting."""
    sample, rows = dataset[index], []
    sessions = {name: Predictor(model, short_side, tasks=())(sample["image"]).clicks for name, model in models.items()}
    sessions |= dict.fromkeys((SUPERPIXEL, CORRECTED, BOUND), sessions[DGM])
    lab = lab_image(sample["image"])
    for target in objects(sample["object"]):
        for method, level, value in settings:
            facts = {"method": method, "level": level, "setting": value}
            if method == BOUND:
                rows.append(facts | {"clicks": np.nan, "IoU": best_choice(sessions[method].regions, target)})
                continue
            click = colour_flood(lab, value) if method == FLOOD else _clicker(sessions[method], method, level, value)
            scores = simulate(click, target, max(CLICKS))
            rows += [facts | {"clicks": count, "IoU": scores[count - 1]} for count in CLICKS]
    return rows


def _clicker(session: ClickSession, method: str, level: int, threshold: float) -> Callable[..., np.ndarray]:
    session.reset()
    session.threshold = THRESHOLDS[0] if method == SUPERPIXEL else threshold  # a superpixel's weights are 0 and 1
    then = 1 if method == CORRECTED else level
    return lambda x, y, positive: session.click(x, y, positive, then if session.clicks else level)


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
    table = rows.assign(
        clicks=rows["clicks"].astype(int).map(lambda count: f"{count} click{'s' * (count > 1)}"),
        level=rows["level"].astype(str).replace("0", "-"),
        chosen=rows["setting"].map("{:g}".format).replace("nan", "-"),
    ).pivot_table("IoU", ["method", "level", "chosen"], "clicks", sort=False)
    return table.map("{:.3f}".format).rename_axis(columns=None)
