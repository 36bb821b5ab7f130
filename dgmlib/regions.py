"""RegionGrid: the exact overlap between superpixels and the cells of feature maps, and pooling over it (Sec. 3).

Every feature map of a batch covers the same (padded) image, so a cell of an ``h x w`` map is an ``H/h x W/w`` patch of
pixels. The overlap area of every superpixel with every cell is counted once per level. Pooling uses the row-normalised
overlap matrix, copying back the column-normalised one. Hence a superpixel smaller than a cell of the coarsest
map still receives a feature, nothing is up-sampled, and the shares of a cell's superpixels sum to one. PyTorch's
embedding bags, weighted sums of rows of a matrix, take a fraction of the time of its sparse products.

Shapes: ``B`` images, ``H x W`` pixels, ``N`` superpixels (of the image with most), ``C`` channels, ``h x w`` cells.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dgmlib.overlap import overlaps


class RegionGrid:
    """Superpixels of a batch of images, laid over the grids of several feature maps.

    Args:
        regions: (B, H, W) integers, the superpixel of every pixel; -1 marks padding. Numbers need not be contiguous;
            if most of more than 1,024 are unused, they are replaced by their ranks in the batch.
        sizes: (h, w) of every feature map, finest first; no map may be finer than the region map.
        dtype: floating type of the pooled features.

    Attributes:
        mask: (B, N) bool, True for nodes that have at least one pixel.
        area: (B, N) pixels of every node.

    Raises:
        ValueError: if the region map has the wrong shape or type, an image has no superpixel, or a map is too fine.
    """

    def __init__(self, regions: Tensor, sizes: Sequence[tuple[int, int]], dtype: torch.dtype = torch.float32):
        check_regions(regions)
        self.regions = regions.long()
        outside = self.regions < 0
        if empty := outside.flatten(1).all(1).nonzero().flatten().tolist():
            raise ValueError(
                f"regions of image(s) {empty} hold no superpixel (no value >= 0); segment the image first."
            )
        # An unused number also costs a node; a few of them are cheaper than searching for them.
        if (largest := int(self.regions.max())) > 1024 and largest > 2 * len(self.regions.unique()):
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
        image = torch.arange(self.num_images, device=regions.device)[:, None, None]
        # The node of every pixel within the batch, where every image has one more, its first, for padding.
        self._owner = (self.regions.clamp(min=-1) + 1 + image * (self.num_nodes + 1)).flatten()  # (B H W,)
        self.area = self._of_nodes(self._owner.bincount(minlength=self.num_images * (self.num_nodes + 1)))
        self.mask = self.area > 0
        nodes = self.num_images * self.num_nodes
        self._pool, self._unpool = [], []  # (bags of the matrix, bags of its transpose) of every level
        for h, w in self.sizes:
            cells, (cell, node, area, by_node) = self.num_images * h * w, overlaps(self.regions, self.num_nodes, h, w)
            cells_of_nodes, node_begins, cell_begins = cell[by_node], _begins(node, nodes), _begins(cell, cells)
            for matrices, row, rows in ((self._pool, node, nodes), (self._unpool, cell, cells)):
                share = area.to(dtype)
                share = share / share.new_zeros(rows).index_add_(0, row, share)[row]
                by_nodes, by_cells = _Bags(cells_of_nodes, node_begins, share[by_node]), _Bags(node, cell_begins, share)
                matrices.append((by_nodes, by_cells) if row is node else (by_cells, by_nodes))

    def pool(self, features: Tensor, level: int) -> Tensor:
        """Average a feature map over every superpixel's area: U^l of Sec. 3.1, (B, C, h, w) -> (B, N, C)."""
        pooled = _FromCells.apply(features.flatten(2).to(self.dtype), *self._pool[level])  # (B N, C)
        return pooled.view(self.num_images, self.num_nodes, -1)

    def unpool(self, nodes: Tensor, level: int) -> Tensor:
        """Copy node features to the superpixels' cells, the step after Eq. 11: (B, N, C) -> (B, C, h, w).

        A cell shared by several superpixels gets their area-weighted mean; a cell of padding gets zero.
        """
        maps = _ToCells.apply(nodes.flatten(0, 1).to(self.dtype), *self._unpool[level], self.num_images)  # (B, C, h w)
        return maps.unflatten(2, self.sizes[level])

    def inside(self, level: int) -> Tensor:
        """(B, h w) bool, True for the cells of a feature map that are not all padding."""
        return (self._unpool[level][0].begins.diff() > 0).view(self.num_images, -1)

    @cached_property
    def adjacency(self) -> Tensor:
        """E^1: the binary region adjacency graph, (B, N, N); superpixels that share a pixel edge are neighbours."""
        regions = self.regions
        edges = torch.zeros(*self.mask.shape, self.num_nodes, dtype=self.dtype, device=regions.device)
        for first, second in ((regions[:, :, :-1], regions[:, :, 1:]), (regions[:, :-1], regions[:, 1:])):
            image, row, column = ((first != second) & (first >= 0) & (second >= 0)).nonzero(as_tuple=True)
            i, j = first[image, row, column], second[image, row, column]
            edges[image, i, j] = edges[image, j, i] = 1
        return edges

    @cached_property
    def centroids(self) -> Tensor:
        """(B, N, 2) row and column of every superpixel's centre of mass, in pixels; zero for padded nodes."""
        axes = (torch.arange(n, dtype=torch.float64, device=self.regions.device) for n in self.regions.shape[1:])
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(-1, 2)  # (H W, 2)
        sums = places.new_zeros(self.num_images * (self.num_nodes + 1), 2)
        sums.index_add_(0, self._owner, places.repeat(self.num_images, 1))
        return self._of_nodes(sums) / self.area.clamp(min=1)[..., None]

    @cached_property
    def order(self) -> Tensor:
        """(B, N) key that sorts nodes along a space-filling Z-curve over their centroids.

        It depends on where superpixels lie, not on how they are numbered; every second node in this order is an
        evenly spread half of the image. Regions with the same centroid (rings) are ordered by their first pixel.
        """
        height, width = self.regions.shape[1:]
        pixel = torch.arange(height * width, device=self.regions.device).repeat(self.num_images)
        first = pixel.new_full((self.num_images * (self.num_nodes + 1),), height * width)
        first = self._of_nodes(first.scatter_reduce(0, self._owner, pixel, "amin"))
        row, column = self.centroids.long().unbind(-1)
        bits = max(height, width).bit_length()
        curve = sum(((row >> b & 1) << (2 * b + 1)) | ((column >> b & 1) << (2 * b)) for b in range(bits))
        return curve * height * width + first

    def _of_nodes(self, values: Tensor) -> Tensor:
        """Leave out padding: values by `_owner`, (B (N + 1), ...) -> (B, N, ...)."""
        return values.view(self.num_images, self.num_nodes + 1, *values.shape[1:])[:, 1:]


