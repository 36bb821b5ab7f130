"""RegionGrid: the exact overlap between superpixels and the cells of feature maps, and pooling over it (Sec. 3.1).

Every feature map of a batch covers the same (padded) image, so a cell of an ``h x w`` map is an ``H/h x W/w`` patch of
pixels. The overlap area of every superpixel with every cell is counted once per level. Pooling is the row-normalised
overlap matrix, copying back is the column-normalised one. Hence a superpixel smaller than a cell of the coarsest
map still receives a feature, nothing is up-sampled, and the shares of a cell's superpixels sum to one.

Shapes: ``B`` images, ``H x W`` pixels, ``N`` superpixels (of the image that has most), ``C`` channels, ``h x w`` cells.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor


class RegionGrid:
    """Superpixels of a batch of images, laid over the grids of several feature maps.

    Args:
        labels: (B, H, W) integers, the superpixel of every pixel; -1 marks padding. Numbers need not be contiguous.
        sizes: (h, w) of every feature map, finest first; no map may be finer than the label map.
        dtype: floating type of the pooled features.

    Attributes:
        mask: (B, N) bool, True for nodes that own at least one pixel.

    Raises:
        ValueError: if the label map has the wrong shape or type, an image has no superpixel, or a map is too fine.
    """

    def __init__(self, labels: Tensor, sizes: Sequence[tuple[int, int]], dtype: torch.dtype = torch.float32):
        if labels.dim() != 3 or labels.is_floating_point():
            raise ValueError(
                f"labels must be an integer tensor (B, H, W), not {labels.dtype} {tuple(labels.shape)}; "
                "for one image use labels[None]."
            )
        empty = (labels < 0).flatten(1).all(1).nonzero().flatten().tolist()
        if empty:
            raise ValueError(f"labels of image(s) {empty} hold no superpixel (no value >= 0); segment the image first.")
        for h, w in sizes:
            if h > labels.shape[1] or w > labels.shape[2]:
                raise ValueError(
                    f"a {h} x {w} feature map is finer than the {labels.shape[1]} x {labels.shape[2]} label map; "
                    "pass labels at the resolution of the image."
                )
        self.labels = labels.long()
        self.sizes = [tuple(size) for size in sizes]
        self.dtype = dtype
        self.num_images, self.num_nodes = len(labels), int(labels.max()) + 1
        self._pixel = (self.labels >= 0).flatten().nonzero().squeeze(1)  # (pixels,) those outside the padding
        image = torch.arange(self.num_images, device=labels.device)[:, None, None]
        self._node = self._per_pixel(image * self.num_nodes + self.labels)  # number within the whole batch
        self.area = torch.bincount(self._node, minlength=self.num_images * self.num_nodes)
        self.area = self.area.view(self.num_images, self.num_nodes)  # (B, N) pixels
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
        """Copy node features to the superpixels' cells: last step of Eq. 11, (B, N, C) -> (B, C, h, w).

        A cell shared by several superpixels gets their mean, weighted by area; a cell of padding gets zero.
        """
        cells = torch.sparse.mm(self._unpool[level], nodes.reshape(-1, nodes.shape[-1]).to(self.dtype))  # (B h w, C)
        return cells.view(self.num_images, *self.sizes[level], -1).permute(0, 3, 1, 2)  # (B, C, h, w)

    def inside(self, level: int) -> Tensor:
        """(B, h w) bool, True for the cells of a feature map that are not all padding."""
        h, w = self.sizes[level]
        inside = torch.zeros(self.num_images * h * w, dtype=torch.bool, device=self.labels.device)
        inside[self._unpool[level].indices()[0]] = True
        return inside.view(self.num_images, h * w)

    def flops(self, level: int, channels: int) -> int:
        """FLOPs (2 x multiply-accumulate) of one pooling or one copying at this level."""
        return 2 * self._pool[level]._nnz() * channels

    @cached_property
    def adjacency(self) -> Tensor:
        """E^1: the binary region adjacency graph, (B, N, N); superpixels that share a pixel edge are neighbours."""
        edges = torch.zeros(
            self.num_images, self.num_nodes, self.num_nodes, dtype=self.dtype, device=self.labels.device
        )
        for first, second in (
            (self.labels[:, :, :-1], self.labels[:, :, 1:]),
            (self.labels[:, :-1], self.labels[:, 1:]),
        ):
            image, row, column = ((first != second) & (first >= 0) & (second >= 0)).nonzero(as_tuple=True)
            i, j = first[image, row, column], second[image, row, column]
            edges[image, i, j] = edges[image, j, i] = 1
        return edges

    @cached_property
    def centroids(self) -> Tensor:
        """(B, N, 2) row and column of every superpixel's centre of mass, in pixels; zero for padded nodes."""
        height, width = self.labels.shape[1:]
        inside = self._pixel % (height * width)
        positions = torch.stack([inside // width, inside % width], 1).double()  # (pixels, 2)
        sums = positions.new_zeros(self.area.numel(), 2).index_add_(0, self._node, positions)
        return (sums / self.area.view(-1, 1).clamp(min=1)).view(self.num_images, self.num_nodes, 2)

    @cached_property
    def order(self) -> Tensor:
        """(B, N) key by which nodes are sorted along a space-filling Z-curve over their centroids.

        It depends on where superpixels lie and not on how they are numbered; every second node in this order is
        an evenly spread half of the image. Regions with one centroid (rings) are told apart by their first pixel.
        """
        height, width = self.labels.shape[1:]
        first = torch.full((self.area.numel(),), height * width, device=self.labels.device)
        first = first.scatter_reduce(0, self._node, self._pixel % (height * width), "amin").view_as(self.area)  # (B, N)
        row, column = self.centroids.long().unbind(-1)
        bits = max(height, width).bit_length()
        curve = sum(((row >> b & 1) << (2 * b + 1)) | ((column >> b & 1) << (2 * b)) for b in range(bits))
        return curve * height * width + first

    def _overlap(self, h: int, w: int) -> Tensor:
        """Sparse (B N, B h w) matrix of the overlap areas, in units of 1 / (H W) of a cell: whole numbers, so exact."""
        device = self.labels.device
        rows, columns = _cells(self.labels.shape[1], h, device), _cells(self.labels.shape[2], w, device)
        image = torch.arange(self.num_images, device=device)[:, None, None] * (h * w)
        indices, areas = [], []
        for row, height in rows:
            for column, width in columns:
                cell = self._per_pixel(image + row[:, None] * w + column)
                area = self._per_pixel((height[:, None] * width).expand_as(self.labels))
                indices.append(torch.stack([self._node, cell]))
                areas.append(area)
        if len(areas) > 1:  # most pixels lie in one cell; their shares of the next one are zero
            overlapping = torch.cat(areas).nonzero().squeeze(1)
            indices, areas = [torch.cat(indices, 1)[:, overlapping]], [torch.cat(areas)[overlapping]]
        shape = (self.num_images * self.num_nodes, self.num_images * h * w)
        return _sparse(indices[0], areas[0].to(self.dtype), shape).coalesce()

    def _per_pixel(self, values: Tensor) -> Tensor:
        """(B, H, W) -> (pixels,), without the padding."""
        return values.flatten()[self._pixel]


def _cells(pixels: int, cells: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Cells that each pixel of an axis overlaps, as pairs (cell, share); one pair where cells divide pixels.

    Shares are counted in 1 / ``pixels`` of a cell, so that a pixel, being ``cells`` of them long, is split exactly.
    """
    start = torch.arange(pixels, device=device) * cells
    cell = start // pixels
    share = ((cell + 1) * pixels - start).clamp(max=cells)
    if pixels % cells == 0:
        return [(cell, share)]
    return [(cell, share), ((cell + 1).clamp(max=cells - 1), cells - share)]


def _normalise_rows(matrix: Tensor) -> Tensor:
    """Scale the rows of a coalesced sparse matrix to sum to one; empty rows stay empty."""
    row, values = matrix.indices()[0], matrix.values()
    total = values.new_zeros(matrix.shape[0]).index_add_(0, row, values)
    return _sparse(matrix.indices(), values / total[row], matrix.shape, is_coalesced=True)


def _sparse(indices: Tensor, values: Tensor, shape: Sequence[int], **kwargs) -> Tensor:
    return torch.sparse_coo_tensor(indices, values, shape, check_invariants=False, **kwargs)
