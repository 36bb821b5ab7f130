"""Predictions beside the truth."""

import matplotlib
import numpy as np
from shown import NAMES, PHOTO, QUARTERS, legend_of, picture, titles

from dgmlib import viz


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
    assert legend_of(figure.axes[4]) == ["none", "wall", "sky", "floor", "tree", "differs from the truth"]
    assert figure.get_suptitle() == "object, a"


def test_no_part_is_not_counted_as_right():
    truth = np.where(QUARTERS < 2, QUARTERS, 2)  # a quarter unlabelled, one of no part, half a wheel
    figure = viz.comparison(PHOTO, truth, {"UPerNet": np.ones_like(truth)}, ["-", "no part", "car: wheel"])
    assert titles(figure) == ["image", "truth", "UPerNet", "0% right"]
