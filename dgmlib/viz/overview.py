"""A picture of what the model does, for the head of a page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from dgmlib.viz.classes import draw_classes
from dgmlib.viz.groups import draw_groups
from dgmlib.viz.nodes import COLOURS, draw_clicks, draw_mask, heat
from dgmlib.viz.style import PALETTE, NotebookFigure, legend_under

if TYPE_CHECKING:
    from dgmlib.explain import ClickSession

WIDTH = 14  # inches
TEXT = 13  # points: legible at three quarters of the picture's size


def overview(
    photograph: "ClickSession",
    levels: Mapping[str, ArrayLike],
    scene: "ClickSession",
    groups: Mapping[str, ArrayLike],
    classes: Mapping[str, tuple[ArrayLike, Sequence[str]]],
    heats: Mapping[str, ArrayLike],
) -> Figure:
    """Draw a photograph, its groups and what clicks select; below it a scene, its groups, its classes and Grad-CAM.

    Args:
        photograph: session with clicks.
        levels: title -> (H, W) groups of the photograph, finest first; colours follow them from level to level.
        scene: session whose clicks are not drawn.
        groups: title -> (h, w) groups of the scene.
        classes: title -> ((h, w) class ids, names by id) predicted in the scene.
        heats: title -> Grad-CAM of the scene, see `dgmlib.viz.heat_maps`.
    """
    above = ["a photograph", *levels, "selected by clicks"]
    below = ["a drawn scene", *groups, *classes, *heats]
    tall = [
        WIDTH / len(row) * session.photograph.shape[0] / session.photograph.shape[1] + legend
        for row, session, legend in ((above, photograph, 0.8), (below, scene, 1.5))
    ]
    figure = NotebookFigure(WIDTH, sum(tall))
    strips = figure.subfigures(2, 1, height_ratios=tall)
    top, bottom = (list(strip.subplots(1, len(row))) for strip, row in zip(strips, (above, below), strict=True))
    for axis, name in zip([*top, *bottom], [*above, *below], strict=True):
        axis.set_title(name, fontsize=TEXT).axes.set_axis_off()
    draw_groups(top, photograph.photograph, levels)
    draw_groups(bottom, scene.photograph, groups)
    draw_mask(top[-1], photograph.photograph, photograph.mask)
    draw_clicks(top[-1], photograph.clicks)
    marks = (("o", PALETTE[0], "+ belongs"), ("s", PALETTE[5], "− does not"))
    handles = [Line2D([], [], marker=shape, color=colour, ls="", ms=9, label=name) for shape, colour, name in marks]
    legend_under(top[-1], handles, TEXT - 1)
    rest = bottom[1 + len(groups) :]
    for axis, (ids, names) in zip(rest, classes.values(), strict=False):
        legend_under(axis, draw_classes(axis, ids, names, scene.photograph.shape), TEXT - 1)
    for axis, values in zip(rest[len(classes) :], heats.values(), strict=True):
        heat(axis, scene.photograph, scene.regions, values)
        ends = [Patch(color=COLOURS(0.0), label="nothing"), Patch(color=COLOURS(1.0), label="most")]
        legend_under(axis, ends, TEXT - 1)
    return figure