def check_regions(regions: Tensor) -> None:
    """Raise a ValueError if regions are not an integer tensor (B, H, W)."""
    if not isinstance(regions, Tensor):
        raise ValueError(f"regions must be a tensor, not {type(regions).__name__}; use torch.from_numpy.")
    if regions.dim() != 3 or not len(regions) or regions.is_floating_point() or regions.is_complex():
        raise ValueError(
            f"regions must be an integer tensor (B, H, W), not {regions.dtype} {tuple(regions.shape)}; "
            "for one image use regions[None]."
        )


class _Bags(NamedTuple):
    """A sparse matrix by rows, as F.embedding_bag reads it."""

    columns: Tensor
    begins: Tensor  # (rows + 1,) the first entry of every row, and the number of entries
    weights: Tensor


def _begins(rows: Tensor, count: int) -> Tensor:
    """Where each of ``count`` rows begins in the sorted rows of the entries, (count + 1,)."""
    return F.pad(rows.bincount(minlength=count).cumsum(0), (1, 0))


def _sums(dense: Tensor, bags: _Bags) -> Tensor:
    """A sparse matrix times a dense one."""
    options = {"mode": "sum", "per_sample_weights": bags.weights, "include_last_offset": True}
    return F.embedding_bag(bags.columns, dense.detach(), bags.begins, **options)  # detached: the faster operator


class _FromCells(torch.autograd.Function):
    """A sparse matrix, given with its transpose, times the cells of maps: (B, C, h w) -> (rows, C)."""

    @staticmethod
    def forward(ctx, maps: Tensor, bags: _Bags, transposed: _Bags) -> Tensor:
        ctx.bags, ctx.images = (transposed, bags), len(maps)
        blocks = maps.split(_channels(maps, maps.shape[0] * maps.shape[2]), 1)  # (B, c, h w) each
        cells = (_transpose(block, block.new_empty(block.mT.shape)).flatten(0, 1) for block in blocks)  # (B h w, c)
        return torch.cat([_sums(block, bags) for block in cells], 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _ToCells.apply(gradient, *ctx.bags, ctx.images), None, None


class _ToCells(torch.autograd.Function):
    """A sparse matrix, given with its transpose, times a dense one, as maps: (columns, C) -> (B, C, h w)."""

    @staticmethod
    def forward(ctx, dense: Tensor, bags: _Bags, transposed: _Bags, images: int) -> Tensor:
        ctx.bags = transposed, bags
        cells = len(bags.begins) - 1
        maps = dense.new_empty(images, dense.shape[1], cells // images)
        width = _channels(dense, cells)
        for block, out in zip(dense.split(width, 1), maps.split(width, 1), strict=True):
            _transpose(_sums(block, bags).unflatten(0, (images, -1)), out)
        return maps

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return _FromCells.apply(gradient, *ctx.bags), None, None, None


def _channels(features: Tensor, cells: int) -> int:
    """Number of channels to treat at a time: on a CPU, some megabytes, which stay in its cache."""
    return max(2**20 // cells // 16, 1) * 16 if features.device.type == "cpu" else features.shape[1]


def _transpose(maps: Tensor, out: Tensor) -> Tensor:
    """Copy (B, X, Y) to (B, Y, X)."""
    if maps.device.type != "cpu" or maps[0].numel() < 2**15:
        return out.copy_(maps.mT)
    for image, copy in zip(maps, out, strict=True):
        copy.copy_(image.T)  # PyTorch copies single matrices in blocks, which is several times faster
    return out
