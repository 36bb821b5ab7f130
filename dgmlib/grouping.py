"""The Deep Grouping Model (Li et al., CVPR 2020): Figure 2 of the paper, one class per box.

=============  =========  ==================================================================================
GConv          Eq. 6      graph convolution: linear layer of a weighted sum, L2 norm, ReLU (Sec. 5.2)
EMGP           Eq. 1-4    Expectation-Maximization Graph Pooling: group nodes into half as many
Projection     Eq. 5-6    add the CNN's features of the next level to the new nodes
READOUT        Eq. 7      one vector for the scene
TDMP           Eq. 8-10   Top-down Message Passing, from the scene to the superpixels
Reprojection   Eq. 11     node features back to the superpixels, as a residual of the feature maps
DeepGrouping   Fig. 2     all of it
=============  =========  ==================================================================================

Shapes: ``B`` images, ``L`` levels, ``C_l`` channels of feature map ``F^l`` (``h_l x w_l`` cells), ``N`` superpixels,
``N_l`` nodes of level l (``N_1 = N``, ``N_{l+1} = ceil(N_l / 2)``), ``D`` node width, ``K`` EM iterations. Images
differ in the number of their nodes: every node tensor is padded to the largest and carries a mask, True for real nodes.

What the paper leaves open and this file decides: the parameter split (see `DeepGrouping`), sigma, where E^1 is used,
the index in Eq. 11 (see `Reprojection`), and how starting vertices are drawn at test time (see `EMGP`).
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgmlib.groups import Grouping
from dgmlib.regions import RegionGrid


class GConv(nn.Module):
    """Graph convolution of Eq. 6: linear layer, L2 normalisation, ReLU (the order of Sec. 5.2).

    It is applied to the weighted sum of a node and its neighbours, which Eq. 5, 9 and 11 write out and so do the
    callers. The text under Eq. 6 calls the nonlinearity a sigmoid, Sec. 5.2 a ReLU; we follow Sec. 5.2.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.linear = nn.Linear(dim, dim)

    def forward(self, weighted_sum: Tensor) -> Tensor:
        """(..., D) -> (..., D), every vector of length at most one."""
        return F.normalize(self.linear(weighted_sum), dim=-1).relu()


