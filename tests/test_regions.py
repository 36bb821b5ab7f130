"""RegionGrid against literal loops over pixels and cells."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmlib.regions import RegionGrid


def random_regions(shape: tuple[int, ...], regions: int, seed: int = 0) -> torch.Tensor:
    """Any map from pixels to numbers will do: RegionGrid does not ask for connected regions."""
    return torch.randint(regions, shape, generator=torch.Generator().manual_seed(seed))


def literal_overlap(regions: torch.Tensor, h: int, w: int) -> torch.Tensor:
    """Overlap area of every superpixel with every cell of one image's grid, by intersecting intervals."""
    height, width = regions.shape
    area = torch.zeros(int(regions.max()) + 1, h, w, dtype=torch.float64)
    for y in range(height):
        for x in range(width):
            if regions[y, x] < 0:
                continue
            for i in range(h):
                for j in range(w):
                    dy = min(y + 1, (i + 1) * height / h) - max(y, i * height / h)
                    dx = min(x + 1, (j + 1) * width / w) - max(x, j * width / w)
                    area[regions[y, x], i, j] += max(dy, 0) * max(dx, 0)
    return area


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    h=st.integers(1, 9),
    w=st.integers(1, 9),
    regions=st.integers(1, 6),
    padding=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_pool_and_unpool_are_area_weighted_means(height, width, h, w, regions, padding, seed):
    h, w = min(h, height), min(w, width)
    regions = random_regions((height, width), regions, seed)
    regions[:, width - min(padding, width - 1) :] = -1
    overlap = literal_overlap(regions, h, w)
    grid = RegionGrid(regions[None], [(h, w)], torch.float64)
    features = torch.randn(1, 3, h, w, dtype=torch.float64)
    nodes = torch.randn(1, len(overlap), 3, dtype=torch.float64)

    area = overlap.sum((1, 2))
    expected = torch.einsum("nij,cij->nc", overlap, features[0]) / area.clamp(min=1)[:, None]
    torch.testing.assert_close(grid.pool(features, 0)[0], expected)
    torch.testing.assert_close(grid.area[0].double(), area)
    assert torch.equal(grid.mask[0], area > 0)

    covered = overlap.sum(0)
    expected = torch.einsum("nij,nc->cij", overlap, nodes[0]) / covered.clamp(min=1e-12)
    torch.testing.assert_close(grid.unpool(nodes, 0)[0], expected)


def test_every_cell_is_a_partition_of_unity_and_padding_gets_nothing():
    regions = random_regions((2, 20, 30), 7)
    regions[1, :, 20:] = -1
    grid = RegionGrid(regions, [(5, 6)])
    ones = grid.unpool(torch.ones(2, grid.num_nodes, 1), 0)
    torch.testing.assert_close(ones[0], torch.ones(1, 5, 6))
    torch.testing.assert_close(ones[1, 0, :, :4], torch.ones(5, 4))
    assert (ones[1, 0, :, 4:] == 0).all()


def test_region_smaller_than_a_coarse_cell_gets_that_cells_feature():
    regions = torch.zeros(1, 64, 64, dtype=torch.int32)
    regions[0, 40, 50] = 1  # one pixel inside the lower right of 2 x 2 cells
    features = torch.arange(4.0).view(1, 1, 2, 2)
    pooled = RegionGrid(regions, [(2, 2)]).pool(features, 0)
    assert pooled[0, 1, 0] == 3


def test_pooling_what_was_copied_returns_nodes_that_own_whole_cells():
    regions = torch.arange(16).view(1, 4, 4).repeat_interleave(4, 1).repeat_interleave(4, 2)
    grid = RegionGrid(regions, [(4, 4), (8, 8)])
    nodes = torch.randn(1, 16, 5)
    for level in (0, 1):
        torch.testing.assert_close(grid.pool(grid.unpool(nodes, level), level), nodes)


def test_gradients_of_pool_and_unpool():
    grid = RegionGrid(random_regions((2, 7, 9), 4), [(3, 4)], torch.float64)
    features = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    nodes = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    for function, inputs in ((grid.pool, features), (grid.unpool, nodes)):
        assert torch.autograd.gradcheck(function, (inputs, 0))
        assert torch.autograd.gradgradcheck(function, (inputs, 0))


def test_large_maps_are_copied_in_blocks_with_the_same_result():
    regions, features = random_regions((2, 96, 96), 9), torch.randn(2, 70, 96, 96, requires_grad=True)  # 48 + 22
    grid = RegionGrid(regions, [(96, 96)])
    inside = torch.nn.functional.one_hot(regions).flatten(1, 2).float()  # (B, H W, N)
    nodes = inside.mT @ features.flatten(2).mT / grid.area[..., None]
    torch.testing.assert_close(grid.pool(features, 0), nodes)
    copied = grid.unpool(nodes, 0)
    torch.testing.assert_close(copied, (inside @ nodes).mT.unflatten(2, (96, 96)))
    weights = torch.randn_like(features)
    found, expected = (
        torch.autograd.grad((f(features) * weights).sum(), features)[0]
        for f in (
            lambda x: grid.unpool(grid.pool(x, 0), 0),
            lambda x: (inside @ (inside.mT @ x.flatten(2).mT / grid.area[..., None])).mT.unflatten(2, (96, 96)),
        )
    )
    torch.testing.assert_close(found, expected)


