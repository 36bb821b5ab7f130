"""What the tests of figures share: a photograph, and how to read a figure."""

import numpy as np
from matplotlib.figure import Figure

PHOTO = np.random.default_rng(0).random((20, 30, 3))
QUARTERS = (np.arange(20)[:, None] // 10 * 2 + np.arange(30) // 15).astype(np.int32)  # (20, 30), regions 0..3
NAMES = ["-", "wall", "sky", "floor", "tree", "house", "car", "dog", "cat", "bed", "sofa"]


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def picture(axis):
    return np.asarray(axis.images[0].get_array())


def legend_of(figure_or_axis):
    legend = figure_or_axis.legends[0] if isinstance(figure_or_axis, Figure) else figure_or_axis.get_legend()
    return [text.get_text() for text in legend.get_texts()]
