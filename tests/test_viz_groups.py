"""Superpixels and groups over a photograph: their colours, outlines, neighbours and areas."""

import matplotlib
import numpy as np
import pytest
import torch
from shown import PHOTO, QUARTERS, picture, titles

from dgmlib import Predictor, superpixels, viz
from dgmlib.viz.style import enlarged

BYTES = (255 * PHOTO).astype(np.uint8)


@pytest.mark.parametrize("photo", [PHOTO, BYTES, torch.tensor(PHOTO)])
def test_groups_take_the_mean_colour_of_their_pixels(photo):
    halves = QUARTERS % 2
    figure = viz.grouping_levels(photo, {"fine": QUARTERS, "coarse": torch.tensor(halves)})
    assert titles(figure) == ["fine", "coarse"]
    inside = picture(figure.axes[1])[10, 10]  # twice the size; away from borders
    np.testing.assert_allclose(inside, PHOTO[halves == 0].mean(0), atol=2 / 255)


def test_a_region_that_is_not_merged_keeps_its_colour_and_a_merged_one_lies_between():
    merged = np.where(QUARTERS == 3, 2, QUARTERS) * 3  # groups' numbers have gaps
    fine, coarse = map(picture, viz.grouping_levels(PHOTO, {"a": QUARTERS, "b": merged}).axes)
    np.testing.assert_array_equal(fine[5, 5], coarse[5, 5])
    low, high = np.minimum(fine[35, 5], fine[35, 55]), np.maximum(fine[35, 5], fine[35, 55])
    assert ((low <= coarse[35, 5]) & (coarse[35, 5] <= high)).all()


def test_borders_are_outlined_and_what_has_no_label_is_pale_and_grey():
    padded = QUARTERS.copy()
    padded[:, 25:] = -1
    shown = picture(viz.grouping_levels(PHOTO, {"a": padded}).axes[0])
    assert (shown[10, 29] < 0.5 * shown[10, 10]).all()  # the last column of region 0
    assert (shown[:, 50:].min(), len(np.unique(shown[10, 58]))) >= (0.65, 1)
    assert np.ptp(shown[:, 50:, 0]) > 0.1  # the photograph can still be seen


def test_a_boundary_that_lasts_is_darker():
    (axis,) = viz.contours([QUARTERS, QUARTERS // 2]).axes  # the second has no boundary between left and right
    shown = picture(axis)
    stays, goes, inside = shown[160, 5], shown[5, 240], shown[5, 5]  # of sixteen times the size
    assert (stays, goes, inside) == (0, 0.5, 1)


def test_colours_follow_a_group_that_takes_others_in():
    fine = np.arange(600).reshape(20, 30) // 60  # ten bands of two rows
    middle = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4])[fine]  # unequal groups; label 2 is one band
    coarse = np.array([0, 0, 1, 1, 1])[middle]
    low, mid, top = viz.following_colours([fine, middle, coarse])
    np.testing.assert_array_equal(low[5], mid[2])  # not merged: exactly its colour
    for upper, colours, parts in ((mid, low, [2, 3, 4]), (top, mid, [2, 3, 4])):
        same = [np.array_equal(upper[1], colours[part]) for part in parts]
        assert sum(same) == 1  # one part, the largest, hands its colour on
    own = sorted(matplotlib.colors.to_rgb(colour) for colour in viz.PALETTE[:2])
    np.testing.assert_allclose(sorted(top.tolist()), own, atol=0.01)  # few groups: the palette itself
    for colours in (low, mid, top):
        assert len(np.unique(colours.round(3), axis=0)) == len(colours)


def test_the_largest_part_is_the_one_that_keeps_the_colour():
    fine = np.repeat([0, 1, 2], [2, 15, 3])[:, None].repeat(30, 1)
    coarse = np.repeat([0, 1], [17, 3])[:, None].repeat(30, 1)
    low, top = viz.following_colours([fine, coarse])
    np.testing.assert_array_equal(low[1], top[0])
    assert not np.allclose(low[0], top[0])


def test_a_single_group_on_top_has_the_colour_of_its_largest_part():
    halves = (np.arange(30) >= 10).astype(int)[None].repeat(20, 0)
    low, top = viz.following_colours([halves, np.zeros_like(halves)])
    np.testing.assert_allclose(top[0], low[1], atol=1e-9)
    (alone,) = viz.following_colours([np.zeros((4, 4), int)])
    assert alone.shape == (1, 3)


@pytest.mark.parametrize("count", [2, 7, 8, 60, 400])
def test_colours_of_many_groups_are_colours(count):
    labels = np.arange(400).reshape(20, 20) % count
    low, top = viz.following_colours([np.arange(400).reshape(20, 20), labels])
    for colours in (low, top):
        assert np.isfinite(colours).all()
        assert ((colours >= 0) & (colours <= 1)).all()
    assert len(np.unique(top.round(3), axis=0)) > 0.9 * count


def test_colours_do_not_depend_on_numbering_gaps_and_skip_padding():
    padded = np.where(QUARTERS == 3, -1, QUARTERS)
    close, apart = (
        viz.following_colours([padded])[0],
        viz.following_colours([np.where(padded > 0, 7 * padded, padded)])[0],
    )
    np.testing.assert_array_equal(close[[0, 1, 2]], apart[[0, 7, 14]])


