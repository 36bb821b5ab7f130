"""Clicks, masks and how good they are."""

import numpy as np
import pandas as pd

from dgmlib import viz
from dgmlib.explain import Click

PHOTO = np.random.default_rng(0).integers(0, 256, (48, 72, 3), dtype=np.uint8)


def test_masks_are_drawn_over_the_photograph_with_clicks_of_two_shapes():
    mask = np.zeros((48, 72), dtype=bool)
    mask[10:30, 20:50] = True
    figure = viz.click_masks(PHOTO, [Click(30, 20), Click(5, 5, False)], {"soft": mask * 0.5, "mask": mask})
    assert [axis.get_title() for axis in figure.axes if axis.get_title()] == ["clicks", "soft", "mask"]
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), PHOTO / 255)
    shown = np.asarray(figure.axes[2].images[0].get_array())
    blueness = shown[..., 2] - shown[..., 0]
    assert blueness[mask].min() > 0.3
    assert np.abs(blueness[~mask]).max() < 1e-9  # grey outside
    positive, _, negative, _ = figure.axes[2].collections[-4:]
    np.testing.assert_array_equal(positive.get_offsets(), [[30, 20]])
    np.testing.assert_array_equal(negative.get_offsets(), [[5, 5]])
    assert len(positive.get_paths()[0].vertices) != len(negative.get_paths()[0].vertices)  # circle and square
    step = viz.click_masks(PHOTO, [Click(30, 20), Click(5, 5, False)], {"mask": mask}, drawn=[[Click(30, 20)]])
    assert [len(axis.collections) for axis in step.axes] == [4, 3]  # two marks a click, and the outline


def test_curves_have_a_colour_per_method_and_a_style_per_level():
    methods = {"superpixel only": (1,), "DGM": (2, 3), "DGM, corrected at level 1": (2,), "untrained DGM": (2, 3)}
    rows = [
        {"data": "Broden-mini", "model": "m", "method": method, "level": level, "clicks": clicks}
        for method, levels in (methods | {"flood by colour": (0,)}).items()
        for level in levels
        for clicks in (1, 2)
    ]
    table = pd.DataFrame(rows)
    figure = viz.click_curves(table.assign(IoU=0.5 + 0.1 * table["level"], error=0.1))
    (axis,) = figure.axes
    assert axis.get_title() == "Broden-mini\nm"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "superpixel only",
        "DGM, level 2",
        "DGM, level 3",
        "untrained DGM, level 3 (its best)",
        "flood by colour",
    ]
    _, low, high, random, _ = (line for line in axis.lines if len(line.get_xdata()))  # the others are the legend's
    np.testing.assert_allclose(high.get_xydata(), [[1, 0.8], [2, 0.8]])
    band = axis.collections[2].get_paths()[0].vertices
    np.testing.assert_allclose([band[:, 1].min(), band[:, 1].max()], [0.7, 0.9])  # the column "error", both ways
    assert low.get_color() == high.get_color() != random.get_color()
    assert low.get_linestyle() != high.get_linestyle() == random.get_linestyle()


def test_curves_need_no_untrained_network():
    rows = [["CamVid", "m", "DGM", 2, clicks, 0.5, 0.1] for clicks in (1, 2)]
    figure = viz.click_curves(
        pd.DataFrame(rows, columns=["data", "model", "method", "level", "clicks", "IoU", "error"])
    )
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["DGM, level 2"]
