"""Beyond the paper: `PerceptualParser` with ``dgm="plus"``, whose nodes are heard where labels are read, and named.

Two additions to the Deep Grouping Model, off by default. What they are worth stands in results/ablation.md.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dgmlib.grouping import Reprojection
from dgmlib.groups import Grouping, unit_vectors
from dgmlib.precision import AtLeastFloat32
from dgmlib.reading import Reading

#: Weight of the losses of what nodes say by themselves, beside those of Eq. 12; PSPNet's, of its auxiliary loss.
NAMING = 0.4


class Plus(AtLeastFloat32):
    """A residual for the fused map, and labels that nodes give by themselves while training.

    Eq. 11 makes a residual for every F^l, which the decoder mixes with all others before object and part heads read.
    Here the same layer makes one for the fused map, of its superpixels' means and V^1. And while training, what the
    graph says to a superpixel through all levels has to name it: a linear layer per task, whose logits are copied to
    the superpixel's pixels and learn by the losses of Eq. 12.

    Args:
        dim: D.
        levels: L.
        channels: of the fused map.
        classes: channels of the logits of every task of pixels.
        reading: how the Deep Grouping Model reads the paper.
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
        """What nodes say by themselves of some tasks: task -> logits (B, C, h, w) of level 1's size."""
        grid, levels = grouping.grid, range(1, len(grouping.nodes) + 1)
        with torch.autocast(grid.mask.device.type, enabled=False):
            said = [unit_vectors(grouping.message(level), grid.mask, centred=True) for level in levels]
            said = torch.cat(said, -1) * grouping.nodes[0].shape[-1] ** 0.5  # (B, N, L D), entries of about 1
            return {task: grid.unpool(layer(said), 0) for task, layer in self.naming.items() if task in tasks}