def test_hierarchy_shows_the_photograph_and_levels_in_colours_that_follow_groups():
    halves = QUARTERS % 2
    figure = viz.hierarchy(PHOTO, {"fine": torch.tensor(QUARTERS), "coarse": halves})
    assert titles(figure) == ["image", "fine", "coarse"]
    colours = viz.following_colours([QUARTERS, halves])
    for axis, labels, theirs in zip(figure.axes[1:], (QUARTERS, halves), colours, strict=True):
        np.testing.assert_array_equal(picture(axis), viz.tinted(PHOTO, labels, theirs))


def test_a_large_photograph_takes_no_more_room_than_a_figure_shows():
    photo, labels = np.zeros((1500, 3100, 3), np.uint8), np.arange(3100)[None] // 775 + np.zeros((1500, 1), int)
    shown = enlarged(photo, labels)
    assert [array.shape[:2] for array in shown] == [(750, 1550)] * 2  # every fourth pixel, twice
    assert np.unique(shown[1], return_counts=True)[1].tolist() == [750 * 388] * 3 + [750 * 386]


def test_a_small_picture_is_enlarged_pixel_by_pixel_and_titles_stand_at_one_height():
    figure = viz.hierarchy(PHOTO, {"fine": QUARTERS})
    np.testing.assert_array_equal(picture(figure.axes[0])[8::16, 8::16], PHOTO)  # 30 pixels -> 480
    figure.draw_without_rendering()
    tops = [axis.get_window_extent().y1 for axis in figure.axes]
    np.testing.assert_allclose(tops, tops[0], atol=1)


def test_few_groups_have_white_outlines_and_many_dark_ones():
    many = np.arange(600).reshape(20, 30) // 4
    few, lots = (picture(axis) for axis in viz.hierarchy(PHOTO, {"few": QUARTERS, "many": many}).axes[1:3])
    assert (few[:, 239:241] == 1).all(-1).mean() > 0.9
    assert lots.mean() < few.mean()


def test_regions_have_their_mean_colours_and_dark_outlines():
    figure = viz.partitions(
        {"photograph": (BYTES, None), "4 regions": (BYTES, QUARTERS), "of another": (BYTES, torch.tensor(QUARTERS))}
    )
    assert [axis.get_title() for axis in figure.axes] == ["photograph", "4 regions", "of another", ""]
    plain, shown = (np.asarray(axis.images[0].get_array()) for axis in figure.axes[:2])
    np.testing.assert_allclose(plain, BYTES / 255)
    inside = shown[8::16, 8::16]  # the middles of pixels, sixteen times as large
    np.testing.assert_allclose(inside[:10, :15], np.broadcast_to(BYTES[:10, :15].mean((0, 1)) / 255, (10, 15, 3)))
    assert (shown[10, 239] < 0.4 * shown[10, 8]).all()  # the border between left and right
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 2)


def test_every_pair_that_touches_is_joined_once():
    figure = viz.adjacency_graph(superpixels.to_pyg(BYTES, QUARTERS))
    (axis,) = figure.axes
    lines, dots = axis.collections
    ends = {tuple(map(tuple, np.round(segment, 6).tolist())) for segment in lines.get_segments()}
    corners = [(7.0, 4.5), (22.0, 4.5), (7.0, 14.5), (22.0, 14.5)]
    assert ends == {(corners[a], corners[b]) for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))}
    np.testing.assert_allclose(dots.get_offsets(), corners, atol=1e-4)
    assert axis.get_title() == "4 regions and their adjacency graph"


def test_rows_of_levels_have_a_photograph_each_and_its_levels(model):
    predict = Predictor(model, short_side=64)
    scenes = [predict(PHOTO), predict(np.asarray(PHOTO)[:, :40])]
    figure = viz.levels_in_rows(scenes)
    assert len(figure.axes) == 2 * (1 + scenes[0].levels)
    for row, scene in zip((figure.axes[:5], figure.axes[5:]), scenes, strict=True):
        counts = [len(np.unique(scene.groups(level))) for level in range(1, 5)]
        shown = [axis.get_title() for axis in row]
        assert shown == ["image", *(f"level {level}: {count} groups" for level, count in enumerate(counts, 1))]


@pytest.mark.parametrize(
    "draw",
    [
        lambda photo: viz.tinted(photo, QUARTERS, np.eye(4)[:, :3]),
        lambda photo: viz.mosaic(photo, QUARTERS),
        lambda photo: viz.weighted(photo, QUARTERS, np.linspace(0, 1, 4), 1),
    ],
)
def test_bytes_and_floats_are_one_photograph(draw):
    as_bytes = (255 * PHOTO).round().astype(np.uint8)
    np.testing.assert_allclose(*(np.asarray(draw(photo), float) for photo in (as_bytes, as_bytes / 255)), atol=1e-6)


def test_a_group_without_a_group_above_it_has_a_colour():
    low, _ = viz.following_colours([np.array([[0, 1, 2]]), np.array([[0, 1, -1]])])
    assert low.shape == (3, 3)
    assert ((low >= 0) & (low <= 1)).all()
