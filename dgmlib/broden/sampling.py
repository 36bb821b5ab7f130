"""Drawing training batches by source.

All randomness of loading is in `TrainBatches`; workers only carry out its draws. A run therefore does not depend on the
number of workers, and an interrupted run resumes exactly where it stopped.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset, Sampler


class Draw(NamedTuple):
    """One image of a training batch: its record, the short side in pixels to scale it to, and whether to mirror it."""

    index: int
    short_side: int
    flip: bool


@dataclass(eq=False)
class TrainBatches(Sampler[list[Draw]]):
    """The batches of a training run; batch t is a pure function of the seed and t.

    Every batch comes from one group of the dataset's records, drawn in proportion to its size, and holds images of one
    orientation, which needs little padding.

    Args:
        dataset: provides ``records`` and ``groups(tasks)``.
        tasks: groups without any of these labels are never drawn.
        batch_size: images per batch.
        short_sides: the short sides in pixels to choose from, one per batch.
        iterations: number of batches in the whole run.
        seed: seed of all draws.
        start: the first batch to yield; earlier ones are drawn but not yielded.
        rank: which of ``world_size`` processes this is; each yields its share of every batch.
        world_size: number of processes that train together.
    """

    dataset: Dataset
    tasks: Sequence[str]
    batch_size: int
    short_sides: Sequence[int]
    iterations: int
    seed: int
    start: int = 0
    rank: int = 0
    world_size: int = 1

    def __post_init__(self):
        if self.batch_size % self.world_size:
            raise ValueError(f"batch_size {self.batch_size} cannot be shared evenly by {self.world_size} processes.")
        if self.batch_size < 1 or not self.short_sides or min(self.short_sides) < 1:
            raise ValueError("batch_size and every short side must be at least 1.")
        self.groups = [np.array(indices) for indices in self.dataset.groups(self.tasks)]
        if not self.groups:
            raise ValueError(f"no record of the dataset is labelled for {', '.join(self.tasks)}; choose other tasks.")
        self.portrait = np.array([record.height > record.width for record in self.dataset.records])

    def __len__(self) -> int:
        return max(self.iterations - self.start, 0)

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = np.random.default_rng(self.seed)
        sizes = np.array([len(group) for group in self.groups])
        walks = [self._walk(group, rng) for group in self.groups]
        for iteration in range(self.iterations):
            indices = next(walks[rng.choice(len(walks), p=sizes / sizes.sum())])
            short_side = int(rng.choice(self.short_sides))
            flips = rng.random(self.batch_size) < 0.5
            if iteration >= self.start:
                draws = [Draw(index, short_side, bool(flip)) for index, flip in zip(indices, flips, strict=True)]
                yield draws[self.rank :: self.world_size]

    def _walk(self, group: np.ndarray, rng: np.random.Generator) -> Iterator[list[int]]:
        """Go through the shuffled group repeatedly, yielding images of one orientation when they fill a batch."""
        queues: dict[bool, list[int]] = {False: [], True: []}
        while True:
            for index in rng.permutation(group).tolist():
                queue = queues[bool(self.portrait[index])]
                queue.append(index)
                if len(queue) == self.batch_size:
                    yield queue.copy()
                    queue.clear()


def evenly(count: int, wanted: int | None) -> list[int]:
    """Indices of ``wanted`` out of ``count`` items, evenly spaced; of all items if it is None.

    Raises:
        ValueError: if fewer than one is wanted.
    """
    if wanted is not None and wanted < 1:
        raise ValueError(f"the number of images must be at least 1, not {wanted}.")
    return np.unique(np.linspace(0, count - 1, min(wanted or count, count)).round().astype(int)).tolist()
