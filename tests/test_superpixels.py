import math

import networkx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage import data
from skimage.measure import label as connected

from dgmlib import superpixels
from dgmlib.superpixels import merge, partition
from dgmlib.superpixels.merge import cut, merge_order, region_graph
from dgmlib.superpixels.partition import fine_partition, lab_image, smooth

# Few grey levels make ties, plateaus and flat images likely; many make them unlikely.
images = st.tuples(
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.sampled_from([1, 3, 255]),
).flatmap(lambda s: hnp.arrays(np.uint8, s[0] + s[1], elements=st.integers(0, s[2]).map(lambda v: v * (255 // s[2]))))

#: Its middle row has neighbours that are equally low.
MIRRORED = np.random.default_rng(0).integers(0, 256, (5, 200), np.uint8)[[*range(5), *range(3, -1, -1)]]


@pytest.fixture(scope="module")
def photo():
    return data.astronaut()[80:240, 120:330]


def check_label_map(labels, shape):
    n = labels.max() + 1
    assert labels.shape == shape
    assert labels.dtype == np.int32
    first = np.unique(labels, return_index=True)
    np.testing.assert_array_equal(first[0], np.arange(n))  # no gaps
    assert (np.diff(first[1]) > 0).all()  # reading order
    assert connected(labels, connectivity=1, background=-1).max() == n  # every region in one piece
    return n


@settings(deadline=None, max_examples=100)
@given(images, st.integers(1, 40), st.integers(1, 40))
def test_connected_capped_nested_and_deterministic(image, a, b):
    a, b = max(a, b), min(a, b)
    fine, coarse = superpixels.segment_hierarchy(image, (a, b))
    available = fine_partition(lab_image(image)).max() + 1
    assert check_label_map(fine, image.shape[:2]) == min(a, available)
    assert check_label_map(coarse, image.shape[:2]) == min(b, available)
    assert len(np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1).T) == fine.max() + 1
    np.testing.assert_array_equal(superpixels.segment(image, a), fine)
    np.testing.assert_array_equal(superpixels.segment(image, b), coarse)


def test_photograph_gets_exactly_the_count_asked_for(photo):
    for count, labels in zip((512, 64, 300), superpixels.segment_hierarchy(photo, (512, 64, 300)), strict=True):
        assert check_label_map(labels, photo.shape[:2]) == count


@pytest.mark.parametrize(
    "convert", [lambda x: x / 255, lambda x: (x / 255).astype(np.float32), lambda x: x * np.uint16(257)]
)
def test_same_for_every_number_type(photo, convert):
    np.testing.assert_array_equal(superpixels.segment(convert(photo), 200), superpixels.segment(photo, 200))


def test_grey_and_alpha(photo):
    grey = photo[..., 1]
    expected = superpixels.segment(grey, 100)
    np.testing.assert_array_equal(superpixels.segment(grey[..., None], 100), expected)
    np.testing.assert_array_equal(superpixels.segment(np.stack([grey] * 3, 2), 100), expected)
    opaque = np.dstack([photo, np.full_like(grey, 255)])
    np.testing.assert_array_equal(superpixels.segment(opaque, 100), superpixels.segment(photo, 100))


@pytest.mark.parametrize("flip", [np.fliplr, np.flipud])
def test_mirrored_image_gives_the_mirrored_partition(photo, flip):
    ours = superpixels.segment(photo, 256)
    mirrored = flip(superpixels.segment(flip(photo).copy(), 256))
    assert len(np.unique(np.stack([ours.ravel(), mirrored.ravel()]), axis=1).T) == 256


@pytest.mark.parametrize(("shape", "n"), [((1, 1), 1), ((1, 50), 1), ((7, 1, 4), 1), ((30, 20, 3), 1)])
def test_flat_image_is_one_region(shape, n):
    assert superpixels.segment(np.full(shape, 200, np.uint8)).max() + 1 == n


def test_two_tones_are_two_regions():
    image = np.zeros((40, 30), np.uint8)
    image[:, 13:] = 255
    labels = superpixels.segment(image, 2)
    np.testing.assert_array_equal(labels, (image > 0).astype(np.int32))


def test_specks_in_a_flat_background_stay_quick():
    image = np.zeros((600, 600), np.uint8)
    image[::4, ::4] = np.random.default_rng(0).integers(60, 256, (150, 150))
    assert superpixels.segment(image, 500).max() + 1 == 500


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5)), "shape"),
        (np.zeros((5, 5, 5)), "1 to 4 channels"),
        (np.zeros((2, 5, 5, 3)), "shape"),
        (np.full((4, 4), np.nan), "NaN or infinite"),
        (np.full((4, 4), np.inf, np.float32), "NaN or infinite"),
        (np.full((4, 4), 255.0), r"scale it to \[0, 1\]"),
        (np.zeros((4, 4), np.int64), "dtype int64"),
        (np.zeros((4, 4), complex), "dtype complex128"),
    ],
)
def test_bad_image_is_told(image, message):
    with pytest.raises(ValueError, match=message):
        superpixels.segment(image)


