"""Which reading of the paper lets the graph be heard: candidates on photographs and on drawings, paired.

Every candidate of a seed starts with the same weights in all parts that networks share, sees the same batches and
draws the same random numbers. The data are the *training* splits, cut into as many folds as there are seeds; seed s
trains on all folds but s and is scored on fold s. Nothing is chosen on validation images. Of a trained candidate the
score is taken again with parts of the graph disabled.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from dgmlib.groups import masked_mean
from dgmlib.reading import AS_PRINTED, Reading


@dataclass(frozen=True)
class Arm:
    """One candidate: a variant of the Deep Grouping Model (None for none) in one reading, its graph cut or not."""

    dgm: str | None = "full"
    reading: Reading = Reading()  # noqa: RUF009  (frozen)
    cut: bool = False


ARMS = {
    "UPerNet": Arm(None),
    "superpixels, no graph": Arm(cut=True),
    "as printed": Arm(reading=AS_PRINTED),
}


class Fold(Dataset):
    """A part of a dataset that trains and scores as the whole does."""

    def __init__(self, dataset: Dataset, indices: Sequence[int]):
        self.dataset, self.indices = dataset, list(indices)
        self.vocabulary, self.cache = dataset.vocabulary, dataset.cache
        self.records = [dataset.records[i] for i in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def key(self, index: int) -> str:
        """Give an image's unique id."""
        return self.dataset.key(self.indices[index])

    def __getitem__(self, index: int) -> dict:
        return self.dataset[self.indices[index]]


def folds(dataset: Dataset, count: int, fold: int, blocks: int = 12) -> tuple[Fold, Fold]:
    """All folds but one, to train on, and that one, to score on.

    A fold is every ``count``-th of ``blocks`` contiguous pieces: frames of one sequence are alike, and every sequence
    is to occur on both sides.
    """
    fold_of = [i * blocks // len(dataset) % count for i in range(len(dataset))]
    inside = [i for i, own in enumerate(fold_of) if own == fold]
    return Fold(dataset, [i for i, own in enumerate(fold_of) if own != fold]), Fold(dataset, inside)


@contextmanager
def hooked(module: nn.Module, hook: Callable) -> Iterator[None]:
    """Replace a module's output by what ``hook(module, arguments, output)`` returns, for a while."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def cut(module: nn.Module, arguments: tuple, output: tuple) -> tuple:
    """Hook of TDMP: every node holds the mean of its level, so that all superpixels hear the same."""
    nodes, edges = output
    masks = arguments[2]
    return [masked_mean(v, m)[:, None].expand_as(v) for v, m in zip(nodes, masks, strict=True)], edges


def without_top_down(module: nn.Module, arguments: tuple, output: tuple) -> tuple:
    """Hook of TDMP: nodes as they came up."""
    return arguments[0], output[1]


class Foreign:
    """Hook of EMGP: every image gets the P of the image before it, or its own with rows shuffled where sizes differ."""

    def __init__(self):
        self.before: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, module: nn.Module, arguments: tuple, output: tuple) -> tuple:
        """Exchange P and its row-normalised form, and pool with them."""
        nodes, _, shares, mask = (arguments[0], *output[1:])
        level = nodes.shape[1].bit_length()
        affinity, shares = self.before.get(level, (None, None))
        self.before[level] = output[1], output[2]
        if affinity is None or affinity.shape != output[1].shape:
            rows = torch.randperm(nodes.shape[1], generator=torch.Generator().manual_seed(0)).to(nodes.device)
            affinity, shares = output[1][:, rows], output[2][:, rows]
        return affinity.mT @ nodes, affinity, shares, mask
