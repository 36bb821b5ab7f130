"""Heat maps over a photograph."""

import numpy as np
import torch
from matplotlib.figure import Figure
from tiny import blocks

from dgmlib import viz


def test_heat_maps_run_from_blue_to_red_inside_sharp_outlines():
    photo, labels = np.full((20, 30, 3), 0.5), blocks(20, 30, 10)[0]
    values = torch.tensor([0.0, 1, 2, 4, 2, 2])
    figure = viz.heat_maps(photo, labels, {"sharp": values, "smooth": values.view(2, 3), "none": torch.zeros(6)})
    assert isinstance(figure, Figure)
    sharp, smooth, none = (np.asarray(axis.images[0].get_array()) for axis in figure.axes[:3])
    low, high = sharp[10, 10], sharp[300, 10]  # sixteen times the size; superpixels 0 and 3
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert (sharp[5:150, 5:150] == low).all()  # one colour inside
    assert sharp[200, 159].sum() < 0.6 * low.sum()  # and a dark line between two steps of colour
    np.testing.assert_array_equal(sharp[300, 310], sharp[300, 330])  # superpixels 4 and 5 are of one
    assert smooth.shape == (20, 30, 3)
    assert (none[10, 10] == low).all()
    titles = [axis.get_title() for axis in figure.axes[:3]]
    assert titles == ["sharp, the strongest", "smooth, the strongest", "none: zero everywhere"]


def test_titles_of_heat_maps_say_how_strong_they_are():
    photo, labels = np.full((20, 30, 3), 0.5), blocks(20, 30, 10)[0]
    maps = {str(share): torch.full((6,), share) for share in (1e-5, 0.004, 0.3, 1)}
    titles = [axis.get_title() for axis in viz.heat_maps(photo, labels, maps).axes[:4]]
    assert [title.split(", ")[1] for title in titles] == [
        "under 0.1% as strong",
        "0.4% as strong",
        "30% as strong",
        "the strongest",
    ]
    assert viz.heat_maps(photo, labels, {"alone": torch.ones(6)}).axes[0].get_title() == "alone"
