"""Grouping: the levels that a Deep Grouping Model found in a batch of images, and views of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass
class Grouping:
    """Everything a forward pass of `DeepGrouping` found out, for figures, click propagation and Grad-CAM.

    Attributes:
        labels: (B, H, W) the superpixels, -1 in padding.
        nodes: V^1 ... V^L after message passing, each (B, N_l, D).
        assignments: P^1 ... P^{L-1}, each (B, N_l, N_{l+1}); columns sum to one.
        top_down: Ptilde^1 ... Ptilde^{L-1}, each (B, N_l, N_{l+1}); rows sum to one.
        masks: (B, N_l) bool, True for real nodes.
        rag: E^1, (B, N, N) binary region adjacency.
        readout: R, (B, D).
        scene: (B, C_L) R after its residual layer: what the scene head adds to the pooled F^L.
    """

    labels: Tensor
    nodes: list[Tensor]
    assignments: list[Tensor]
    top_down: list[Tensor]
    masks: list[Tensor]
    rag: Tensor
    readout: Tensor
    scene: Tensor

    def adjacency(self, level: int) -> Tensor:
        """E^l of Eq. 4, (B, N_l, N_l): E^{l+1} = (P^l)^T E^l P^l, formed only when somebody asks for it."""
        edges = self.rag
        for affinity in self.assignments[: self._index(level)]:
            edges = affinity.mT @ edges @ affinity
        return edges

    def membership(self, level: int) -> Tensor:
        """P^1 ... P^{l-1}, (B, N, N_l): weight of every superpixel in every node of the level; columns sum to one."""
        product = torch.diag_embed(self.masks[0].to(self.nodes[0].dtype))  # the identity on real nodes
        for affinity in self.assignments[: self._index(level)]:
            product = product @ affinity
        return product

    def label_map(self, level: int) -> Tensor:
        """Group of every pixel at a level (1 ... L), (B, H, W) integers, -1 in padding.

        A superpixel belongs to the node j in which it weighs most: argmax over j of its row of `membership`. Since new
        nodes do not compete, several may climb to one mode; weights equal to 0.1% count as one, and the first wins.
        """
        membership = self.membership(level).masked_fill(~self.masks[level - 1][:, None], -1)
        heaviest = membership >= 0.999 * membership.amax(2, keepdim=True)
        group = heaviest.int().argmax(2)  # (B, N)
        image = torch.arange(len(group), device=group.device)[:, None, None]
        return torch.where(self.labels >= 0, group[image, self.labels.long().clamp(min=0)], -1)

    def to_pyg(self, image: int) -> "HeteroData":
        """One image as a PyG graph: nodes "level1" ... "levelL", edges "adjacent" within, "grouped" between levels.

        Nodes carry ``x`` (N_l, D), "adjacent" edges ``edge_weight`` of E^l, "grouped" edges ``p`` and ``p_down`` of
        Eq. 2 and 8. Level 1 keeps the superpixels' numbers as long as these are contiguous.
        """
        # Imported here: torch-geometric takes longer to import than torch, and only this method needs it.
        from torch_geometric.data import HeteroData
        from torch_geometric.utils import dense_to_sparse

        data = HeteroData()
        masks = [mask[image] for mask in self.masks]
        for level, (nodes, mask) in enumerate(zip(self.nodes, masks, strict=True), 1):
            data[f"level{level}"].x = nodes[image][mask]
            edges = self.adjacency(level)[image][mask][:, mask]
            edge_index, weight = dense_to_sparse(edges)
            data[f"level{level}", "adjacent", f"level{level}"].edge_index = edge_index
            data[f"level{level}", "adjacent", f"level{level}"].edge_weight = weight
        for level, (up, down) in enumerate(zip(self.assignments, self.top_down, strict=True), 1):
            lower, upper = masks[level - 1], masks[level]
            edge = data[f"level{level}", "grouped", f"level{level + 1}"]
            ends = (torch.arange(int(mask.sum()), device=mask.device) for mask in (lower, upper))
            edge.edge_index = torch.cartesian_prod(*ends).T
            edge.p, edge.p_down = (p[image][lower][:, upper].flatten() for p in (up, down))
        return data

    def _index(self, level: int) -> int:
        if not 1 <= level <= len(self.nodes):
            raise ValueError(f"level must be 1 (superpixels) to {len(self.nodes)}, not {level}.")
        return level - 1
