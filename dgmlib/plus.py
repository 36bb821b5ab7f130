"""Beyond the paper: `PerceptualParser` with ``dgm="plus"``, a residual for the fused map and labels from nodes.

Two additions to the Deep Grouping Model, off by default. results/ablation.md measures their effect.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dgmlib.grouping import Reprojection
from dgmlib.groups import Grouping, unit_vectors
from dgmlib.precision import AtLeastFloat32
from dgmlib.reading import Reading

#: Weight of the losses of the nodes' own predictions, relative to those of Eq. 12; PSPNet's for its auxiliary loss.
NAMING = 0.4


class Plus(AtLeastFloat32):
    """A residual for the fused map, and labels that nodes predict by themselves in training.

    Eq. 11 gives a residual for every F^l, which the decoder mixes with all others before object and part heads read it.
    Here, the same layer also gives one for the fused map, from its superpixels' means and V^1. In training, the graph's
    messages to a superpixel through all levels must also predict its label, by one linear layer per task, whose logits
    are copied to the superpixel's pixels and trained by the losses of Eq. 12.

    Args:
        dim: D.
        levels: L.
        channels: width of the fused map.
        classes: number of logits of every pixel-wise task.
        reading: as for the Deep Grouping Model.
    """

    def __init__(self, dim: int, levels: int, channels: int, classes: Mapping[str, int], reading: Reading):
        super().__init__()
        self.embedding = nn.Identity() if channels == dim else nn.Linear(channels, dim)
        self.reprojection = Reprojection(dim, channels, reading)
        self.naming = nn.ModuleDict({task: nn.Linear(levels * dim, count) for task, count in classes.items()})

    def forward(self, fused: Tensor, grouping: Grouping) -> Tensor:
        """Residual of the fused map, (B, C, h, w) of level 1's size -> the same shape and type."""
        grid = grouping.grid
        with torch.autocast(fused.device.type, enabled=False):
            pooled = unit_vectors(self.embedding(grid.pool(fused, 0)), grid.mask, centred=True)  # (B, N, D)
            added = self.reprojection(pooled, grouping.nodes[0], grid.mask)  # (B, N, C)
            return grid.unpool(added, 0).to(fused.dtype)

    def names(self, grouping: Grouping, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Predictions of the nodes alone for some tasks: task -> logits (B, C, h, w) of level 1's size."""
        grid, levels = grouping.grid, range(1, len(grouping.nodes) + 1)
        with torch.autocast(grid.mask.device.type, enabled=False):
            said = [unit_vectors(grouping.message(level), grid.mask, centred=True) for level in levels]
            said = torch.cat(said, -1) * grouping.nodes[0].shape[-1] ** 0.5  # (B, N, L D), entries of about 1
            return {task: grid.unpool(layer(said), 0) for task, layer in self.naming.items() if task in tasks}
