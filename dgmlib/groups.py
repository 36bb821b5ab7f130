"""Grouping: the levels that a Deep Grouping Model found in a batch of images, and views of them."""

from collections.abc import Sequence
from functools import cached_property, reduce
from numbers import Integral
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dgmlib.regions import RegionGrid

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


class Grouping:
    """Result of a forward pass of `DeepGrouping`, for figures, click propagation and Grad-CAM.

    Attributes:
        regions: (B, H, W) the superpixels, -1 in padding.
        nodes: V^1 ... V^L after message passing, each (B, N_l, D).
        assignments: P^1 ... P^{L-1}, each (B, N_l, N_{l+1}); columns sum to one.
        top_down: Ptilde^1 ... Ptilde^{L-1}, each (B, N_l, N_{l+1}); rows sum to one.
        masks: (B, N_l) bool, True for real nodes.
        readout: R, (B, D).
        scene: (B, C_L) R after its residual layer, which the scene head adds to the pooled F^L.
        grid: overlap of the superpixels with the feature maps.
        residual_terms: (Fhat^l, F^l) of every level, each (B, C_l, h_l, w_l).
        graph_terms: ((Ptilde^1 ... Ptilde^{l-1}) V^l, U^l) as Re-projection reads them, each (B, N, D).
    """

    # Not a dataclass: DistributedDataParallel searches those for tensors and waits for all gradients behind them.
    def __init__(
        self,
        regions: Tensor,
        nodes: list[Tensor],
        assignments: list[Tensor],
        top_down: list[Tensor],
        masks: list[Tensor],
        readout: Tensor,
        scene: Tensor,
        grid: RegionGrid,
        residual_terms: Sequence[tuple[Tensor, Tensor]],
        graph_terms: Sequence[tuple[Tensor, Tensor]],
    ):
        self.regions, self.grid = regions, grid
        self.nodes, self.assignments, self.top_down, self.masks = nodes, assignments, top_down, masks
        self.readout, self.scene = readout, scene
        self.residual_terms, self.graph_terms = residual_terms, graph_terms

    @cached_property
    def residual_share(self) -> Tensor:
        """Share of Fhat^l in the sum of the variances of F^l and Fhat^l over the image's cells, (B, L) in [0, 1].

        Where this or `graph_share` is near zero, logits of pixels can hardly depend on the grouping. The scene's can,
        because they also read R.
        """
        cells = [[maps.flatten(2).mT for maps in pair] for pair in self.residual_terms]  # (B, h_l w_l, C_l)
        shares = [share_of_spread(*pair, self.grid.inside(level)) for level, pair in enumerate(cells)]
        return torch.stack(shares, 1)

    @cached_property
    def graph_share(self) -> Tensor:
        """Share of the graph's messages (Ptilde^1 ... Ptilde^{l-1}) V^l in what Re-projection reads, (B, L) in [0, 1].

        It is their variance over superpixels divided by the sum of this variance and that of U^l.
        """
        return torch.stack([share_of_spread(*pair, self.grid.mask) for pair in self.graph_terms], 1)

    def adjacency(self, level: int) -> Tensor:
        """E^l of Eq. 4, (B, N_l, N_l): E^{l+1} = (P^l)^T E^l P^l, starting from E^1, the binary region adjacency."""
        edges = self.grid.adjacency
        for affinity in self.assignments[: self._index(level)]:
            edges = affinity.mT @ edges @ affinity
        return edges

    def membership(self, level: int) -> Tensor:
        """P^1 ... P^{l-1}, (B, N, N_l): weight of every superpixel in every node of the level; columns sum to one."""
        identity = torch.diag_embed(self.masks[0].to(self.nodes[0].dtype))  # on real nodes
        return reduce(torch.matmul, self.assignments[: self._index(level)], identity)

    def groups(self, level: int) -> Tensor:
        """Group of every superpixel at a level (1 ... L), (B, N): the node of largest weight, see `owners`."""
        return owners(self.membership(level).masked_fill(~self.masks[level - 1][:, None], -1))

    def label_map(self, level: int) -> Tensor:
        """Group of every pixel at a level (1 ... L), (B, H, W) integers, -1 in padding."""
        return to_pixels(self.groups(level), self.regions, padding=-1)

    def counts(self, level: int) -> Tensor:
        """Number of groups that own a superpixel, (B,)."""
        owning = zip(self.groups(level), self.masks[0], strict=True)
        return torch.tensor([len(groups[real].unique()) for groups, real in owning])

    def __repr__(self) -> str:
        """Count the groups of every level, and name the levels that collapsed to one although halving leaves more."""
        counts = {level: self.counts(level) for level in range(1, len(self.nodes) + 1)}
        text = ", ".join("-".join(map(str, sorted({int(n.min()), int(n.max())}))) for n in counts.values())
        alone = {n: (count == 1) & (counts[1] > 2 ** (n - 1)) for n, count in counts.items()}
        collapsed = ", ".join(str(n) for n, images in alone.items() if images.any())
        warning = f"; level {collapsed} collapsed to one group: choose a smaller bandwidth" if collapsed else ""
        return f"Grouping of {len(self.regions)} image(s) into {text} groups{warning}"

    def message(self, level: int) -> Tensor:
        """The graph's message to every superpixel: (Ptilde^1 ... Ptilde^{l-1}) V^l of a level (1 ... L), (B, N, D)."""
        return self._way_down(level) @ self.nodes[level - 1]

    def attention(self, level: int) -> Tensor:
        """Attention among superpixels via a level (1 ... L), (B, N, N): rows of Ptilde^1 ... (P^1 ...)^T sum to one."""
        return self._way_down(level) @ self.membership(level).mT

    def entropy(self, level: int) -> Tensor:
        """Entropy of a superpixel's row of Ptilde^1 ... Ptilde^{l-1} over log N_l, mean over superpixels, (B,).

        Near 1, a superpixel receives the mean of all nodes of the level (1 ... L); near 0, a single node.
        """
        rows = torch.special.entr(self._way_down(level)).sum(2)  # (B, N)
        return masked_mean(rows[..., None], self.masks[0])[:, 0] / self.masks[level - 1].sum(1).clamp(min=2).log()

    @torch.no_grad()
    def rank(self, level: int) -> Tensor:
        """Effective rank of V^l (Roy and Vetterli 2007), (B,): 1 where all nodes are alike, at most min(N_l, D)."""
        nodes = self.nodes[self._index(level)] * self.masks[level - 1][..., None]
        values = torch.linalg.svdvals(nodes.float())  # (B, min(N_l, D))
        shares = values / values.sum(1, keepdim=True).clamp(min=torch.finfo(values.dtype).tiny)
        return torch.special.entr(shares).sum(1).exp()

    @torch.no_grad()
    def heard(self) -> dict[str, list[float]]:
        """How much the graph contributes (is heard), by level: both shares and the effective rank, batch means."""
        ranks = torch.stack([self.rank(level) for level in range(1, len(self.nodes) + 1)], 1)  # (B, L)
        means = {"residual share": self.residual_share, "graph share": self.graph_share, "rank": ranks}
        return {name: [round(value, 5) for value in each.float().mean(0).tolist()] for name, each in means.items()}

    def to_pyg(self, image: int) -> "HeteroData":
        """Convert an image to PyG: nodes "level1" ... "levelL", edges "adjacent" within, "grouped" between levels.

        Nodes carry ``x`` (N_l, D), "adjacent" edges ``edge_weight`` of E^l, "grouped" edges ``p`` of Eq. 1 and
        ``p_down``, Ptilde. Level 1 keeps the superpixels' numbers if they are contiguous.
        """
        # Imported here: torch-geometric takes longer to import than torch, and only this method needs it.
        from torch_geometric.data import HeteroData
        from torch_geometric.utils import dense_to_sparse

        data = HeteroData()
        masks = [mask[image] for mask in self.masks]
        for level, (nodes, mask) in enumerate(zip(self.nodes, masks, strict=True), 1):
            data[f"level{level}"].x = nodes[image][mask]
            edge = data[f"level{level}", "adjacent", f"level{level}"]
            edge.edge_index, edge.edge_weight = dense_to_sparse(self.adjacency(level)[image][mask][:, mask])
        for level, (up, down) in enumerate(zip(self.assignments, self.top_down, strict=True), 1):
            edge = data[f"level{level}", "grouped", f"level{level + 1}"]
            up, down = (p[image][masks[level - 1]][:, masks[level]] for p in (up, down))
            edge.edge_index = torch.ones_like(up).nonzero().T  # all pairs
            edge.p, edge.p_down = up.flatten(), down.flatten()
        return data

    def _way_down(self, level: int) -> Tensor:
        """Ptilde^1 ... Ptilde^{l-1} of a level (1 ... L), (B, N, N_l)."""
        return reduce(torch.matmul, self.top_down[: self._index(level)], self.membership(1))

    def _index(self, level: int) -> int:
        check_level(level, len(self.nodes))
        return level - 1


