"""Do Grad-CAM's maps point at objects, and does a model need what they mark? Measured against controls.

*Pointing game* (Zhang et al., "Top-down Neural Attention by Excitation Backprop", IJCV 2018): does the maximum of the
map lie on the object? If several pixels share the maximum, as those of a superpixel do, the score is their share on the
object. Only labelled pixels count, and there is no tolerance around the object, so a constant map scores the object's
share of the area.

*Deletion* and *insertion* (Petsiuk et al., "RISE", BMVC 2018): pixels are replaced by the mean colour, or restored in
the blurred image, the most important first, in `STEPS` equal steps. For a good order, the area under the curve of the
label's softmax probability is low for deletion and high for insertion. The superpixels stay those of the whole image.
Pixels of equal value go superpixel by superpixel, in a random order that all maps of an image share, so a constant map
is the control of a random order. Each level of the graph has its own control, its values shuffled among its nodes,
which removes pieces of the same sizes.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

from dgmlib.broden.loading import nearest
from dgmlib.explain.gradcam import class_score, gradcam, predicted_as, to_superpixels
from dgmlib.groups import to_pixels
from dgmlib.measure.study import Study, markdown, plus_minus
from dgmlib.parsing import PerceptualParser
from dgmlib.predictor import Predictor
from dgmlib.regions import RegionGrid
from dgmlib.vocabulary import Vocabulary

STEPS = 10
BLUR = 1 / 6  # of the short side: standard deviation of insertion's Gaussian. Narrower ones leave scenes recognisable.

#: What is explained: the true scene, if the model predicts it; the mean logit of an object over the pixels predicted as
#: it, or over all.
SCENE, PREDICTED, ANYWHERE = "scene", "object, where predicted", "object, all pixels"
#: A measure of the model: how often it predicts the true scene.
RIGHT = "named rightly"
#: Suffix of a level's name for its control.
SHUFFLED = ", shuffled"
#: Maps compared with the levels of the graph: Grad-CAM on F^L up-sampled bilinearly; the same, averaged over
#: superpixels; the pixels predicted as the object, over which the logit is averaged; and a constant.
FEATURES, POOLED, TOLD, CONSTANT = "F^L", "F^L over superpixels", "predicted pixels", "constant"


def measure(study: Study = Study()) -> str:
    """Measure Grad-CAM and add it to ``gradcam.{csv,json,md}``; rows of the same data and model are replaced.

    Labels are true ones, as in the paper's Fig. 7: the scene, if the model predicts it, and objects that are in the
    image and predicted somewhere in it. The pointing game uses every such class in turn; deletion and insertion, which
    cost more, use one drawn at random. The data's object classes are matched with the model's by name; pixels of
    classes that the model does not know count as unlabelled.

    Raises:
        ValueError: if the model has no Deep Grouping Model, or the data have no class that the model knows.
    """
    model, sets = study.load(), study.sets("val", ("object", "scene"))
    for name, dataset in sets.items():
        model_ids(dataset.vocabulary, model.vocabulary, name)
    nothing = f"of no image of {', '.join(sets)} does the model predict a scene or an object that is there."
    table = average(study.rows(partial(_image, model, study.side), sets, nothing))
    table.insert(1, "model", study.name)
    return study.publish("gradcam", table, render, steps=STEPS, blur=round(BLUR, 4))


def average(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over the trials of an image, then over images.

    Args:
        rows: one per trial: "data", "image", "target", "measure", "map", "value", and whether the map is "silent".

    Returns:
        one row per data, target, measure and map: mean "value" and "error", its standard error; "gain" and
        "gain_error", the same for the difference from the map's control on the same image (the shuffled level, or else
        the constant); "silent", the share of maps that are zero everywhere; "trials" and "images".
    """
    keys = ["data", "target", "measure", "map"]
    per_image = rows.groupby([*keys, "image"], sort=False)["value"].mean()
    scores = per_image.groupby(level=keys, sort=False).agg(value="mean", error="sem", images="size")
    trials = rows.groupby(keys, sort=False)["silent"].agg(silent="mean", trials="size")
    # Images differ much more than maps do, so the difference from the control is taken image by image.
    by_map = per_image.unstack("map")
    controls = [name + SHUFFLED if name + SHUFFLED in by_map else CONSTANT for name in by_map]
    gains = by_map.sub(by_map[controls].to_numpy()).stack("map").groupby(level=keys).agg(gain="mean", gain_error="sem")
    return scores.join(trials).join(gains).reset_index()


