"""The Deep Grouping Model (Li et al., CVPR 2020): Figure 2 of the paper, one class per box.

=============  =========  ==================================================================================
GConv          Eq. 6      graph convolution: linear layer of a weighted sum, L2 norm, ReLU (Sec. 5.2)
EMGP           Eq. 1-3    Expectation-Maximization Graph Pooling: halve the nodes (Eq. 4: `Grouping.adjacency`)
Projection     Eq. 5      add the CNN's features of the next level to the new nodes
readout        Eq. 7      one vector for the scene
TDMP           Eq. 8-10   Top-down Message Passing, from the scene to the superpixels
Reprojection   Eq. 11     node features back to the superpixels, as a residual of the feature maps
DeepGrouping   Fig. 2     all of it
=============  =========  ==================================================================================

Shapes: ``B`` images, ``L`` levels, ``C_l`` channels of feature map ``F^l`` (``h_l x w_l`` cells), ``N`` superpixels,
``N_l`` nodes of level l (``N_1 = N``, ``N_{l+1} = ceil(N_l / 2)``), ``D`` node width, ``K`` EM iterations. Images
differ in their number of nodes: every node tensor is padded to the largest and has a mask, True for real nodes.
`Reading` and the classes' docstrings state how ambiguous sentences are read and where dgmlib deviates from the paper.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import accumulate
from math import ceil
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgmlib.groups import Grouping, masked_mean, unit_vectors
from dgmlib.precision import AtLeastFloat32
from dgmlib.reading import Reading
from dgmlib.regions import RegionGrid, check_regions


class GConv(nn.Module):
    """Graph convolution of Eq. 6: linear layer, L2 normalisation, ReLU (the order of Sec. 5.2).

    The input is the sum of a node (its self-loop has weight 1) and its weighted neighbours, as in Eq. 5, 10 and 11; for
    the "weighted average" of the text, only the effect of the bias would differ. The text under Eq. 6 calls the
    nonlinearity a sigmoid, Sec. 5.2 a ReLU; we use ReLU. Table 3's counts imply the bias, which starts at zero.
    """

    def __init__(self, dim: int, out: int | None = None):
        super().__init__()
        self.linear = nn.Linear(dim, out or dim)
        nn.init.zeros_(self.linear.bias)

    def forward(self, weighted_sum: Tensor) -> Tensor:
        """(..., D) -> (..., out), every vector of length at most one."""
        return F.normalize(self.linear(weighted_sum), dim=-1).relu()


class Residual(nn.Module):
    """A linear layer without bias (none if ``dim`` is None) and BatchNorm: scales unit vectors to a feature map.

    Not in the paper's text; our split of its parameter counts has five of them, and without them an L2-normalised
    vector is negligible next to F^l. Only real nodes enter the statistics; padded ones become zero.
    """

    def __init__(self, dim: int | None, channels: int, start: float):
        super().__init__()
        self.linear = nn.Identity() if dim is None else nn.Linear(dim, channels, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        nn.init.constant_(self.norm.weight, start)

    def forward(self, nodes: Tensor, mask: Tensor) -> Tensor:
        """(B, N, D), (B, N) -> (B, N, C)."""
        norm, real, index = self.norm, nodes.flatten(0, 1), mask.flatten().nonzero().squeeze(1)
        padded = len(index) < len(real)
        real = self.linear(real.index_select(0, index) if padded else real)  # (nodes of the batch, C)
        if len(real) == 1 and type(norm) is nn.BatchNorm1d:  # no variance: use running statistics
            real = F.batch_norm(real, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        else:
            real = norm(real)
        spread = real.new_zeros(mask.numel(), real.shape[1]).index_copy(0, index, real) if padded else real
        return spread.unflatten(0, mask.shape)


class EMGP(nn.Module):
    """Expectation-Maximization Graph Pooling, Eq. 1-3: mean shift from half of the nodes.

    Starting from ``ceil(n / 2)`` of an image's n nodes, K times: p_ij = softmax over i of -|v_i - vbar_j|^2 / sigma^2
    (Eq. 1, 3) and vbar_j = sum_i p_ij v_i (Eq. 2). The softmax runs over the *lower* nodes i: each new node is a
    kernel-weighted mean of old ones, and new nodes do not compete for them. The same kernel, normalised over the
    *upper* nodes j, distributes a lower node over its parents.

    With G = V V^T and Vbar = P^T V, the kernel needs only G P and the diagonals of G and P^T G P, so Vbar is formed
    once, at the end. For many nodes, G P is computed as V (V^T P).

    Args:
        iterations, testing_iterations: K in training and in evaluation.
        reading: gives sigma^2.
        em_gradient: "last" back-propagates through the last iteration only (the previous P is a constant in it), "all"
            through every iteration.

    In training, the starting vertices are drawn uniformly by ``draw(shape, device=...)``, usually `torch.rand`. In
    evaluation they are every second node in the given order, which makes the result deterministic.
    """

    def __init__(self, iterations: int, testing_iterations: int, reading: Reading, em_gradient: Literal["last", "all"]):
        super().__init__()
        if min(iterations, testing_iterations) < 1:
            raise ValueError(f"iterations must be at least 1, not {iterations} and {testing_iterations}.")
        if em_gradient not in ("last", "all"):
            raise ValueError(f'em_gradient must be "last" or "all", not {em_gradient!r}.')
        self.iterations, self.testing_iterations = iterations, testing_iterations
        self.reading, self.em_gradient, self.ratio = reading, em_gradient, 0.5  # ratio: N_{l+1} / N_l (Sec. 5.2)
        self.draw: Callable[..., Tensor] = torch.rand

    def forward(self, nodes: Tensor, mask: Tensor, order: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Group the nodes of one level.

        Args:
            nodes: V^l, (B, N_l, D).
            mask: (B, N_l) bool.
            order: (B, N_l) sort key that spreads the starting vertices in evaluation.

        Returns:
            Vbar^{l+1} (B, N_{l+1}, D); P^l (B, N_l, N_{l+1}), whose columns sum to one; the same kernel with rows that
            sum to one (B, N_l, N_{l+1}); mask (B, N_{l+1}).
        """
        start, new_mask = self._starting_vertices(mask, order)
        centred = nodes - masked_mean(nodes, mask)[:, None]  # keeps distances, reduces rounding errors
        sigma2 = self.reading.sigma_squared(nodes, mask, nodes, mask)
        # 2 G / sigma^2, (B, N_l, N_l), or, for many nodes, its two factors, which are then cheaper.
        factors = [centred, centred.mT] if nodes.shape[1] > 2 * nodes.shape[2] else [centred @ centred.mT]
        factors[-1] = factors[-1] * (2 / sigma2)
        alone = (-centred.square().sum(2, keepdim=True) / sigma2).masked_fill(~mask[..., None], -torch.inf)
        affinity, iterations = None, self.iterations if self.training else self.testing_iterations
        for k in range(iterations):
            learning, before = self.em_gradient == "all" or k == iterations - 1, affinity
            with torch.set_grad_enabled(torch.is_grad_enabled() and learning):
                # At first, Vbar is the starting vertices: P is one-hot, so a product with it selects columns.
                right, chosen = factors[-1], start[:, None]
                product = right.gather(2, chosen.expand(-1, right.shape[1], -1)) if before is None else right @ before
                product = product if len(factors) == 1 else centred @ product  # 2 v_i vbar_j / sigma^2
                affinity = (product + alone).softmax(1)  # P, Eq. 1, where |vbar_j|^2 cancels
        if self.reading.merge:
            new_mask = new_mask & ~self._repeated(factors, affinity, new_mask, 2 * self.reading.merge)
        affinity = affinity * new_mask[:, None]
        centres = product.gather(1, chosen) if before is None else (before * product).sum(1, keepdim=True)
        shares = product - (centres / 2).masked_fill(~new_mask[:, None], torch.inf)  # where |v_i|^2 cancels
        return affinity.mT @ nodes, affinity, shares.softmax(2) * mask[:, :, None], new_mask

    @staticmethod
    def _repeated(factors: list[Tensor], affinity: Tensor, mask: Tensor, least: float) -> Tensor:
        """Mark centres (B, N_{l+1}) within squared distance ``least`` of an earlier one, in units of sigma^2 / 2."""
        products = reduce(torch.matmul, (*factors, affinity), affinity.mT)  # (B, N_{l+1}, N_{l+1})
        squares = products.diagonal(dim1=1, dim2=2)
        distances = (squares[:, :, None] + squares[:, None] - 2 * products).masked_fill(~mask[:, None], torch.inf)
        return (distances < least).tril(-1).any(2)

    def _starting_vertices(self, mask: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """Indices (B, N_{l+1}) of the starting vertices among the *real* nodes, and which of them are real."""
        key = self.draw(mask.shape, device=mask.device) if self.training else order.double()
        kept = (torch.arange(ceil(self.ratio * mask.shape[1]), device=mask.device) / self.ratio).long()  # 0, 2, 4 ...
        ranking = key.masked_fill(~mask, torch.inf).argsort(1)[:, kept]  # ceil(n / 2) of n real nodes
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

    The rows of Ptilde^l sum to one: every lower node is distributed over its parents. Ptilde is EMGP's kernel or,
    with ``edges="updated"``, that of Eq. 8 with the upper nodes as they are when the message is sent.

    Args:
        dim: D.
        levels: L; 0 for the paper's "DGM w/o ↓": Ptilde is returned (Eq. 11 needs it), but no message is passed.
        reading: which Ptilde, and sigma^2.
    """

    def __init__(self, dim: int, levels: int, reading: Reading):
        super().__init__()
        self.gconvs = nn.ModuleList(GConv(dim) for _ in range(levels))
        self.reading = reading

    def forward(
        self, nodes: list[Tensor], readout: Tensor, masks: list[Tensor], shares: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Pass messages down.

        Args:
            nodes: V^1 ... V^L, each (B, N_l, D).
            readout: R, (B, D).
            masks: (B, N_l) bool.
            shares: EMGP's kernels normalised over the upper nodes, each (B, N_l, N_{l+1}).

        Returns:
            The new V^1 ... V^L, and Ptilde^1 ... Ptilde^{L-1}.
        """
        nodes, edges = list(nodes), list(shares)
        if self.gconvs:
            nodes[-1] = self.gconvs[-1](nodes[-1] + readout[:, None])  # Ptilde^L is a column of ones
        for level in reversed(range(len(nodes) - 1)):
            if self.reading.edges == "updated":
                edges[level] = self._affinity(nodes[level], nodes[level + 1], masks[level], masks[level + 1])
            if self.gconvs:
                nodes[level] = self.gconvs[level](nodes[level] + edges[level] @ nodes[level + 1])
        return nodes, edges

    def _affinity(self, lower: Tensor, upper: Tensor, lower_mask: Tensor, upper_mask: Tensor) -> Tensor:
        """Eq. 8, (B, N_l, N_{l+1}); |v_i|^2 cancels in a softmax over j."""
        similarity = 2 * lower @ upper.mT - upper.square().sum(-1)[:, None]
        similarity = similarity / self.reading.sigma_squared(lower, lower_mask, upper, upper_mask)
        return similarity.masked_fill(~upper_mask[:, None], -torch.inf).softmax(2) * lower_mask[:, :, None]


class Reprojection(nn.Module):
    """Re-projection, Eq. 11: Uhat^l = GConv(U^l + (Ptilde^1 ... Ptilde^{l-1}) V^l), then the residual layer.

    The paper prints the product up to k = l; only l - 1 fits the shapes (|V^1| x |V^l|), so we treat it as a misprint.
    """

    def __init__(self, dim: int, channels: int, reading: Reading):
        super().__init__()
        self.concat = reading.combine == "concat"
        self.gconv = GConv(2 * dim, channels) if self.concat else GConv(dim)
        self.residual = Residual(None if self.concat else dim, channels, reading.start)

    def forward(self, pooled: Tensor, nodes: Tensor, mask: Tensor) -> Tensor:
        """U^l (B, N, D) and (Ptilde^1 ... Ptilde^{l-1}) V^l (B, N, D) -> residual of every superpixel (B, N, C_l)."""
        read = torch.cat([pooled, nodes], -1) if self.concat else pooled + nodes
        return self.residual(self.gconv(read), mask)


class DeepGrouping(AtLeastFloat32):
    """The Deep Grouping Model as an add-on for any list of feature maps (Fig. 2).

    With ``in_channels=(512,) * 4`` it has 4,467,712 parameters, and 13 x 512^2 + 18 x 512 = 3,417,088 without top-down:
    4.468M and 3.417M in Table 3. The split is inferred: three Projections, and five layers with twice the input
    and BatchNorm: four Re-projections and one on the readout, half of whose input is zero where U^l is centred ("sum":
    8 GConv, 5 residual layers with BatchNorm). Top-down adds 4 GConv. Maps that are not D wide are embedded linearly.

    Args:
        in_channels: C_l of every feature map, finest first; its length is L.
        dim: D.
        top_down: False gives the paper's "DGM w/o ↓".
        iterations: K of EMGP in training, 5 in the paper (Sec. 5.2).
        testing_iterations: K in evaluation, 10 in the paper.
        reading: interpretation of the paper's ambiguous sentences.
        em_gradient: iterations through which EMGP back-propagates, "last" or "all".
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (512, 512, 512, 512),
        dim: int = 512,
        top_down: bool = True,
        iterations: int = 5,
        testing_iterations: int = 10,
        reading: Reading = Reading(),  # noqa: B008  (frozen)
        em_gradient: Literal["last", "all"] = "last",
    ):
        super().__init__()
        self.in_channels, self.reading = tuple(in_channels), reading
        self.embeddings = nn.ModuleList(nn.Identity() if c == dim else nn.Linear(c, dim) for c in in_channels)
        self.first = GConv(dim) if reading.first == "neighbours" else nn.Identity()
        self.emgp = EMGP(iterations, testing_iterations, reading, em_gradient)
        self.projections = nn.ModuleList(Projection(dim) for _ in in_channels[1:])
        self.reprojections = nn.ModuleList(Reprojection(dim, c, reading) for c in in_channels)
        self.scene = Reprojection(dim, in_channels[-1], reading)
        if reading.first == "neighbours" and reading.combine == "sum":
            self.scene.gconv = nn.Identity()  # the parameter count has no room for a ninth square layer
        # Initialised last: with and without top-down, all other weights of one seed are the same.
        self.tdmp = TDMP(dim, len(in_channels) if top_down else 0, reading)

    def forward(self, feature_maps: Sequence[Tensor], regions: Tensor) -> tuple[list[Tensor], Grouping]:
        """Group the superpixels of a batch.

        Args:
            feature_maps: F^1 ... F^L, each (B, C_l, h_l, w_l), finest first, all covering the whole label map.
            regions: (B, H, W) integers, the superpixel of every pixel, -1 in padding.

        Returns:
            The residuals Fhat^1 ... Fhat^L, with the feature maps' shapes and types, and the `Grouping`.

        Raises:
            ValueError: if the list's length, a width or the batch size does not fit, or regions are invalid.
        """
        self._check(feature_maps, regions)
        with torch.autocast(regions.device.type, enabled=False):
            grid = RegionGrid(regions, [f.shape[-2:] for f in feature_maps], self.scene.residual.norm.weight.dtype)
            U = [self._embed(grid.pool(f, level), level, grid.mask) for level, f in enumerate(feature_maps)]
            V, P, shares, masks = self._bottom_up(U, grid)  # Eq. 1-6
            R = readout(V[-1], masks[-1])  # Eq. 7
            V, P_down = self.tdmp(V, R, masks, shares)  # Eq. 8-10
            # (Ptilde^1 ... Ptilde^{l-1}) V^l: the graph's message to every superpixel, (B, N, D) each
            messages = [V[0], *(p @ v for p, v in zip(accumulate(P_down, torch.bmm), V[1:], strict=True))]
            if self.reading.messages == "centred":
                messages = [unit_vectors(m, grid.mask, centred=True) for m in messages]
            added = [layer(u, m, grid.mask) for layer, u, m in zip(self.reprojections, U, messages, strict=True)]
            pairs = enumerate(zip(added, feature_maps, strict=True))
            residuals = [grid.unpool(r, level).to(f.dtype) for level, (r, f) in pairs]
            scene = self._scene(feature_maps[-1].to(grid.dtype), R).to(feature_maps[-1].dtype)
        terms = list(zip(residuals, feature_maps, strict=True)), list(zip(messages, U, strict=True))
        return residuals, Grouping(grid.regions, V, P, P_down, masks, R, scene, grid, *terms)

    def _embed(self, pooled: Tensor, level: int, mask: Tensor) -> Tensor:
        """U^l as the graph reads it, (B, N, C_l) -> (B, N, D)."""
        nodes = self.embeddings[level](pooled)
        return nodes if self.reading.pooled == "raw" else unit_vectors(nodes, mask, self.reading.pooled == "centred")

    def _bottom_up(self, U: list[Tensor], grid: RegionGrid) -> tuple[list[Tensor], ...]:
        """Alternate EMGP and Projection: V^1 ... V^L, P^1 ... P^{L-1}, the same with rows summing to one, and masks."""
        first = U[0]
        if self.reading.first == "neighbours":  # the mean of every superpixel and its neighbours in E^1
            first = self.first((first + grid.adjacency @ first) / (1 + grid.adjacency.sum(2, keepdim=True)))
        V, P, shares, masks = [first], [], [], [grid.mask]
        order, membership = None if self.emgp.training else grid.order, None  # membership: P^1 ... P^l, (B, N, N_{l+1})
        for projection, pooled in zip(self.projections, U[1:], strict=True):
            grouped, affinity, share, mask = self.emgp(V[-1], masks[-1], order)
            membership = affinity if membership is None else membership @ affinity
            V.append(projection(grouped, membership, pooled))
            for found, new in ((P, affinity), (shares, share), (masks, mask)):
                found.append(new)
            order = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)  # new nodes keep the starts' order
        return V, P, shares, masks

    def _scene(self, top: Tensor, R: Tensor) -> Tensor:
        """F^L (B, C_L, h, w), pooled for "concat" (0 if centred: one node), and R (B, D) -> (B, C_L)."""
        one = torch.ones(len(R), 1, dtype=torch.bool, device=R.device)
        pooled = self._embed(top.mean((2, 3))[:, None], -1, one) if self.scene.concat else torch.zeros_like(R)[:, None]
        return self.scene(pooled, R[:, None], one)[:, 0]

    def _check(self, feature_maps: Sequence[Tensor], regions: Tensor) -> None:
        check_regions(regions)
        widths, images = tuple(f.shape[1] for f in feature_maps), [len(f) for f in feature_maps]
        if widths != self.in_channels or set(images) != {len(regions)}:
            raise ValueError(
                f"feature_maps must have {len(self.in_channels)} maps of {self.in_channels} channels, finest first, "
                f"for {len(regions)} images (regions), not {widths} for {images}; see in_channels of DeepGrouping."
            )


def readout(nodes: Tensor, mask: Tensor) -> Tensor:
    """READOUT of Eq. 7: mean over the real nodes, (B, N_L, D), (B, N_L) -> (B, D)."""
    return masked_mean(nodes, mask)
