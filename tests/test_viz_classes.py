"""Label maps: legends and colours of classes."""

import matplotlib
import numpy as np
import pytest
import torch
from shown import NAMES, PHOTO, QUARTERS, legend_of, picture, titles

from dgmlib import viz


def test_the_legend_lists_exactly_the_classes_present():
    truth = np.where(QUARTERS == 0, 0, 3)
    figure = viz.segmentation(PHOTO, {"truth": truth, "prediction": torch.tensor(QUARTERS[::4, ::4] // 3 * 5)}, NAMES)
    assert titles(figure) == ["image", "truth", "prediction"]
    assert legend_of(figure) == ["floor", "house", "none"]
    colours = viz.class_colours([3, 5, 0], NAMES)
    assert matplotlib.colors.to_hex(picture(figure.axes[1])[0, 0]) == colours[0] == viz.NONE
    assert matplotlib.colors.to_hex(picture(figure.axes[1])[-1, -1]) == colours[3]
    assert figure.axes[2].images[0].get_extent() == [0, 30, 20, 0]  # a coarser map covers the whole image


def test_a_class_has_one_colour_in_all_figures_of_a_picture():
    ids = np.where(np.arange(30) < 20, 5, 2) * np.ones((20, 1), int)  # the larger class has the larger id
    figures = viz.segmentation(PHOTO, {"prediction": ids}, NAMES), viz.parsing(PHOTO, {"object": (ids, NAMES)})
    left, right = (picture(figure.axes[1])[0, [0, -1]] for figure in figures)
    np.testing.assert_array_equal(left, right)
    assert (left[0] != left[1]).any()
    many = viz.class_colours(range(12), [str(i) for i in range(12)])  # of which a parsing shows the largest seven
    assert tuple(many.values())[:7] == viz.PALETTE


def test_every_task_has_a_legend_of_its_own():
    figure = viz.parsing(PHOTO, {"object": (QUARTERS + 1, NAMES), "material": (np.zeros((5, 8), int), ["-", "wood"])})
    assert legend_of(figure.axes[1]) == ["wall", "sky", "floor", "tree"]
    assert legend_of(figure.axes[2]) == ["none"]


def test_a_task_with_many_classes_shows_the_largest_and_calls_the_rest_others():
    ids = np.repeat(np.arange(1, 11), np.arange(10, 110, 10))[None]  # class 10 covers most
    figure = viz.parsing(PHOTO, {"object": (np.concatenate([ids, 0 * ids]), NAMES)})
    axis = figure.axes[1]
    assert legend_of(axis) == ["sofa", "bed", "cat", "dog", "car", "house", "tree", "others", "none"]
    grey = matplotlib.colors.to_rgb(axis.get_legend().get_patches()[7].get_facecolor())
    np.testing.assert_array_equal(np.unique(picture(axis)[0, :110], axis=0), [grey])  # classes 1 to 3, enlarged
    assert matplotlib.colors.to_hex(picture(axis)[0, -1]) == viz.PALETTE[0]


@pytest.mark.parametrize("count", [1, 8, 9, 18, 19, 60])
def test_colours_of_classes_differ(count):
    colours = viz.class_colours(range(count), [str(i) for i in range(count)])
    assert len(set(colours.values())) == count
    assert count > 7 or tuple(colours.values()) == viz.PALETTE[:count]
    saturation = np.ptp([matplotlib.colors.to_rgb(colour) for colour in colours.values()], axis=1)
    assert count == 8 or (saturation > 0.1).all()  # no greys, which are for what is no class; black comes last


def test_pixels_of_no_part_are_grey():
    colours = viz.class_colours([0, 1, 2], ["-", "no part", "car: wheel"])
    assert colours == {0: viz.NONE, 1: "#b4b4b4", 2: viz.PALETTE[0]}


def comparison():
    truth = np.where(QUARTERS == 0, 0, QUARTERS)
    return viz.comparison(PHOTO, truth, {"UPerNet": truth + (QUARTERS == 3), "DGM": truth}, NAMES, "object, a")


def test_comparison_counts_labelled_pixels_and_marks_the_wrong_ones():
    figure = comparison()
    assert titles(figure) == ["image", "truth", "UPerNet", "DGM", "67% right", "100% right"]
    wrong = picture(figure.axes[6])
    marked = (wrong == matplotlib.colors.to_rgb("#ff0090")).all(-1)
    np.testing.assert_array_equal(marked, QUARTERS == 3)
    assert (picture(figure.axes[7])[QUARTERS == 0].mean() > picture(figure.axes[7])[QUARTERS > 0].mean()).all()
    assert legend_of(figure.axes[4]) == ["wall", "sky", "floor", "tree", "none", "differs from the truth"]
    assert figure.get_suptitle() == "object, a"


def test_no_part_is_not_counted_as_right():
    truth = np.where(QUARTERS < 2, QUARTERS, 2)  # a quarter unlabelled, one of no part, half a wheel
    figure = viz.comparison(PHOTO, truth, {"UPerNet": np.ones_like(truth)}, ["-", "no part", "car: wheel"])
    assert titles(figure) == ["image", "truth", "UPerNet", "0% right"]


def test_neighbouring_classes_have_a_line_between_them_and_unlabelled_predictions_a_veil():
    figure = comparison()
    shown = picture(figure.axes[2])  # enlarged; rows of 20 pixels, the first quarter unlabelled in the truth
    times = shown.shape[1] // 30
    inside, border = shown[-1, -1], shown[-1, 15 * times]
    assert (border < 0.5 * inside + 1e-9).all()
    veil = figure.axes[2].images[1].get_array()
    assert (veil[0, 0, 3], veil[-1, -1, 3]) == (0.65, 0)
