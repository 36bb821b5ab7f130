"""Overlap areas: the compiled loop and PyTorch's operations against each other and against intersected intervals."""

from itertools import product

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmlib import compiled
from dgmlib.overlap import in_parallel, overlaps


def literal_areas(regions: torch.Tensor, num_nodes: int, h: int, w: int) -> dict[tuple[int, int], int]:
    """Area of every cell and node, in units of 1 / (H W) of a cell."""
    images, height, width = regions.shape
    areas = {}
    for image, y, x, row, column in product(*map(range, (images, height, width, h, w))):
        high = min((y + 1) * h, (row + 1) * height) - max(y * h, row * height)
        wide = min((x + 1) * w, (column + 1) * width) - max(x * w, column * width)
        if high > 0 and wide > 0 and (node := int(regions[image, y, x])) >= 0:
            key = (image * h + row) * w + column, image * num_nodes + node
            areas[key] = areas.get(key, 0) + high * wide
    return areas


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    h=st.integers(1, 9),
    w=st.integers(1, 9),
    nodes=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_both_ways_find_every_overlap_in_order(shape, h, w, nodes, seed):
    h, w = min(h, shape[1]), min(w, shape[2])
    regions = torch.randint(-1, nodes, shape, generator=torch.Generator().manual_seed(seed))
    expected = literal_areas(regions, nodes, h, w)
    for found in (overlaps(regions, nodes, h, w), in_parallel(regions, nodes, h, w)):
        cells, numbers, areas, by_node = (each.tolist() for each in found)
        assert list(zip(cells, numbers, strict=True)) == sorted(expected)
        assert areas == [expected[key] for key in sorted(expected)]
        assert by_node == sorted(range(len(cells)), key=lambda i: (numbers[i], cells[i]))


def test_a_map_need_not_lie_in_memory_line_by_line():
    regions = torch.randint(5, (2, 8, 6))
    for each, expected in zip(overlaps(regions.mT, 5, 3, 4), overlaps(regions.mT.contiguous(), 5, 3, 4), strict=True):
        assert torch.equal(each, expected)


def test_loops_are_compiled_where_nothing_may_be_kept(monkeypatch):
    def nowhere(function, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return function

    monkeypatch.setattr(compiled, "njit", nowhere)
    assert compiled.compiled(len) is len
