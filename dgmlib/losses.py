"""The loss of Eq. 12: one cross-entropy per task, on images that carry only some of the labels."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from dgmlib.vocabulary import Vocabulary


def perceptual_loss(
    logits: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    vocabulary: Vocabulary,
    weights: Mapping[str, float],
    total: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> dict[str, Tensor]:
    """The loss of Eq. 12: one weighted term per task present in both the logits and the batch; train on their sum.

    Args:
        logits: output of `PerceptualParser`.
        batch: labels by task: "object", "material" (B, h, w), 0 ignored; "part" (B, h, w) and "part_valid" (B, objects
            with parts); "scene", "texture" (B,), -1 ignored.
        vocabulary: the classes.
        weights: weight per task.
        total: sums counts over the processes that share a batch; their losses then sum to that of the whole batch.
    """
    losses = {}
    for task, scores in logits.items():  # in the order of the heads, so that the sum is always the same
        if task not in batch:
            continue
        if task == "part":
            loss = part_loss(scores, batch["part"], batch["object"], batch["part_valid"], vocabulary, total)
        elif task == "texture":
            loss = _mean_nll(scores.mean((2, 3)), batch[task], -1, total)
        else:
            loss = _mean_nll(scores, batch[task], -1 if task == "scene" else 0, total)
        losses[task] = weights[task] * loss
    return losses


def part_loss(
    logits: Tensor,
    parts: Tensor,
    objects: Tensor,
    valid: Tensor,
    vocabulary: Vocabulary,
    total: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> Tensor:
    """UPerNet's part loss: per object, a softmax over its parts, averaged over its pixels, summed over objects.

    Sec. 4 says only "cross-entropy losses at each pixel".

    Args:
        logits: (B, C, h, w), one group of channels per object with parts.
        parts: (B, h, w) index of the part inside its object's list, 0 = none of these (a class like the others).
        objects: (B, h, w) object ids.
        valid: (B, objects with parts) whether that object's parts are labelled in the image.
        vocabulary: the object-part hierarchy.
        total: as for `perceptual_loss`.
    """
    slices = list(vocabulary.part_slices.values())
    row = logits.new_full((len(vocabulary.objects),), -1, dtype=torch.long)  # object id -> row of the hierarchy
    row[list(vocabulary.part_slices)] = torch.arange(len(slices), device=row.device)
    which = row[objects]  # (B, h, w)
    image = torch.arange(len(which), device=row.device)[:, None, None]
    counted = (which >= 0) & valid[image, which.clamp(min=0)]
    which, target = which[counted], parts[counted]  # (pixels,)
    group = logits.new_empty(logits.shape[1], dtype=torch.long)  # channel -> row of the hierarchy
    for i, channels in enumerate(slices):
        group[channels] = i
    start = torch.tensor([channels.start for channels in slices], device=row.device)
    scores = _wide(logits.permute(0, 2, 3, 1)[counted])  # (pixels, C)
    scores = scores.masked_fill(group != which[:, None], -torch.inf)  # the softmax sees the parts of one object only
    nll = F.cross_entropy(scores, start[which] + target, reduction="none")
    pixels = total(torch.bincount(which, minlength=len(slices)))
    return (nll / pixels[which]).sum()


def _mean_nll(logits: Tensor, target: Tensor, ignore: int, total: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean negative log-likelihood over the labelled entries; 0, not NaN, if there are none."""
    nll = F.cross_entropy(_wide(logits), target, ignore_index=ignore, reduction="sum")
    return nll / total((target != ignore).sum()).clamp(min=1)


def _wide(logits: Tensor) -> Tensor:
    """Convert logits to at least float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