def check_level(level: int, levels: int) -> None:
    """Raise a ValueError if a level is not a whole number in 1 ... ``levels``."""
    if not isinstance(level, Integral) or not 1 <= level <= levels:
        raise ValueError(f"level must be 1 (superpixels) to {levels}, not {level!r}.")


def owners(weights: Tensor) -> Tensor:
    """Node j in which each superpixel has the largest weight, (..., N, N_l) -> (..., N).

    Since new nodes do not compete, several may converge to one mode: weights within 0.1% of each other are ties, and
    the first node wins.
    """
    return (weights >= 0.999 * weights.amax(-1, keepdim=True)).int().argmax(-1)


def to_pixels(values: Tensor, regions: Tensor, padding: int = 0) -> Tensor:
    """Copy the values of superpixels to their pixels, with ``padding`` elsewhere: (B, N), (B, H, W) -> (B, H, W)."""
    image = torch.arange(len(regions), device=regions.device)[:, None, None]
    return torch.where(regions >= 0, values[image, regions.long().clamp(min=0)], padding)


def masked_mean(nodes: Tensor, mask: Tensor) -> Tensor:
    """Mean over the real nodes, (B, N, D), (B, N) -> (B, D)."""
    return (nodes * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def unit_vectors(nodes: Tensor, mask: Tensor, centred: bool) -> Tensor:
    """Scale nodes to unit length, if ``centred`` minus their mean over the image, (B, N, D), (B, N) -> (B, N, D)."""
    # Smaller deviations from the mean are rounding errors, which are kept small.
    least = 1e-3 * nodes.detach().norm(dim=-1, keepdim=True) + torch.finfo(nodes.dtype).tiny
    if centred:
        nodes = nodes - masked_mean(nodes, mask)[:, None]
    length = nodes.norm(dim=-1, keepdim=True).maximum(least)
    # Zero vectors stay zero; divided by the smallest number, they would have infinite gradients.
    return nodes / length.masked_fill(length <= torch.finfo(nodes.dtype).tiny, 1)


@torch.no_grad()
def share_of_spread(part: Tensor, rest: Tensor, mask: Tensor) -> Tensor:
    """Share of one term in the sum of two terms' variances over real nodes, (B, N, D) twice, (B, N) -> (B,)."""
    first, second = (
        masked_mean((x - masked_mean(x, mask)[:, None]).square(), mask).sum(1) for x in (part.float(), rest.float())
    )
    return first / (first + second).clamp(min=torch.finfo(torch.float32).tiny)