class Residual(nn.Module):
    """A bias-free linear layer and BatchNorm: gives unit-length node features the scale of a feature map.

    Not in the paper's text, but its parameter counts call for five such layers, and without them an L2-normalised
    vector is invisible next to F^l. Only real nodes enter the statistics; padded ones become zero.

    BatchNorm's weight starts at zero, so a network with a new Deep Grouping Model is the network without it, as with
    the zero-initialised outputs of the attention modules of OCNet and CCNet.
    """

    def __init__(self, dim: int, channels: int):
        super().__init__()
        self.linear = nn.Linear(dim, channels, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, nodes: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, N, C)."""
        real = self.linear(nodes[mask])  # (nodes of the batch, C)
        if len(real) == 1 and type(self.norm) is nn.BatchNorm1d:
            # A single vector has no variance: the running statistics stand in for it.
            norm = self.norm
            real = F.batch_norm(real, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        else:
            real = self.norm(real)
        return real.new_zeros(*mask.shape, real.shape[1]).masked_scatter(mask[..., None], real)


class EMGP(nn.Module):
    """Expectation-Maximization Graph Pooling, Eq. 1-4: mean shift from half of the nodes.

    Starting from ``ceil(n / 2)`` of an image's n nodes, K times: p_ij = softmax over i of -|v_i - vbar_j|^2 / sigma^2
    (Eq. 2) and vbar_j = sum_i p_ij v_i (Eq. 3). The softmax runs over the *lower* nodes i: each new node is a
    kernel-weighted mean of old ones, and new nodes do not compete for them.

    Only Gram products are iterated: with G = V V^T and Vbar = P^T V, the softmax needs G P and the diagonal of G alone,
    so Vbar is formed once, at the end. The numbers are those of the plain iteration at 0.6 of its operations (K = 10).

    Args:
        iterations: K.
        sigma2: sigma squared of Eq. 2; not given in the paper.
        em_gradient: "last" back-propagates through the last iteration only (P of the one before is a constant in it),
            "all" through every one.

    The starting vertices are drawn uniformly while training. In evaluation they are every second node in the given
    order, so that the result is deterministic.
    """

    def __init__(self, iterations: int, sigma2: float, em_gradient: Literal["last", "all"]):
        super().__init__()
        if iterations < 1:
            raise ValueError(f"iterations must be at least 1, not {iterations}.")
        if em_gradient not in ("last", "all"):
            raise ValueError(f'em_gradient must be "last" or "all", not {em_gradient!r}.')
        self.iterations, self.sigma2, self.em_gradient = iterations, sigma2, em_gradient

    def forward(self, nodes: Tensor, mask: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Group the nodes of one level.

        Args:
            nodes: V^l, (B, N_l, D).
            mask: (B, N_l) bool.
            order: (B, N_l) sort key that spreads the starting vertices in evaluation.

        Returns:
            Vbar^{l+1} (B, N_{l+1}, D); P^l (B, N_l, N_{l+1}), whose columns sum to one; mask (B, N_{l+1}).
        """
        start, new_mask = self._starting_vertices(mask, order)
        gram, affinity = nodes @ nodes.mT, None  # G, (B, N_l, N_l)
        for k in range(self.iterations):
            learning = self.em_gradient == "all" or k == self.iterations - 1
            with torch.set_grad_enabled(torch.is_grad_enabled() and learning):
                affinity = self._iterate(gram, affinity, start, mask)
        affinity = affinity * new_mask[:, None]
        return affinity.mT @ nodes, affinity, new_mask

    def _iterate(self, gram: Tensor, affinity: Tensor | None, start: Tensor, mask: Tensor) -> Tensor:
        """Eq. 3, then Eq. 2: P of the last iteration (None at first) -> P, through |v_i - vbar_j|^2."""
        # At first Vbar are the starting vertices: P is one-hot, and G P a choice of G's columns.
        columns = start[:, None].expand(-1, gram.shape[1], -1)
        gram_p = gram.gather(2, columns) if affinity is None else gram @ affinity  # G P, (B, N_l, N_{l+1})
        similarity = 2 * gram_p - gram.diagonal(dim1=1, dim2=2)[:, :, None]  # |vbar_j|^2 cancels in a softmax over i
        return (similarity / self.sigma2).masked_fill(~mask[:, :, None], -torch.inf).softmax(1)

    def _starting_vertices(self, mask: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """Indices (B, N_{l+1}) of the starting vertices among the *real* nodes, and which of them are real."""
        key = torch.rand(mask.shape, device=mask.device) if self.training else order.double()
        ranking = key.masked_fill(~mask, torch.inf).argsort(1)[:, ::2]  # every second: ceil(n / 2) of n real nodes
        return ranking, mask.gather(1, ranking)


class Projection(nn.Module):
    """Projection, Eq. 5-6: V^{l+1} = GConv(Vbar^{l+1} + (P^1 ... P^l)^T U^{l+1})."""

    def __init__(self, dim: int):
        super().__init__()
        self.gconv = GConv(dim)

    def forward(self, grouped: Tensor, membership: Tensor, pooled: Tensor) -> Tensor:
        """Vbar^{l+1} (B, N_{l+1}, D), P^1 ... P^l (B, N, N_{l+1}), U^{l+1} (B, N, D) -> V^{l+1} (B, N_{l+1}, D)."""
        return self.gconv(grouped + membership.mT @ pooled)


class TDMP(nn.Module):
    """Top-down Message Passing, Eq. 8-10: V^l := GConv(V^l + Ptilde^l V^{l+1}) for l = L ... 1, with V^{L+1} = R.

    Ptilde^l is the softmax over the *upper* nodes j of -|v_i - v_j|^2 / sigma^2 (Eq. 8): every lower node distributes
    itself over its parents. It is computed with the upper nodes as they stand when the message is sent.

    Args:
        dim: D.
        levels: L; 0 for the paper's "w/o top-down": Ptilde is computed (Eq. 11 needs it), no message is passed.
        sigma2: sigma squared of Eq. 8, the same as in Eq. 2.
    """

    def __init__(self, dim: int, levels: int, sigma2: float):
        super().__init__()
        self.gconvs = nn.ModuleList(GConv(dim) for _ in range(levels))
        self.sigma2 = sigma2

    def forward(self, nodes: list[Tensor], readout: Tensor, masks: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """V^1 ... V^L (each (B, N_l, D)), R (B, D) and masks -> new V^1 ... V^L, Ptilde^1 ... Ptilde^{L-1}."""
        nodes, affinities = list(nodes), []
        if self.gconvs:
            nodes[-1] = self.gconvs[-1](nodes[-1] + readout[:, None])  # Ptilde^L is a column of ones
        for level in reversed(range(len(nodes) - 1)):
            affinity = self._affinity(nodes[level], nodes[level + 1], masks[level], masks[level + 1])
            if self.gconvs:
                nodes[level] = self.gconvs[level](nodes[level] + affinity @ nodes[level + 1])
            affinities.insert(0, affinity)
        return nodes, affinities

    def _affinity(self, lower: Tensor, upper: Tensor, lower_mask: Tensor, upper_mask: Tensor) -> Tensor:
        """Eq. 8, (B, N_l, N_{l+1}); |v_i|^2 cancels in a softmax over j."""
        similarity = 2 * lower @ upper.mT - upper.square().sum(-1)[:, None]
        affinity = (similarity / self.sigma2).masked_fill(~upper_mask[:, None], -torch.inf).softmax(2)
        return affinity * lower_mask[:, :, None]


class Reprojection(nn.Module):
    """Re-projection, Eq. 11: Uhat^l = GConv(U^l + (Ptilde^1 ... Ptilde^{l-1}) V^l), then the residual layer.

    The paper prints the product up to k = l; only l - 1 fits the shapes (|V^1| x |V^l|), so we read it as a slip.
    """

    def __init__(self, dim: int, channels: int):
        super().__init__()
        self.gconv, self.residual = GConv(dim), Residual(dim, channels)

    def forward(self, pooled: Tensor, nodes: Tensor, mask: Tensor) -> Tensor:
        """U^l (B, N, D) and (Ptilde^1 ... Ptilde^{l-1}) V^l (B, N, D) -> residual of every superpixel (B, N, C_l)."""
        return self.residual(self.gconv(pooled + nodes), mask)


class DeepGrouping(nn.Module):
    """The Deep Grouping Model as an add-on for any list of feature maps (Fig. 2).

    With ``in_channels=(512,) * 4`` it has 4,467,712 parameters, and 3,417,088 without top-down: the 4.468M and
    3.417M of Table 3. The split is inferred: those two numbers leave exactly one total, 13 layers of 512 x 512. We read
    them as 8 GConv (one on level 1, three Projections, four Re-projections) and 5 residual layers with BatchNorm (four
    after the Re-projections, one on the readout); top-down adds 4 GConv. Where a map is not D wide, a linear layer
    brings its pooled features to D.

    Args:
        in_channels: C_l of every feature map, finest first; its length is L.
        dim: D.
        top_down: False gives the paper's "w/o top-down".
        iterations: K of EMGP.
        sigma2: sigma squared of Eq. 2 and 8 (not given in the paper).
        em_gradient: how far EMGP back-propagates, "last" iteration or "all".
        neighbours: whether V^1 averages a superpixel with its neighbours in E^1. The text never says where E^1 is used.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (512, 512, 512, 512),
        dim: int = 512,
        top_down: bool = True,
        iterations: int = 10,
        sigma2: float = 0.5,
        em_gradient: Literal["last", "all"] = "last",
        neighbours: bool = True,
    ):
        super().__init__()
        self.in_channels, self.neighbours = tuple(in_channels), neighbours
        levels = len(in_channels)
        self.embeddings = nn.ModuleList(nn.Identity() if c == dim else nn.Linear(c, dim) for c in in_channels)
        self.first = GConv(dim)
        self.emgp = EMGP(iterations, sigma2, em_gradient)
        self.projections = nn.ModuleList(Projection(dim) for _ in in_channels[1:])
        self.readout_residual = Residual(dim, in_channels[-1])
        self.tdmp = TDMP(dim, levels if top_down else 0, sigma2)
        self.reprojections = nn.ModuleList(Reprojection(dim, c) for c in in_channels)

    def forward(self, feature_maps: Sequence[Tensor], labels: Tensor) -> tuple[list[Tensor], Grouping]:
        """Group the superpixels of a batch.

        Args:
            feature_maps: F^1 ... F^L, each (B, C_l, h_l, w_l), finest first, all covering the whole label map.
            labels: (B, H, W) integers, the superpixel of every pixel, -1 in padding.

        Returns:
            The residuals Fhat^1 ... Fhat^L, shaped like the feature maps, and the `Grouping`.

        Raises:
            ValueError: if the list's length, a width or the batch size does not fit, or labels are unusable.
        """
        self._check(feature_maps)
        # Softmaxes of distances, chained over levels, want float32 also where the convolutions run in bfloat16.
        with torch.autocast(labels.device.type, enabled=False):
            dtype = torch.promote_types(feature_maps[0].dtype, torch.float32)
            grid = RegionGrid(labels, [f.shape[-2:] for f in feature_maps], dtype)
            U = [embed(grid.pool(f, i)) for i, (embed, f) in enumerate(zip(self.embeddings, feature_maps, strict=True))]
            V, P, masks = self._bottom_up(U, grid)  # Eq. 1-6
            R = readout(V[-1], masks[-1])  # Eq. 7
            V, P_down = self.tdmp(V, R, masks)  # Eq. 8-10
            to_superpixels = [V[0], *(p @ v for p, v in zip(accumulate(P_down, torch.bmm), V[1:], strict=True))]
            residuals = [
                grid.unpool(reproject(u, v, grid.mask), i).to(f.dtype)  # Eq. 11
                for i, (reproject, u, v, f) in enumerate(
                    zip(self.reprojections, U, to_superpixels, feature_maps, strict=True)
                )
            ]
            scene = self.readout_residual(R[:, None], torch.ones_like(grid.mask[:, :1]))[:, 0]  # (B, C_L)
        return residuals, Grouping(labels, V, P, P_down, masks, grid.adjacency, R, scene)

    def _bottom_up(self, U: list[Tensor], grid: RegionGrid) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """V^1 ... V^L, P^1 ... P^{L-1} and masks from the pooled features U^1 ... U^L: EMGP and Projection in turn."""
        V, P, masks = [self.first(self._average_neighbours(U[0], grid))], [], [grid.mask]
        order, membership = grid.order, None  # membership: P^1 ... P^l, (B, N, N_{l+1})
        for projection, pooled in zip(self.projections, U[1:], strict=True):
            grouped, affinity, mask = self.emgp(V[-1], masks[-1], order)
            membership = affinity if membership is None else membership @ affinity
            V.append(projection(grouped, membership, pooled))
            P.append(affinity)
            masks.append(mask)
            order = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)  # new nodes keep their seeds' order
        return V, P, masks

    def _average_neighbours(self, nodes: Tensor, grid: RegionGrid) -> Tensor:
        """Mean of every superpixel and its neighbours in E^1, (B, N, D) -> (B, N, D)."""
        if not self.neighbours:
            return nodes
        return (nodes + grid.adjacency @ nodes) / (1 + grid.adjacency.sum(2, keepdim=True))

    def _check(self, feature_maps: Sequence[Tensor]) -> None:
        widths = tuple(f.shape[1] for f in feature_maps)
        if widths != self.in_channels:
            raise ValueError(
                f"feature_maps must have {len(self.in_channels)} maps of {self.in_channels} channels, finest first, "
                f"not {len(widths)} of {widths}; in_channels of DeepGrouping says what it expects."
            )


def readout(nodes: Tensor, mask: Tensor) -> Tensor:
    """READOUT of Eq. 7: mean over the real nodes, (B, N_L, D), (B, N_L) -> (B, D)."""
    return (nodes * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
