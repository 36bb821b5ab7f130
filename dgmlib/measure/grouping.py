"""Do groups look like parts or like objects? Every level of a grouping against labels, with equal-count controls.

The paper's Fig. 1 says that pixels form parts, and parts form objects; its Fig. 5 shows groups level by level. Here,
groups are compared with labels of both kinds, image by image, on labelled pixels only:

purity        share of the pixels that carry the most common label of their group (achievable segmentation accuracy)
region mIoU   best IoU of a label with any single group, mean over the labels of the image
boundary F    of the groups' boundaries and the labels', see `boundary_f`
merged        H(label | group) in bits: what a group leaves open about the label; 0 for groups inside one label
split         H(group | label) in bits: how a label is divided among groups; 0 for labels inside one group
VI            merged + split, the variation of information: 0 only if groups and labels coincide

Purity can only fall as groups merge, so it means nothing by itself. Each level is compared with the same superpixels
merged by the features that the network pools over them, or by their colour; with the superpixels' own hierarchy cut
again and with Felzenszwalb and Huttenlocher's segments, all with as many groups as that level shows in that image; and
with one single group. The network's features are learnt, too, so the first of these controls shows whether EMGP does
more than any clustering of them would. Differences from a control are taken image by image before they are averaged.
Node collapse is measured on the same images: the nodes' effective rank, the graph's share in what superpixels read, and
the entropy of memberships (see `Grouping`).
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.cluster.hierarchy import cut_tree, ward
from skimage.color import rgb2lab
from skimage.metrics import contingency_table, variation_of_information
from torch.utils.data import Dataset

from dgmlib import superpixels
from dgmlib.groups import Grouping
from dgmlib.interventions import evaluating, hooked
from dgmlib.measure.baselines import felzenszwalb_at
from dgmlib.measure.boundaries import boundary_f
from dgmlib.measure.study import Study, markdown, plus_minus, untrained
from dgmlib.parsing import PerceptualParser
from dgmlib.predictor import Predictor, Scene
from dgmlib.superpixels.graph import region_means
from dgmlib.vocabulary import Vocabulary

METRICS = ("groups", "segments", "purity", "region mIoU", "boundary F", "merged", "split", "VI")
#: The network's own groups, then the controls. All but the last have as many groups; felzenszwalb at most
#: as many, or the fewest that it finds.
METHODS = ("DGM", "features", "colour", "superpixels", "felzenszwalb", "one group")
#: Measures of node collapse, at levels 2 and up.
COLLAPSE = ("graph share", "rank", "entropy")
#: Metrics of DGM's lead over a control, with 1 if more is better, else -1.
LEADS = {"purity": 1, "region mIoU": 1, "boundary F": 1, "VI": -1}


def agreement(groups: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Compare the groups of an image, (H, W) integers from 0, with its labels, (H, W) with 0 where nothing is labelled.

    Returns:
        `METRICS`: "groups" counts those of the whole image; the others consider labelled pixels only, of which there
        must be some; "segments" counts the labels that occur.
    """
    labelled = labels[labels > 0], groups[labels > 0]
    shared = contingency_table(*labelled, sparse_type="array").toarray()  # (labels, groups), pixels
    split, merged = variation_of_information(*labelled)
    union = shared.sum(1, keepdims=True) + shared.sum(0) - shared
    overlap = (shared / np.maximum(union, 1)).max(1)
    return {
        "groups": len(np.unique(groups)),
        "segments": np.count_nonzero(shared.sum(1)),
        "purity": shared.max(0).sum() / shared.sum(),
        "region mIoU": overlap[shared.sum(1) > 0].mean(),
        "boundary F": boundary_f(groups, labels),
        "merged": merged,
        "split": split,
        "VI": merged + split,
    }


