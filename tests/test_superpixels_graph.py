import numpy as np
import pytest
import torch
from skimage import data
from torch_geometric.data import Batch

from dgmlib import superpixels

LABELS = np.array([[0, 0, 1], [0, 2, 1], [3, 3, 1]])


def test_adjacency_of_a_small_map():
    edges = superpixels.region_adjacency(LABELS)
    assert edges.dtype == np.int64
    expected = [(0, 1), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3), (2, 0), (2, 1), (2, 3), (3, 0), (3, 1), (3, 2)]
    assert [tuple(edge) for edge in edges.T.tolist()] == expected


def test_adjacency_ignores_padding_and_corners():
    assert superpixels.region_adjacency(np.array([[0, -1], [-1, 1]])).shape == (2, 0)
    assert superpixels.region_adjacency(np.array([[0, 2], [1, 0]])).tolist() == [[0, 0, 1, 2], [1, 2, 0, 0]]
    assert superpixels.region_adjacency(np.zeros((1, 1), int)).shape == (2, 0)


@pytest.mark.parametrize("labels", [np.zeros((2, 2)), np.zeros(4, int), np.zeros((0, 3), int)])
def test_adjacency_of_something_else_is_told(labels):
    with pytest.raises(ValueError, match="integer map"):
        superpixels.region_adjacency(labels)


def test_graph_of_a_small_image():
    image = np.arange(9, dtype=np.uint8).reshape(3, 3)
    graph = superpixels.to_pyg(image, LABELS)
    assert graph.validate()
    assert graph.num_nodes == 4
    assert graph.is_undirected()
    torch.testing.assert_close(graph.x * 255, torch.tensor([[4 / 3], [5], [4], [6.5]]))
    torch.testing.assert_close(graph.pos, torch.tensor([[1 / 3, 1 / 3], [2, 1], [1, 1], [0.5, 2]]))
    assert graph.area.tolist() == [3, 3, 1, 2]
    lengths = dict(zip(map(tuple, graph.edge_index.T.tolist()), graph.edge_attr[:, 0].tolist(), strict=True))
    assert lengths[0, 1] == 1
    assert lengths[0, 2] == 2
    assert lengths[0, 3] == 1
    assert lengths[1, 2] == 1
    assert all(lengths[j, i] == length for (i, j), length in lengths.items())


def test_back_to_pixels_also_in_a_batch():
    photo = data.astronaut()
    parts = [photo[:60, :80], photo[200:300, 100:150]]
    graphs = [superpixels.to_pyg(part, superpixels.segment(part, 30)) for part in parts]
    batch = Batch.from_data_list(graphs)
    painted = batch.x[batch.pixel_index].split([graph.height * graph.width for graph in graphs])
    for graph, pixels, part in zip(graphs, painted, parts, strict=True):
        assert torch.equal(pixels, graph.x[graph.pixel_index])
        error = pixels.view(graph.height, graph.width, 3) - torch.from_numpy(part / 255)
        assert error.mean((0, 1)).abs().max() < 1e-6  # means keep the total


def test_total_boundary_is_counted_from_both_sides():
    labels = superpixels.segment(data.coffee()[::4, ::4], 60)
    graph = superpixels.to_pyg(np.zeros(labels.shape), labels)
    sides = (labels[1:] != labels[:-1]).sum() + (labels[:, 1:] != labels[:, :-1]).sum()
    assert graph.edge_attr.sum() == 2 * sides


def test_graph_of_mismatched_input_is_told():
    with pytest.raises(ValueError, match="pass a map of that image"):
        superpixels.to_pyg(np.zeros((3, 4)), LABELS)
    for labels in (LABELS - 1, LABELS * 2):
        with pytest.raises(ValueError, match="every one in use"):
            superpixels.to_pyg(np.zeros((3, 3)), labels)