def model_ids(data: Vocabulary, model: Vocabulary, name: str = "the data") -> np.ndarray:
    """Look up the model's id of every object id of the data, 0 if it has no class of that name."""
    ids = np.array([model.objects.index(thing) if thing in model.objects else 0 for thing in data.objects])
    if not ids.any():
        raise ValueError(
            f"{name} has no object class that the model knows ({', '.join(data.objects[1:4])}, ...); "
            "measure a model trained on it, or name its classes in names.txt as the model does."
        )
    return ids


def pointing(cam: np.ndarray, truth: np.ndarray, labelled: np.ndarray) -> float:
    """Share of the maximal pixels that lie on the object; all arrays (H, W), the last two bool."""
    best = labelled & (cam == cam[labelled].max())
    return float(truth[best].mean())


def removal_order(cam: np.ndarray, regions: np.ndarray, seed: int = 0) -> np.ndarray:
    """Positions of the pixels in the flattened image, the most important first; ties go region by region."""
    shuffled = np.random.default_rng(seed).permutation(regions.max() + 1)
    return np.lexsort((shuffled[regions].ravel(), -cam.ravel()))


def curves(
    model: PerceptualParser,
    image: Tensor,
    regions: Tensor,
    cam: np.ndarray,
    task: str,
    target: int | None,
    mask: Tensor | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Softmax probability of a label as pixels are removed ("deletion") or restored ("insertion"), (STEPS + 1,) each.

    Args:
        model: in evaluation mode.
        image: (1, 3, H, W) RGB in [0, 1].
        regions: (1, H, W) superpixels.
        cam: (H, W) the map.
        task: see `gradcam`.
        target: the class id, required for scenes, too, because the predicted one changes on the way.
        mask: (1, h, w) the pixels over which the probability is averaged, for objects.
        seed: of the order of tied pixels.
    """
    order = torch.from_numpy(removal_order(cam, regions[0].cpu().numpy(), seed)).to(image.device)
    width = BLUR * min(image.shape[2:])
    blurred = gaussian_filter(image[0].cpu().numpy(), (0, width, width), mode="nearest")
    ends = {
        "deletion": (image, model.mean.expand_as(image)),
        "insertion": (torch.from_numpy(blurred)[None].to(image), image),
    }
    scores = {}
    for name, (start, end) in ends.items():
        frames = start.flatten(2).repeat(STEPS + 1, 1, 1)  # (STEPS + 1, 3, H W)
        for step in range(1, STEPS + 1):
            replaced = order[: round(step * len(order) / STEPS)]
            frames[step][:, replaced] = end.flatten(2)[0][:, replaced]
        with torch.inference_mode():
            parsed = model(frames.unflatten(2, image.shape[2:]), regions.expand(STEPS + 1, -1, -1), tasks=(task,))
            everywhere = None if mask is None else mask.expand(STEPS + 1, -1, -1)
            score = class_score(parsed, model.vocabulary, task, target, everywhere, probability=True)
        scores[name] = score.double().cpu().numpy()
    return scores


def area_under(curve: np.ndarray) -> float:
    """Area under a curve over [0, 1], by the trapezoidal rule."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def render(table: pd.DataFrame) -> str:
    """Render the table as markdown: one part per data and model, a row per map, a column per target and measure."""
    parts = [
        "Grad-CAM on the levels of the graph and on F^L, with standard errors over images. Pointing: share of the\n"
        "maxima on the object, higher is better. Deletion (lower is better) and insertion (higher is better): area\n"
        "under the softmax probability while pixels go to the mean colour, or come back into a blurred image, in\n"
        f"{STEPS} steps. Controls: a level's own values shuffled over its nodes, and the constant map: the share of\n"
        f'the area, or a random order of superpixels. "{TOLD}" is what the logit was told. For scenes levels are\n'
        "the bottom-up nodes, for objects the re-projected nodes of Eq. 11, which hold the CNN's own features too."
    ]
    for (data, model), rows in table.groupby(["data", "model"], sort=False):
        named = rows[rows["measure"] == RIGHT]
        told = "".join(
            f" The true scene is named in {100 * row.value:.0f} % of {row.images}." for row in named.itertuples()
        )
        parts.append(f"**{data}**, model {model}, {rows['images'].max()} images.{told}\n\n{markdown(wide(rows))}")
    return "\n\n".join(parts) + "\n"


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per map, one column per target and measure, values as text."""
    rows = rows[rows["measure"] != RIGHT]
    rows = rows.assign(column=rows["target"] + ": " + rows["measure"], text=plus_minus(rows["value"], rows["error"], 3))
    table = rows.pivot_table("text", "map", "column", aggfunc="first", sort=False).fillna("-")
    return table.rename_axis(columns=None).reset_index()


def true_scene(sample: Mapping, data: Vocabulary, model: Vocabulary) -> int:
    """The model's id of the true scene, matched by name; -1 if there is none or the model does not know it."""
    name = data.scenes[sample["scene"]] if sample.get("scene", -1) >= 0 else None
    return model.scenes.index(name) if name in model.scenes else -1


def _image(model, short_side, dataset, index) -> list[dict]:
    """All measurements on one image."""
    sample, ids = dataset[index], model_ids(dataset.vocabulary, model.vocabulary)
    image, regions = Predictor(model, short_side, tasks=())(sample["image"]).seen
    truth = ids[sample["object"][np.ix_(*nearest(sample["image"].shape[:2], regions.shape[1:]))]]
    with torch.inference_mode():
        parsed = model(image, regions, tasks=[task for task in ("scene", "object") if task in model.heads])
    predicted = {thing: predicted_as(parsed, model.vocabulary, "object", thing) for thing in np.unique(truth).tolist()}
    predicted = {thing: mask for thing, mask in predicted.items() if thing and mask.any()}
    drawn = np.random.default_rng(index).choice(list(predicted)) if predicted else None
    scene, rows, trials = true_scene(sample, dataset.vocabulary, model.vocabulary), [], []
    if scene >= 0 and "scene" in parsed:
        right = int(parsed["scene"].argmax(1)) == scene
        rows.append({"target": SCENE, "map": "the model", "silent": False, "measure": RIGHT, "value": float(right)})
        trials += [(SCENE, "scene", scene, None)] * right
    for thing, mask in predicted.items():
        trials += [(PREDICTED, "object", thing, mask), (ANYWHERE, "object", thing, torch.ones_like(mask))]
    for name, task, target, mask in trials:
        maps = _maps(model, image, regions, parsed.grouping, task, target, mask, name == PREDICTED, index)
        for map_name, cam in maps.items():
            values = {"pointing": pointing(cam, truth == target, truth > 0)} if task == "object" else {}
            if name == SCENE or (name == PREDICTED and target == drawn):
                scores = curves(model, image, regions, cam, task, target, mask, index)
                values |= {measure_name: area_under(curve) for measure_name, curve in scores.items()}
            facts = {"target": name, "map": map_name, "silent": not cam.any()}
            rows += [facts | {"measure": measure_name, "value": value} for measure_name, value in values.items()]
    return rows


def _maps(model, image, regions, grouping, task, target, mask, told, seed) -> dict[str, np.ndarray]:
    """All maps of one label, (H, W)."""
    size, generator = regions.shape[1:], torch.Generator().manual_seed(seed)
    cam = gradcam(model, image, regions, task, target, mask)
    features = F.interpolate(cam.feature_map[:, None], size, mode="bilinear", align_corners=False)  # (1, 1, H, W)
    pooled = RegionGrid(regions, [size]).pool(features, 0)[..., 0]  # (1, N)
    maps = {f"level {level}": pixels for level, pixels in enumerate(cam.pixels, 1)}
    for level, nodes in enumerate(cam.nodes, 1):  # of a single image, so without padding
        values = nodes[:, torch.randperm(nodes.shape[1], generator=generator).to(nodes.device)]
        values = to_superpixels(values, grouping, level) if task == "scene" else values
        maps[f"level {level}{SHUFFLED}"] = to_pixels(values, regions)
    maps |= {FEATURES: features[:, 0], POOLED: to_pixels(pooled, regions)}
    if told:
        maps[TOLD] = F.interpolate(mask[:, None].float(), size, mode="nearest")[:, 0]
    maps[CONSTANT] = torch.zeros(regions.shape)
    return {name: values[0].cpu().numpy() for name, values in maps.items()}