def merge_by(features: np.ndarray, regions: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
    """Merge superpixels by their features alone (Ward's criterion), adjacent or not, as DGM may.

    ``features`` are (n, D), ``regions`` the superpixels, (H, W) 0..n-1, ``counts`` the desired numbers of groups, each
    1 ... n. Returns (H, W) groups for every count.
    """
    if len(features) == 1:
        return [np.zeros_like(regions) for _ in counts]
    tree = ward(features)
    return [cut_tree(tree, n_clusters=count)[:, 0][regions] for count in counts]


def pooled(scene: Scene) -> np.ndarray:
    """Input of EMGP: the network's features of every superpixel, V^1, (n, D)."""
    caught = []
    note = hooked(lambda _, inputs, output: caught.append(inputs[0]), scene.model.dgm.emgp)
    with note, evaluating(scene.model), torch.inference_mode():
        scene.model(*scene.seen, tasks=())
    return caught[0][0].float().cpu().numpy()


def label_maps(sample: Mapping, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """Read the "object" and, if there are any, "part" labels of a sample, (H, W) integers with 0 for unlabelled.

    Part labels are (object, part) pairs of the objects whose parts are annotated; pixels outside all parts are one more
    segment of their object.
    """
    objects = sample["object"]
    if "part" not in sample:
        return {"object": objects}
    annotated = [thing for thing, ok in zip(vocabulary.object_parts, sample["part_valid"], strict=True) if ok]
    pairs = 1 + objects * (1 + len(vocabulary.parts)) + sample["part"]
    return {"object": objects, "part": np.where(np.isin(objects, annotated), pairs, 0)}


def compare(models: Mapping[str, PerceptualParser], sets: Mapping[str, Dataset], study: Study) -> pd.DataFrame:
    """Measure every level of named models, and the controls, on images of named data sets, as the study specifies.

    Returns:
        one row per data, image, kind of labels that has two or more in the image, model, level and method (of
        `METHODS`), with `METRICS`, and `COLLAPSE` for DGM.

    Raises:
        ValueError: if a model has no Deep Grouping Model, or no image has two labels.
    """
    nothing = f"no image of {', '.join(sets)} has two labels, so there is nothing to compare groups with."
    return study.rows(partial(_image, models, study.side), sets, nothing)


def _image(models: Mapping[str, PerceptualParser], short_side: int, dataset: Dataset, index: int) -> list[dict]:
    sample, rows = dataset[index], []
    truth = label_maps(sample, dataset.vocabulary) if "object" in sample else {}
    truth = {kind: labels for kind, labels in truth.items() if len(np.unique(labels[labels > 0])) > 1}
    for name, model in models.items() if truth else ():
        scene = Predictor(model, short_side, tasks=())(sample["image"])
        levels = [scene.groups(level) for level in range(1, len(scene.grouping.nodes) + 1)]
        counts = [len(np.unique(groups)) for groups in levels]
        features = merge_by(pooled(scene), scene.regions, counts)
        colour = merge_by(region_means(rgb2lab(sample["image"]), scene.regions), scene.regions, counts)
        again = superpixels.segment_hierarchy(sample["image"], counts)
        graph = [felzenszwalb_at(sample["image"], count) for count in counts]
        for level, maps in enumerate(zip(levels, features, colour, again, graph, strict=True), 1):
            nodes = collapse(scene.grouping, level) if level > 1 else {}
            for method, groups in zip(METHODS, (*maps, np.zeros_like(scene.regions)), strict=True):
                for kind, labels in truth.items():
                    where = {"labels": kind, "model": name, "level": level, "method": method}
                    rows.append(where | agreement(groups, labels) | (nodes if method == "DGM" else {}))
    return rows


def collapse(grouping: Grouping, level: int) -> dict[str, float]:
    """Measure the collapse of the nodes of a level (2 ... L) of one image, by the names of `COLLAPSE`."""
    values = grouping.graph_share[:, level - 1], grouping.rank(level), grouping.entropy(level)
    return {name: value.item() for name, value in zip(COLLAPSE, values, strict=True)}


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Average `compare`'s rows over images: data, model, labels, level, method, metric, mean, error (standard), images.

    Metrics "DGM ahead, purity" and so on, for `LEADS`, are mean differences between DGM and a control, taken image by
    image, positive where DGM is better.
    """
    names = ["data", "model", "labels", "level", "method"]
    at = [*names[:-1], "image"]
    dgm = table.loc[table["method"] == "DGM", [*at, *LEADS]]
    table, leads = table.merge(dgm, on=at, suffixes=("", " of DGM")), []
    for metric, sign in LEADS.items():
        leads.append(f"DGM ahead, {metric}")
        table[leads[-1]] = (sign * (table[f"{metric} of DGM"] - table[metric])).where(table["method"] != "DGM")
    long = table.melt(names, [*METRICS, *COLLAPSE, *leads], "metric").dropna(subset="value")
    means = long.groupby([*names, "metric"], sort=False)["value"].agg(["mean", "sem", "count"]).reset_index()
    return means.rename(columns={"sem": "error", "count": "images"})


def measure(study: Study = Study(images=100)) -> str:
    """Measure groups against labels for ``grouping.{csv,json,md}``; rows of the same data and model are replaced.

    The same network with random weights is measured as a control. In a folder's names.txt, "building/window" stands for
    a part.
    """
    model, name = study.load(), study.name
    models = {name: model, f"{name} untrained": untrained(model)}
    table = summarise(compare(models, study.sets("val", ("object", "part")), study))
    return study.publish("grouping", table, render)


def beside_untrained(table: pd.DataFrame) -> pd.DataFrame:
    """Compare trained networks at the number of groups of the untrained ones' level 2, which group more coarsely.

    The rows are `summarise`'s. A trained network's purity and region mIoU are interpolated between its levels, linearly
    in the logarithm of the number of groups.
    """
    what = ["data", "labels", "model"]
    curves = table[table["method"] == "DGM"].pivot_table("mean", [*what, "level"], "metric", sort=False)
    rows = []
    for (name, kind, network), levels in curves.sort_values("groups").groupby(what, sort=False):
        if (untrained := (name, kind, f"{network} untrained", 2)) in curves.index:
            random, at = curves.loc[untrained], np.log(levels["groups"])
            row = {"data": name, "labels": kind, "model": network, "groups": random["groups"]}
            for metric in ("purity", "region mIoU"):
                row[f"{metric} untrained"] = random[metric]
                row[f"{metric} trained"] = np.interp(np.log(random["groups"]), at, levels[metric])
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["model", "data"], ignore_index=True)


def render(table: pd.DataFrame) -> str:
    """Render `summarise`'s rows as markdown: a table per data set and kind of labels, a row per model and level."""
    parts = [
        "Groups of every level against labels, validation images. Purity is the share of labelled pixels that carry\n"
        "the commonest label of their group; region mIoU the best IoU of a label with one group, mean over labels;\n"
        "boundary F of their boundaries; VI (bits, less is better) the variation of information. Five numbers are\n"
        f"{' / '.join(METHODS[:-1])}: controls have as many groups as that level\n"
        "shows in that image, made of the same superpixels merged by the network's own pooled features or by colour,\n"
        "of the superpixels' own hierarchy cut again, and by felzenszwalb. Ahead is DGM's mean lead in region mIoU,\n"
        "image by image, ± its standard error. Of the nodes themselves: the graph's share in what superpixels read,\n"
        "effective rank, entropy of memberships (1: every superpixel receives the mean of all). Segments are the\n"
        "labels that occur; groups those of the whole image."
    ]
    for (data, labels), rows in table.groupby(["data", "labels"], sort=False):
        means = rows.groupby(["method", "metric"])["mean"].first()
        segments, one = means["DGM", "segments"], means["one group", "purity"]
        parts.append(
            f"**{data}, {labels}s**: {rows['images'].max()} images, {segments:.1f} segments in an image. "
            f"One single group has purity {one:.3f}.\n\n{markdown(wide(rows))}"
        )
    return "\n\n".join(parts) + "\n"


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per model and level, of one data set and kind of labels; values as text."""
    at = ["model", "level"]
    mean, error = (rows.pivot_table(value, at, ["method", "metric"], sort=False) for value in ("mean", "error"))
    shown = {"groups": mean["DGM", "groups"].map("{:.1f}".format)}
    for metric in LEADS:
        values = mean[[(method, metric) for method in METHODS[:-1]]]
        shown[metric] = values.map("{:.3f}".format).agg(" / ".join, axis=1)
    for method in METHODS[1:-1]:
        lead = (method, "DGM ahead, region mIoU")
        shown[f"ahead of {method}"] = plus_minus(mean[lead], error[lead], 3, "+")
    for name in COLLAPSE:
        shown[name] = mean["DGM", name].map("{:.2f}".format).replace("nan", "-")
    return pd.DataFrame(shown).reset_index()
