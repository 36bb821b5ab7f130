"""The exact overlap areas of superpixels with the cells of a grid, in integers.

An ``h x w`` grid covers an image of ``H x W`` pixels. In units of 1 / h of a pixel, a line of pixels is h high and a
row of cells H; likewise for columns. All areas are therefore integers, in units of 1 / (H W) of a cell.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dgmlib.compiled import compiled


class Overlaps(NamedTuple):
    """All overlaps of a batch, (n,) int64 each, sorted by cell, then by node; both are numbered within the batch."""

    cell: Tensor
    node: Tensor
    area: Tensor
    by_node: Tensor  # the order that sorts them by node, then by cell


def overlaps(regions: Tensor, num_nodes: int, h: int, w: int) -> Overlaps:
    """Measure the overlap of every superpixel with every cell.

    On the CPU, a compiled loop over the cells' pixels is many times faster than PyTorch's operations.

    Args:
        regions: (B, H, W) int64, the superpixel of every pixel, negative in padding.
        num_nodes: number of nodes of an image, larger than all of ``regions``.
        h: rows of the grid, at most H.
        w: columns of the grid, at most W.
    """
    if regions.device.type == "cpu":
        # A line of pixels is cut at most w - 1 times by columns, and a column of pixels h - 1 times by rows.
        images, height, width = regions.shape
        out = torch.empty(4, images * (height + h) * (width + w), dtype=torch.int64)
        count = _in_a_loop(regions.contiguous().numpy(), num_nodes, h, w, out.numpy())
        return Overlaps(*out[:, :count].clone())  # lets go of what was not needed
    return in_parallel(regions, num_nodes, h, w)


def in_parallel(regions: Tensor, num_nodes: int, h: int, w: int) -> Overlaps:
    """Do what `overlaps` does with PyTorch's operations, on any device."""
    images, height, width = regions.shape
    row, high = _parts(height, h, regions.device)
    column, wide = _parts(width, w, regions.device)
    cell = row[:, :, None, None] * w + column  # (2, H, 2, W): every pixel lies in at most 2 x 2 cells
    area = high[:, :, None, None] * wide
    image = torch.arange(images, device=regions.device)[:, None, None, None, None]
    regions = regions[:, None, :, None]  # (B, 1, H, 1, W)
    key = (image * h * w + cell) * images * num_nodes + image * num_nodes + regions  # (B, 2, H, 2, W)
    valid = (regions >= 0) & (area > 0)
    key, index = key[valid].unique(return_inverse=True)
    area = torch.zeros_like(key).index_add_(0, index, area.expand_as(valid)[valid])
    cell = key // (images * num_nodes)
    node = key - cell * images * num_nodes
    return Overlaps(cell, node, area, node.argsort(stable=True))


def _parts(pixels: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The two cells along an axis that a pixel may lie in, and the length of its part in each, (2, pixels)."""
    begin = torch.arange(pixels, device=device) * cells
    first = begin // pixels
    inside = ((first + 1) * pixels - begin).clamp(max=cells)
    return torch.stack([first, first + 1]), torch.stack([inside, cells - inside])


@compiled
def _in_a_loop(regions, num_nodes, h, w, out):
    """Write `Overlaps` to the first columns of ``out`` (4, ...), one field per row, and return how many there are."""
    images, height, width = regions.shape
    areas, n = np.zeros(num_nodes, np.int64), 0
    for image in range(images):
        for row in range(h):
            for column in range(w):
                top, left, first = row * height, column * width, n
                for y in range(top // h, (top + height - 1) // h + 1):
                    high = min(top + height, (y + 1) * h) - max(top, y * h)
                    for x in range(left // w, (left + width - 1) // w + 1):
                        node = regions[image, y, x]
                        if node < 0:
                            continue
                        if areas[node] == 0:  # a new one, to be inserted in order
                            i, n = n, n + 1
                            while i > first and out[1, i - 1] > node:
                                out[1, i], i = out[1, i - 1], i - 1
                            out[1, i] = node
                        areas[node] += high * (min(left + width, (x + 1) * w) - max(left, x * w))
                for i in range(first, n):
                    node = out[1, i]
                    out[0, i], out[1, i] = (image * h + row) * w + column, image * num_nodes + node
                    out[2, i], areas[node] = areas[node], 0
    begins = np.zeros(images * num_nodes + 1, np.int64)
    for i in range(n):
        begins[out[1, i] + 1] += 1
    begins = begins.cumsum()
    for i in range(n):
        node = out[1, i]
        out[3, begins[node]] = i
        begins[node] += 1
    return n