def test_bad_count_is_told(photo):
    with pytest.raises(ValueError, match="at least one region"):
        superpixels.segment(photo, 0)


def test_weights_of_other_features_are_told_and_no_count_gives_no_map(photo):
    with pytest.raises(ValueError, match="weights must be 7 numbers, one for each of bias, colour distance"):
        superpixels.segment_hierarchy(photo, weights=merge.WEIGHTS[:6])
    assert superpixels.segment_hierarchy(photo, ()) == []


@settings(deadline=None, max_examples=50)
@given(images)
@example(MIRRORED)
def test_fine_partition_against_a_walk_downhill(image):
    lab = lab_image(image)
    level = smooth(lab, partition.FINE_SIGMA)
    height, width = shape = lab.shape[:2]
    slope = {}
    for y, x in np.ndindex(shape):
        down = level[min(y + 1, height - 1), x] - level[max(y - 1, 0), x]
        right = level[y, min(x + 1, width - 1)] - level[y, max(x - 1, 0)]
        slope[y, x] = sum(down**2 + right**2, start=np.float32(0))
    graph = networkx.Graph()
    graph.add_nodes_from(slope)
    for (y, x), here in slope.items():
        around = [place for place in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)) if place in slope]
        lowest = min(around, key=slope.get, default=(y, x))
        # The lowest neighbour or, on a plateau, all that are as low.
        steps = [lowest] if slope[lowest] < here else [place for place in around if slope[place] == here]
        graph.add_edges_from(((y, x), step) for step in steps)
    expected = np.empty(shape)
    for number, basin in enumerate(sorted(networkx.connected_components(graph), key=min)):
        expected[*zip(*basin, strict=True)] = number
    np.testing.assert_array_equal(fine_partition(lab), expected)


def test_region_graph_against_a_loop_over_pixels(photo):
    lab = lab_image(photo[:24, :31])
    fine = fine_partition(lab)
    graph = region_graph(fine, lab)
    levels = [smooth(lab, sigma).astype(float) for sigma in merge.CUE_SIGMAS]
    areas, sides = {}, {}
    for y, x in np.ndindex(fine.shape):
        areas[fine[y, x]] = areas.get(fine[y, x], 0) + np.array([1, *lab[y, x].astype(float)])
        for v, u in ((y, x + 1), (y + 1, x)):
            if v < fine.shape[0] and u < fine.shape[1] and fine[v, u] != fine[y, x]:
                pair = tuple(sorted((int(fine[y, x]), int(fine[v, u]))))
                step = [1, *(np.linalg.norm(level[y, x] - level[v, u]) for level in levels)]
                sides[pair] = sides.get(pair, 0) + np.array(step)
    np.testing.assert_allclose(graph.regions, [areas[i] for i in range(len(areas))])
    assert [tuple(pair) for pair in graph.pairs.tolist()] == sorted(sides)
    np.testing.assert_allclose(graph.sides, [sides[pair] for pair in sorted(sides)], rtol=1e-4, atol=1e-4)


