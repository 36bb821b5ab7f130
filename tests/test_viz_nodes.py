"""Nodes and superpixels: centres, features as colours, affinities, Grad-CAM, masks of clicks."""

import numpy as np
import torch
from matplotlib.figure import Figure
from shown import PHOTO, QUARTERS, picture, titles
from tiny import blocks

from dgmlib import viz
from dgmlib.explain import Click
from dgmlib.viz.nodes import principal_components

RNG = np.random.default_rng(0)
BYTES = np.random.default_rng(0).integers(0, 256, (48, 72, 3), dtype=np.uint8)


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


def test_affinities_show_more_weight_as_more_heat_and_mark_a_region():
    figure = viz.affinities(np.full((20, 30, 3), 0.5), QUARTERS, {"k = 1": torch.tensor([0.0, 0.1, 0.2, 0.4])}, mark=3)
    assert titles(figure) == ["k = 1, largest 0.4"]
    heat = picture(figure.axes[0])[16 * np.array([5, 5, 15, 15]), 16 * np.array([5, 20, 5, 20])].sum(1)
    assert heat.argmax() == 3
    np.testing.assert_allclose(picture(figure.axes[0])[80, 80], 0.55)  # no weight: the grey photograph
    np.testing.assert_allclose(picture(figure.axes[0])[159, 300], (0, 229 / 255, 1))  # the outline
    assert figure.axes[-1].get_ylabel() == "share of the largest"


def test_affinities_without_any_weight_and_with_padding():
    padded = np.where(QUARTERS == 3, -1, QUARTERS)
    figure = viz.affinities(PHOTO, padded, {"nothing": np.zeros(3)})
    assert np.isfinite(picture(figure.axes[0])).all()


def test_heat_maps_run_from_blue_to_red_inside_sharp_outlines():
    photo, labels = np.full((20, 30, 3), 0.5), blocks(20, 30, 10)[0]
    values = torch.tensor([0.0, 1, 2, 4, 2, 2])
    figure = viz.heat_maps(photo, labels, {"sharp": values, "smooth": values.view(2, 3), "none": torch.zeros(6)})
    assert isinstance(figure, Figure)
    sharp, smooth, none = (np.asarray(axis.images[0].get_array()) for axis in figure.axes[1:4])
    low, high = sharp[10, 10], sharp[300, 10]  # sixteen times the size; superpixels 0 and 3
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert (sharp[5:150, 5:150] == low).all()  # one colour inside
    assert sharp[200, 159].sum() < 0.6 * low.sum()  # and a dark line between two steps of colour
    np.testing.assert_array_equal(sharp[300, 310], sharp[300, 330])  # superpixels 4 and 5 are of one
    assert smooth.shape == (20, 30, 3)
    assert (none[10, 10] == low).all()
    assert titles(figure) == ["image", "sharp, the strongest", "smooth, the strongest", "none: zero everywhere"]


def test_titles_of_heat_maps_say_how_strong_they_are():
    photo, labels = np.full((20, 30, 3), 0.5), blocks(20, 30, 10)[0]
    maps = {str(share): torch.full((6,), share) for share in (1e-5, 0.004, 0.3, 1)}
    assert [title.split(", ")[1] for title in titles(viz.heat_maps(photo, labels, maps))[1:]] == [
        "under 0.1% as strong",
        "0.4% as strong",
        "30% as strong",
        "the strongest",
    ]
    assert viz.heat_maps(photo, labels, {"alone": torch.ones(6)}).axes[1].get_title() == "alone"


def test_masks_are_drawn_over_the_photograph_with_clicks_of_two_shapes():
    mask = np.zeros((48, 72), dtype=bool)
    mask[10:30, 20:50] = True
    figure = viz.click_masks(BYTES, [Click(30, 20), Click(5, 5, False)], {"soft": mask * 0.5, "mask": mask})
    assert titles(figure) == ["clicks", "soft", "mask"]
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), BYTES / 255)
    shown = np.asarray(figure.axes[2].images[0].get_array())
    blueness = shown[..., 2] - shown[..., 0]
    assert blueness[mask].min() > 0.3
    assert np.abs(blueness[~mask]).max() < 1e-9  # grey outside
    positive, _, negative, _ = figure.axes[2].collections[-4:]
    np.testing.assert_array_equal(positive.get_offsets(), [[30, 20]])
    np.testing.assert_array_equal(negative.get_offsets(), [[5, 5]])
    assert len(positive.get_paths()[0].vertices) != len(negative.get_paths()[0].vertices)  # circle and square
    step = viz.click_masks(BYTES, [Click(30, 20), Click(5, 5, False)], {"mask": mask}, drawn=[[Click(30, 20)]])
    assert [len(axis.collections) for axis in step.axes] == [4, 3]  # two marks a click, and the outline


def test_weights_lie_on_their_superpixels():
    picture = viz.weighted(PHOTO, QUARTERS, np.array([0, 0, 4.0, 1]), mark=1)
    grey = viz.weighted(PHOTO, QUARTERS, np.zeros(4))
    np.testing.assert_array_equal(picture[:5, :10], grey[:5, :10])  # weight zero shows the photograph
    assert np.abs(picture - grey)[QUARTERS == 2].mean() > np.abs(picture - grey)[QUARTERS == 3].mean() > 0.05
    np.testing.assert_allclose(picture[10, 20], (0, 229 / 255, 1))  # the outline of superpixel 1 lies outside of it
    np.testing.assert_array_equal(picture[13, 20], (0, 0, 0))  # and black around that
    np.testing.assert_array_equal(picture[:8, 18:], grey[:8, 18:])
