"""The picture for the head of a page."""

from types import SimpleNamespace

import numpy as np
from shown import NAMES, PHOTO, QUARTERS, legend_of, titles

from dgmlib import viz
from dgmlib.explain import Click


def test_overview_names_every_colour():
    clicks = [Click(3, 4), Click(25, 4, False)]
    clicked = SimpleNamespace(photograph=PHOTO, regions=QUARTERS, clicks=clicks, mask=QUARTERS == 0)
    levels = {"level 1": QUARTERS, "level 2": QUARTERS % 2}
    ids = np.arange(600).reshape(20, 30) // 60 + 1
    figure = viz.overview(clicked, levels, clicked, levels, {"objects": (ids, NAMES)}, {"heat": np.arange(4)})
    axes = [axis for axis in figure.axes if axis.get_title()]
    above = ["a photograph", "level 1", "level 2", "selected by clicks"]
    assert titles(figure) == [*above, "a drawn scene", "level 1", "level 2", "objects", "heat"]
    assert legend_of(axes[3]) == ["+ belongs", "− does not"]
    assert legend_of(axes[7])[-1] == "others"
    assert len(legend_of(axes[7])) == 8
    assert legend_of(axes[8]) == ["nothing", "most"]
    assert viz.rendered(figure, "png").startswith(b"\x89PNG")
