"""RegionGrid: the exact overlap between superpixels and the cells of feature maps, and pooling over it (Sec. 3).

Every feature map of a batch covers the same (padded) image, so a cell of an ``h x w`` map is an ``H/h x W/w`` patch of
pixels. The overlap area of every superpixel with every cell is counted once per level. Pooling is the row-normalised
overlap matrix, copying back is the column-normalised one. Hence a superpixel smaller than a cell of the coarsest
map still receives a feature, nothing is up-sampled, and the shares of a cell's superpixels sum to one.

Shapes: ``B`` images, ``H x W`` pixels, ``N`` superpixels (of the image that has most), ``C`` channels, ``h x w`` cells.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


class RegionGrid:
    """Superpixels of a batch of images, laid over the grids of several feature maps.

    Args:
        regions: (B, H, W) integers, the superpixel of every pixel; -1 marks padding. Numbers need not be contiguous;
            where one is larger than twice the pixels, they are replaced by their ranks in the batch.
        sizes: (h, w) of every feature map, finest first; no map may be finer than the region map.
        dtype: floating type of the pooled features.

    Attributes:
        mask: (B, N) bool, True for nodes that have at least one pixel.
        area: (B, N) pixels of every node.

    Raises:
        ValueError: if the region map has the wrong shape or type, an image has no superpixel, or a map is too fine.
    """

    def __init__(self, regions: Tensor, sizes: Sequence[tuple[int, int]], dtype: torch.dtype = torch.float32):
        if regions.dim() != 3 or not len(regions) or regions.is_floating_point() or regions.is_complex():
            raise ValueError(
                f"regions must be an integer tensor (B, H, W), not {regions.dtype} {tuple(regions.shape)}; "
                "for one image use regions[None]."
            )
        self.regions = regions.long()
        outside = self.regions < 0
        if empty := outside.flatten(1).all(1).nonzero().flatten().tolist():
            raise ValueError(
                f"regions of image(s) {empty} hold no superpixel (no value >= 0); segment the image first."
            )
        if self.regions.max() > 2 * self.regions[0].numel() + 256:  # would waste memory
            numbers, ranks = self.regions.masked_fill(outside, -1).unique(return_inverse=True)
            self.regions = ranks - int(numbers[0] < 0)
        self.num_images, self.num_nodes = len(regions), int(self.regions.max()) + 1
        height, width = regions.shape[1:]
        for h, w in sizes:
            if not (1 <= h <= height and 1 <= w <= width):
                raise ValueError(
                    f"a {h} x {w} feature map is empty or finer than the {height} x {width} region map; pass "
                    "regions at the resolution of the image."
                )
        self.sizes, self.dtype = [tuple(size) for size in sizes], dtype
        offsets = torch.arange(self.num_images, device=regions.device)[:, None, None] * self.num_nodes
        self._padded = bool(outside.any())
        # Number within the whole batch, (B, H, W); padding is gathered in one number behind all others.
        self._nodes = (self.regions + offsets).masked_fill_(outside, self.num_images * self.num_nodes)
        self.area = self._count()
        self.mask = self.area > 0
        overlaps = [self._overlap(h, w) for h, w in self.sizes]
        self._pool = [_normalise_rows(overlap) for overlap in overlaps]
        self._unpool = [_normalise_rows(overlap.t().coalesce()) for overlap in overlaps]

    def pool(self, features: Tensor, level: int) -> Tensor:
        """Average a feature map over every superpixel's area: U^l of Sec. 3.1, (B, C, h, w) -> (B, N, C)."""
        channels = features.shape[1]
        cells = features.permute(0, 2, 3, 1).reshape(-1, channels).to(self.dtype)  # (B h w, C)
        return torch.sparse.mm(self._pool[level], cells).view(self.num_images, self.num_nodes, channels)

    def unpool(self, nodes: Tensor, level: int) -> Tensor:
        """Copy node features to the superpixels' cells, what follows Eq. 11: (B, N, C) -> (B, C, h, w).

        A cell shared by several superpixels gets their mean, weighted by area; a cell of padding gets zero.
        """
        cells = torch.sparse.mm(self._unpool[level], nodes.reshape(-1, nodes.shape[-1]).to(self.dtype))  # (B h w, C)
        return cells.view(self.num_images, *self.sizes[level], -1).permute(0, 3, 1, 2)  # (B, C, h, w)

    def inside(self, level: int) -> Tensor:
        """(B, h w) bool, True for the cells of a feature map that are not all padding."""
        h, w = self.sizes[level]
        inside = torch.zeros(self.num_images * h * w, dtype=torch.bool, device=self.regions.device)
        inside[self._unpool[level].indices()[0]] = True
        return inside.view(self.num_images, h * w)

    def flops(self, level: int, channels: int) -> int:
        """FLOPs (2 x multiply-accumulate) of one pooling or one copying at this level."""
        return 2 * self._pool[level]._nnz() * channels

    @cached_property
    def adjacency(self) -> Tensor:
        """E^1: the binary region adjacency graph, (B, N, N); superpixels that share a pixel edge are neighbours."""
        edges = torch.zeros(
            self.num_images, self.num_nodes, self.num_nodes, dtype=self.dtype, device=self.regions.device
        )
        for first, second in (
            (self.regions[:, :, :-1], self.regions[:, :, 1:]),
            (self.regions[:, :-1], self.regions[:, 1:]),
        ):
            image, row, column = ((first != second) & (first >= 0) & (second >= 0)).nonzero(as_tuple=True)
            i, j = first[image, row, column], second[image, row, column]
            edges[image, i, j] = edges[image, j, i] = 1
        return edges

    @cached_property
    def centroids(self) -> Tensor:
        """(B, N, 2) row and column of every superpixel's centre of mass, in pixels; zero for padded nodes."""
        places = torch.meshgrid(
            *(torch.arange(side, device=self.regions.device) for side in self.regions.shape[1:]), indexing="ij"
        )
        sums = [self._count(place.double().expand_as(self.regions).flatten()) for place in places]
        return torch.stack(sums, -1) / self.area.clamp(min=1)[..., None]

    @cached_property
    def order(self) -> Tensor:
        """(B, N) key by which nodes are sorted along a space-filling Z-curve over their centroids.

        It depends on where superpixels lie and not on how they are numbered; every second node in this order is
        an evenly spread half of the image. Regions with one centroid (rings) are told apart by their first pixel.
        """
        height, width = self.regions.shape[1:]
        pixel = torch.arange(height * width, device=self.regions.device).repeat(self.num_images)
        first = pixel.new_full((self.num_images * self.num_nodes + 1,), height * width)
        first = self._per_node(first.scatter_reduce(0, self._nodes.flatten(), pixel, "amin"))
        row, column = self.centroids.long().unbind(-1)
        bits = max(height, width).bit_length()
        curve = sum(((row >> b & 1) << (2 * b + 1)) | ((column >> b & 1) << (2 * b)) for b in range(bits))
        return curve * height * width + first

    def _count(self, weights: Tensor | None = None) -> Tensor:
        """Pixels of every node, or the sum of their weights (B H W), as (B, N)."""
        nodes = self._nodes.flatten()
        return self._per_node(torch.bincount(nodes, weights, minlength=self.num_images * self.num_nodes))

    def _per_node(self, counts: Tensor) -> Tensor:
        """(B N [+ 1 for the padding]) -> (B, N)."""
        return counts[: self.num_images * self.num_nodes].view(self.num_images, self.num_nodes)

    def _overlap(self, h: int, w: int) -> Tensor:
        """Sparse (B N, B h w) matrix of the overlap areas, in units of 1 / (H W) of a cell: whole numbers, so exact.

        Along a row, neighbours in one superpixel and one cell are counted as one run, so that few numbers are sorted.
        """
        (height, width), device = self.regions.shape[1:], self.regions.device
        (row, cell_row, tall), (column, cell_column, wide) = _pieces(height, h, device), _pieces(width, w, device)
        nodes = self._nodes if len(row) == height else self._nodes[:, row]
        nodes = nodes if len(column) == width else nodes[:, :, column]  # (B, rows, columns)
        begins = torch.ones_like(nodes, dtype=torch.bool)
        begins[..., 1:] = (nodes[..., 1:] != nodes[..., :-1]) | (cell_column[1:] != cell_column[:-1])
        start = begins.flatten().nonzero().squeeze(1)  # (runs,)
        node, (line, place) = nodes.flatten()[start], _divmod(start, len(column))  # line: row within the batch
        left = torch.cat([wide.new_zeros(1), wide.cumsum(0)])  # of every column, and at the end a line's length
        position = line * left[-1] + left[place]
        length = position.diff(append=left[-1:] * nodes.shape[0] * len(row))
        images = torch.arange(self.num_images, device=device)[:, None] * (h * w)
        key = node * (self.num_images * h * w) + (images + cell_row * w).flatten()[line] + cell_column[place]
        area = length * tall.repeat(self.num_images)[line]
        if self._padded:
            inside = node < self.num_images * self.num_nodes
            key, area = key[inside], area[inside]
        key, area = sum_by_key(key, area, height * width + 1)
        shape = (self.num_images * self.num_nodes, self.num_images * h * w)
        return _sparse(torch.stack(_divmod(key, shape[1])), area.to(self.dtype), shape, is_coalesced=True)


