"""Features of nodes: centres among them, and as colours over a photograph."""

import numpy as np
import torch
from shown import PHOTO, QUARTERS, picture, titles

from dgmlib import viz
from dgmlib.viz.nodes import principal_components

RNG = np.random.default_rng(0)


def test_region_colours_are_means_by_label():
    colours = viz.region_colours(PHOTO, QUARTERS)
    assert colours.shape == (4, 3)
    np.testing.assert_allclose(colours[2], PHOTO[QUARTERS == 2].mean(0))


def test_centres_stand_where_the_assignment_puts_them():
    nodes = RNG.random((4, 5))
    start, everything = np.eye(4)[:, ::2], np.full((4, 2), 0.25)
    figure = viz.centres(
        torch.tensor(nodes), {"k = 0": start, "k = 1": everything}, viz.region_colours(PHOTO, QUARTERS)
    )
    assert titles(figure) == ["k = 0", "k = 1"]
    dots, rings = (c.get_offsets() for c in figure.axes[0].collections)
    np.testing.assert_allclose(rings, dots[::2])
    _, rings = (c.get_offsets() for c in figure.axes[1].collections)
    np.testing.assert_allclose(rings, np.zeros((2, 2)), atol=1e-12)  # the mean, which is the plane's origin
    assert len(figure.axes[1].lines) == 2  # a trail per centre


def test_principal_components_have_a_fixed_sign_and_are_padded():
    features = RNG.random((6, 2))
    components = principal_components(features, 3)
    assert components.shape == (6, 3)
    np.testing.assert_array_equal(components[:, 2], 0)
    shifted = principal_components(features[::-1] + 7, 3)[::-1]
    np.testing.assert_allclose(components, shifted, atol=1e-12)


def test_false_colours_use_one_scale_for_all_panels():
    nodes = RNG.random((4, 6))
    figure = viz.false_colours(PHOTO, QUARTERS, {"before": nodes, "same": nodes, "after": nodes + 5})
    assert titles(figure) == ["image", "before", "same", "after"]
    before, same, after = (picture(axis) for axis in figure.axes[1:])
    np.testing.assert_array_equal(before, same)
    assert np.abs(before - after).max() > 0.1
