"""Figures of superpixels: outlines, adjacency, quality."""

import numpy as np
import pandas as pd

from dgmlib import superpixels, viz
from dgmlib.viz.superpixels import SCORES

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
QUARTERS = np.arange(20)[:, None] // 10 * 2 + np.arange(30) // 15  # (20, 30), regions 0..3


def test_regions_have_their_mean_colours_and_dark_outlines():
    figure = viz.partitions(
        {"photograph": (PHOTO, None), "4 regions": (PHOTO, QUARTERS), "of another": (PHOTO, QUARTERS)}
    )
    assert [axis.get_title() for axis in figure.axes] == ["photograph", "4 regions", "of another", ""]
    plain, shown = (np.asarray(axis.images[0].get_array()) for axis in figure.axes[:2])
    np.testing.assert_allclose(plain, PHOTO / 255)
    inside = shown[8::16, 8::16]  # the middles of pixels, sixteen times as large
    np.testing.assert_allclose(inside[:10, :15], np.broadcast_to(PHOTO[:10, :15].mean((0, 1)) / 255, (10, 15, 3)))
    assert (shown[10, 239] < 0.4 * shown[10, 8]).all()  # the border between left and right
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 2)


def test_every_pair_that_touches_is_joined_once():
    figure = viz.adjacency_graph(superpixels.to_pyg(PHOTO, QUARTERS))
    (axis,) = figure.axes
    lines, dots = axis.collections
    ends = {tuple(map(tuple, np.round(segment, 6).tolist())) for segment in lines.get_segments()}
    corners = [(7.0, 4.5), (22.0, 4.5), (7.0, 14.5), (22.0, 14.5)]
    assert ends == {(corners[a], corners[b]) for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))}
    np.testing.assert_allclose(dots.get_offsets(), corners, atol=1e-4)
    assert axis.get_title() == "4 regions and their adjacency graph"


def test_quality_says_which_way_is_better_and_what_is_measured():
    rows = [[method, 60 * n, 0.5 + 0.1 * n, 0.6, 0.1 / n] for method in ("ours", "SLIC") for n in (1, 2)]
    figure = viz.quality_curves(pd.DataFrame(rows, columns=["method", "regions", "ASA", "BR", "UE"]))
    assert [axis.get_title() for axis in figure.axes] == [
        "ASA: higher is better",
        "BR: higher is better",
        "UE: lower is better",
    ]
    assert [axis.get_ylabel() for axis in figure.axes] == [meaning for meaning, _ in SCORES.values()]
    ours, theirs = (line for line in figure.axes[0].lines if len(line.get_xdata()))  # the others are the legend's
    np.testing.assert_allclose(ours.get_xydata(), [[60, 0.6], [120, 0.7]])
    assert ours.get_linewidth() > theirs.get_linewidth()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "SLIC"]