def _divmod(numbers: Tensor, by: int) -> tuple[Tensor, Tensor]:
    """Quotient and remainder; PyTorch's own remainder of whole numbers takes several times as long."""
    quotient = numbers // by
    return quotient, numbers - quotient * by


def _pieces(pixels: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Cut an axis at the borders of pixels and cells: pixel, cell and length of every piece.

    Lengths are counted in 1 / ``pixels`` of a cell, so that a pixel, being ``cells`` of them long, is split exactly.
    """
    borders = torch.cat([torch.arange(pixels, device=device) * cells, torch.arange(cells + 1, device=device) * pixels])
    borders = borders.unique()
    start = borders[:-1]
    return start // cells, start // pixels, borders.diff()


def sum_by_key(key: Tensor, value: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """Sort keys and add the values, from 1 to below ``limit``, of equal ones; both (n,) whole numbers."""
    packed = key * limit + value
    packed = (
        packed.sort().values if packed.is_cuda else torch.from_numpy(np.sort(packed.numpy()))
    )  # several times faster
    key, value = _divmod(packed, limit)
    key, counts = key.unique_consecutive(return_counts=True)
    last = counts.cumsum(0) - 1
    total = value.cumsum(0)[last]
    return key, total.diff(prepend=total.new_zeros(1))


def _normalise_rows(matrix: Tensor) -> Tensor:
    """Scale the rows of a coalesced sparse matrix to sum to one; empty rows stay empty."""
    row, values = matrix.indices()[0], matrix.values()
    total = values.new_zeros(matrix.shape[0]).index_add_(0, row, values)
    return _sparse(matrix.indices(), values / total[row], matrix.shape, is_coalesced=True)


def _sparse(indices: Tensor, values: Tensor, shape: Sequence[int], **kwargs) -> Tensor:
    return torch.sparse_coo_tensor(indices, values, shape, check_invariants=False, **kwargs)
