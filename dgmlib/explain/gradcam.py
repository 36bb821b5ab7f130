"""Grad-CAM on the graph (Sec. 6, Fig. 7): which nodes of each level support a label.

For a logit y and the nodes V^l of level l, with the mean over an image's N_l real nodes,

    alpha_k = 1 / N_l  sum_n dy / dV^l_nk
    cam_n   = ReLU( sum_k alpha_k V^l_nk )

On a feature map, with its cells as nodes, this is the Grad-CAM of Selvaraju et al. (ICCV 2017).

Sec. 6 uses "Grad-CAM on graph [36]", presumably Pope et al. (CVPR 2019), with the gradient "from the ground-truth
scene label", and leaves details to its supplement. We infer:

- **For a scene, V^l are the bottom-up nodes** (Eq. 5), before message passing. The scene logit reads F^L and R, the
  mean of the bottom-up V^L (Eq. 7): every level reaches it before message passing, and none by any path after it.
- **From nodes to superpixels**: a superpixel takes the mean of the nodes it is part of, weighted by its row of
  P^1 ... P^{l-1} (`Grouping.membership`). Rows are normalised, so that a large group, whose column is spread over many
  superpixels, is not penalised. Pixels copy their superpixel.
- **Labels of pixels** (beyond the paper): y is the mean logit over the pixels predicted as the class, as in Vinogradova
  et al. (AAAI 2020), or over a mask; for a texture, that of the whole image. Uhat^l of Eq. 11 replaces V^l, with one
  node per superpixel at every level: it is all that those logits read of the graph. It is computed from U^l, the
  level's pooled features, and V^l, handed down by the top-down edges Ptilde^1 ... Ptilde^{l-1}, so the CNN found part
  of what it points at. (V^l by itself pointed no better than chance on training images, with Ptilde as printed in
  Eq. 8, `dgmlib.reading.VERSION_0_1`.)

Where EMGP back-propagates through its last iteration only (`em_gradient`), so does Grad-CAM.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dgmlib.groups import Grouping, masked_mean, to_pixels
from dgmlib.interventions import evaluating, hooked
from dgmlib.parsing import Parsed, PerceptualParser
from dgmlib.vocabulary import IMAGE_TASKS, Vocabulary


@dataclass(frozen=True)
class GraphCAM:
    """Grad-CAM of one label, on every level of the graph and on F^L; values are not normalised and not negative.

    A map is zero where no node supports the label, and everywhere if the logit does not depend on the level: if
    residual layers are zero, or if no pixel is predicted as the class.

    Attributes:
        logit: (B,) y.
        nodes: for every level (B, N_l), for labels of pixels (B, N); zero for padded nodes.
        superpixels: for every level (B, N); zero for padded nodes.
        pixels: for every level (B, H, W), zero in padding.
        feature_map: (B, h_L, w_L), the ordinary Grad-CAM on F^L before the grouping adds to it.
    """

    logit: Tensor
    nodes: list[Tensor]
    superpixels: list[Tensor]
    pixels: list[Tensor]
    feature_map: Tensor


def gradcam(
    model: PerceptualParser,
    images: Tensor,
    regions: Tensor,
    task: str = "scene",
    target: int | tuple[int, int] | None = None,
    mask: Tensor | None = None,
) -> GraphCAM:
    """Explain one label by the nodes of every level; `dgmlib.predictor.Scene.explain` does so for a photograph.

    Args:
        model: with a Deep Grouping Model. It runs in evaluation mode; its own mode and gradients are left as they were.
        images: (B, 3, H, W) RGB in [0, 1].
        regions: (B, H, W) superpixels, -1 in padding.
        task: one of the model's tasks.
        target: class id; for parts (object id, index in the object's list of parts). By default the scene or texture
            that each image is predicted as.
        mask: (B, h, w), at any resolution, the pixels whose mean logit is explained; by default those predicted as
            the class. Not for scenes and textures, which are labels of the whole image.

    Raises:
        ValueError: if the model has no Deep Grouping Model, or the task does not have the target or mask.
    """
    if getattr(model, "dgm", None) is None:
        raise ValueError(
            "model has no Deep Grouping Model, so there is no graph to explain with; "
            'build or load one with dgm="full" or "no_top_down".'
        )
    tasks = ("object", "part") if task == "part" else (task,)  # a part is searched in its predicted object
    model.check(images, regions, tasks)
    with torch.inference_mode(False), evaluating(model), torch.enable_grad(), _record(model, task) as (levels, maps):
        images, regions = (x.clone() if x.is_inference() else x for x in (images, regions))
        # Gradients are also needed if all parameters are frozen.
        parsed = model(images.detach().requires_grad_(), regions, tasks=tasks)
        logit = class_score(parsed, model.vocabulary, task, target, mask)
        features = [*levels, maps[-1]]
        gradients = torch.autograd.grad(logit.sum(), features, allow_unused=True, materialize_grads=True)
    with torch.no_grad():
        grouping, grid = parsed.grouping, maps[-1]
        of_scene = task == "scene"  # else one node per superpixel
        masks = grouping.masks if of_scene else [grouping.masks[0]] * len(levels)
        nodes = [node_cam(*level) for level in zip(levels, gradients[:-1], masks, strict=True)]  # (B, N_l) each
        superpixels = [to_superpixels(cam, grouping, level) if of_scene else cam for level, cam in enumerate(nodes, 1)]
        pixels = [to_pixels(cam, grouping.regions) for cam in superpixels]
        cells = node_cam(grid.flatten(2).mT, gradients[-1].flatten(2).mT)  # (B, h_L w_L)
    return GraphCAM(logit.detach(), nodes, superpixels, pixels, cells.unflatten(1, grid.shape[2:]))


def node_cam(nodes: Tensor, gradients: Tensor, mask: Tensor | None = None) -> Tensor:
    """Grad-CAM of nodes, or of a map's cells, V and dy / dV (B, N, D) -> (B, N), non-negative, zero in padding.

    ``mask`` (B, N) is False for padding; by default there is none.
    """
    mask = nodes.new_ones(nodes.shape[:2]) if mask is None else mask.to(nodes.dtype)
    alpha = masked_mean(gradients, mask)  # (B, D)
    return (nodes @ alpha[..., None]).squeeze(-1).relu() * mask


def to_superpixels(cam: Tensor, grouping: Grouping, level: int) -> Tensor:
    """Mean of the nodes that a superpixel is part of, weighted by its membership: (B, N_l) -> (B, N).

    A superpixel that is part of no node, because its weights underflow, gets zero.
    """
    membership = grouping.membership(level)  # (B, N, N_l)
    total = membership.sum(2)  # (B, N)
    return (membership @ cam[..., None]).squeeze(-1) / total.clamp(min=torch.finfo(total.dtype).tiny)


def class_score(
    parsed: Parsed,
    vocabulary: Vocabulary,
    task: str,
    target: int | tuple[int, int] | None = None,
    mask: Tensor | None = None,
    probability: bool = False,
) -> Tensor:
    """The score that `gradcam` explains, with its arguments: a label's logit, (B,), or its softmax ``probability``.

    ``parsed`` is the model's output, with "object" for parts. The softmax runs over the classes or, for a part, over
    those of its object.

    Raises:
        ValueError: if the task does not have the target or mask.
    """
    logits, channel = _group(parsed, vocabulary, task, target)  # (B, classes[, h, w])
    if task in IMAGE_TASKS:
        if mask is not None:
            raise ValueError(f"mask must be None for task {task!r}: a {task} is a label of the whole image.")
        logits = logits if logits.ndim == 2 else logits.mean((2, 3))  # (B, classes)
        scores = logits.softmax(1) if probability else logits
        return scores.amax(1) if channel is None else scores[:, channel]
    scores = (logits.softmax(1) if probability else logits)[:, channel]  # (B, h, w)
    weights = predicted_as(parsed, vocabulary, task, target) if mask is None else mask
    if not isinstance(weights, Tensor) or weights.ndim != 3 or len(weights) != len(scores):
        raise ValueError(f"mask must be a tensor (B, h, w) for {len(scores)} image(s), not of {np.shape(weights)}.")
    weights = F.interpolate(weights[:, None].to(scores.dtype), size=scores.shape[1:], mode="area")[:, 0]
    total = weights.sum((1, 2))
    return (scores * weights).sum((1, 2)) / total.clamp(min=torch.finfo(total.dtype).tiny)


def predicted_as(parsed: Parsed, vocabulary: Vocabulary, task: str, target: int | tuple[int, int]) -> Tensor:
    """Pixels predicted as a class of objects, parts or materials, (B, h, w) bool; parts within the predicted object."""
    logits, channel = _group(parsed, vocabulary, task, target)
    here = logits.argmax(1) == channel
    return here & (parsed["object"].argmax(1) == target[0]) if task == "part" else here


def _group(
    parsed: Parsed, vocabulary: Vocabulary, task: str, target: int | tuple[int, int] | None
) -> tuple[Tensor, int | None]:
    """The logits that the target competes with, and its position among them (None: each image's best)."""
    logits = parsed[task]
    if task == "part":
        if not isinstance(target, tuple) or target[0] not in vocabulary.part_slices:
            raise ValueError(
                f"target of task 'part' must be (object id, index in the object's parts), the object being one of "
                f"{list(vocabulary.part_slices)}, not {target!r}."
            )
        logits, target = logits[:, vocabulary.part_slices[target[0]]], target[1]
    if target is None and task not in IMAGE_TASKS:
        raise ValueError(f"target is missing: task {task!r} needs a class id.")
    if target is not None and not (isinstance(target, Integral) and 0 <= target < logits.shape[1]):
        raise ValueError(f"target must be an integer, 0 to {logits.shape[1] - 1} for task {task!r}, not {target!r}.")
    return logits, target


@contextmanager
def _record(model: PerceptualParser, task: str) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Lists that a forward pass fills: the nodes that explain a task's labels, and the input feature maps.

    The nodes are the bottom-up V^1 ... V^L for a scene, else Uhat^1 ... Uhat^L; the maps are F^1 ... F^L.
    """
    dgm, nodes, maps = model.dgm, [], []
    if task == "scene":
        speaking = hooked(lambda _, inputs, output: nodes.extend(inputs[0]), dgm.tdmp)
    else:
        layers = [step.gconv for step in dgm.reprojections]
        speaking = hooked(lambda _, inputs, output: nodes.append(output), *layers)
    with speaking, hooked(lambda _, inputs, output: maps.extend(inputs[0]), dgm):
        yield nodes, maps