def test_adjacency_is_that_of_a_literal_loop():
    regions = random_regions((2, 6, 7), 9)
    regions[1, 4:] = -1
    expected = torch.zeros(2, 9, 9)
    for b, image in enumerate(regions.numpy()):
        for (y, x), a in np.ndenumerate(image):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < 6 and u < 7 and a >= 0 and image[v, u] >= 0 and image[v, u] != a:
                    expected[b, a, image[v, u]] = expected[b, image[v, u], a] = 1
    assert torch.equal(RegionGrid(regions, []).adjacency, expected)


def test_centroids_and_order_follow_the_regions_not_their_numbers():
    regions = random_regions((1, 12, 10), 8)
    grid = RegionGrid(regions, [])
    ys, xs = (regions[0] == 3).nonzero(as_tuple=True)
    torch.testing.assert_close(grid.centroids[0, 3], torch.stack([ys.double().mean(), xs.double().mean()]))
    new_number = torch.randperm(8)
    renumbered = RegionGrid(new_number[regions], [])
    assert torch.equal(renumbered.order[0, new_number], grid.order[0])
    assert len(grid.order[0].unique()) == 8


def test_concentric_regions_are_ordered_though_they_share_a_centroid():
    regions = torch.zeros(1, 9, 9, dtype=torch.long)
    regions[0, 2:7, 2:7], regions[0, 4, 4] = 1, 2
    grid = RegionGrid(regions, [])
    assert torch.equal(grid.centroids[0, 0], grid.centroids[0, 2])
    assert len(grid.order[0].unique()) == 3


def test_gaps_in_the_numbering_are_masked_nodes():
    grid = RegionGrid(torch.tensor([[[0, 0, 5, 5]]]), [(1, 2)])
    assert grid.mask[0].tolist() == [True, False, False, False, False, True]
    assert not grid.pool(torch.ones(1, 1, 1, 2), 0)[0, 1:5].any()


@pytest.mark.parametrize(
    ("regions", "sizes", "message"),
    [
        (torch.zeros(4, 4, dtype=torch.long), [(2, 2)], r"regions\[None\]"),
        (torch.zeros(1, 4, 4), [(2, 2)], "integer tensor"),
        (torch.full((2, 4, 4), -1), [(2, 2)], r"image\(s\) \[0, 1\] hold no superpixel"),
        (torch.zeros(0, 4, 4, dtype=torch.long), [(2, 2)], "integer tensor"),
        (torch.zeros(1, 4, 4, dtype=torch.long), [(8, 8)], "8 x 8 .* is empty or finer than the 4 x 4 region map"),
        (torch.zeros(1, 4, 4, dtype=torch.long), [(0, 2)], "0 x 2 feature map is empty"),
    ],
)
def test_unusable_regions_are_refused_in_one_sentence(regions, sizes, message):
    with pytest.raises(ValueError, match=message):
        RegionGrid(regions, sizes)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.uint64])
def test_any_type_of_whole_numbers_gives_the_same_grid(dtype):
    regions = random_regions((2, 9, 11), 6)
    expected, grid = (RegionGrid(each, [(4, 5)]) for each in (regions, regions.to(dtype)))
    nodes = torch.randn(2, 6, 3)
    assert torch.equal(grid.unpool(nodes, 0), expected.unpool(nodes, 0))
    assert torch.equal(grid.adjacency, expected.adjacency)
    assert torch.equal(grid.order, expected.order)


def test_numbers_of_any_size_take_no_memory():
    regions = random_regions((2, 9, 11), 3) - 1  # with padding
    large = torch.tensor([7, 5000, 10**15, -5])[regions]
    grid, expected = RegionGrid(large, [(4, 5)]), RegionGrid(regions, [(4, 5)])
    assert grid.num_nodes == 2  # ranks: 0 became 7, 1 became 5000
    assert torch.equal(grid.regions.clamp(min=-1), regions)
    nodes = torch.randn(2, 2, 3)
    assert torch.equal(grid.unpool(nodes, 0), expected.unpool(nodes, 0))
    assert RegionGrid(torch.tensor([[[-1, 10**15]]]), []).regions.tolist() == [[[-1, 0]]]


def test_a_number_that_no_pixel_has_costs_no_node():
    regions = torch.zeros(1, 64, 64, dtype=torch.long)
    regions[..., 32:] = 8000  # as instances of Cityscapes are numbered
    assert RegionGrid(regions, [(16, 16)]).num_nodes == 2