def literal_cost(a, b, side):
    distance = a[1:] / a[0] - b[1:] / b[0]
    features = [np.linalg.norm(distance), np.linalg.norm(distance[1:]), *side[1:] / side[0]]
    logs = [math.log(f + 0.01) for f in features]
    small, large = sorted((a[0], b[0]))
    x = [1, *logs[:2], math.log(large), math.log(side[0]), *logs[2:]]
    p = 1 / (1 + math.exp(-float(np.dot(merge.WEIGHTS, x))))
    return p * (small + merge.BOUNDARY * side[0])


def literal_merges(graph, until):
    """The merge order with sets and dictionaries: a pair's offer is looked at again when its turn comes."""
    regions = dict(enumerate(graph.regions.copy()))
    sides = {frozenset(p): s for p, s in zip(graph.pairs.tolist(), graph.sides.copy(), strict=True)}
    offers = {pair: literal_cost(*(regions[i] for i in pair), s) for pair, s in sides.items()}
    merges = []
    while len(regions) > until and offers:
        pair = min(offers, key=offers.get)
        now = literal_cost(*(regions[i] for i in pair), sides[pair])
        if now > offers[pair] * (1 + 1e-7):
            offers[pair] = now
            continue
        neighbours = {i: {next(iter(p - {i})) for p in sides if i in p} for i in pair}
        keep, gone = sorted(pair, key=lambda i: (-len(neighbours[i]), i))
        merges.append((keep, gone))
        regions[keep] = regions[keep] + regions.pop(gone)
        del offers[pair], sides[pair]
        for other in neighbours[gone] - {keep}:
            old, new = frozenset((gone, other)), frozenset((keep, other))
            offers[new] = min(offers[old], offers.get(new, math.inf))
            sides[new] = sides.get(new, 0) + sides.pop(old)
            del offers[old]
    return merges


def test_merge_order_against_a_literal_implementation(photo):
    lab = lab_image(photo[40:70, 40:80])
    graph = region_graph(fine_partition(lab), lab)
    assert len(graph.regions) > 100
    n, ours, literal = len(graph.regions), merge_order(graph), np.array(literal_merges(graph, 1))
    for count in range(1, n + 1):
        np.testing.assert_array_equal(cut(np.arange(n), ours, count), cut(np.arange(n), literal, count))


def test_plain_python_gives_the_same_as_numba(photo, monkeypatch):
    lab = lab_image(photo)
    fine = fine_partition(lab)
    graph = region_graph(fine, lab)
    compiled = merge_order(graph)
    features = merge.pair_features(*graph)
    for module in (partition, merge):
        for name, value in vars(module).copy().items():
            if hasattr(value, "py_func"):
                monkeypatch.setattr(module, name, value.py_func)
    np.testing.assert_array_equal(fine_partition(lab), fine)
    np.testing.assert_array_equal(merge_order(graph), compiled)
    np.testing.assert_array_equal(merge.pair_features(*graph), features)


def test_fitted_constants_can_take_the_place_of_ours(photo):
    (ours,), (same,), (other,) = (
        superpixels.segment_hierarchy(photo, (50,), weights)
        for weights in (merge.WEIGHTS, list(merge.WEIGHTS), (-5.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    )
    np.testing.assert_array_equal(ours, same)
    assert (ours != other).any()
    assert other.max() + 1 == 50


def test_cut_applies_the_first_merges_only():
    fine = np.array([[0, 1, 2, 3]], np.int32)
    merges = np.array([[2, 3], [0, 1], [0, 2]])
    assert [cut(fine, merges, k).tolist()[0] for k in (9, 4, 3, 2, 1)] == [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [0, 1, 2, 2],
        [0, 0, 1, 1],
        [0, 0, 0, 0],
    ]
    assert cut(np.zeros(1, np.int32), merges[:0], 1).tolist() == [0]


def test_a_large_picture_has_fewer_fine_regions_a_pixel():
    noise = np.random.default_rng(0).random((1400, 1400, 3), dtype=np.float32)
    small, large = fine_partition(noise[:300, :300]), fine_partition(noise)
    assert small.max() / small.size > 1.05 * large.max() / large.size
