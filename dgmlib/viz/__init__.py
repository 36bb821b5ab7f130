"""Every figure of the notebooks. Functions return a matplotlib ``Figure`` and never show it.

==================  =====================================================================================
`grouping_levels`   the hierarchy over a photograph, level by level
`hierarchy`         Fig. 5: levels in colours that follow a group from level to level
`agreement_curves`  groups of every level against labels, beside controls
`centres`           EMGP's centres (Eq. 3) moving among the nodes
`affinities`        a column of P (Eq. 2), or a row of Ptilde (Eq. 8), over a photograph
`false_colours`     node features as colours, before and after a step
`segmentation`      truth and predictions of one task beside the photograph, with a legend
`comparison`        Fig. 4: several models beside the truth, and where they differ from it
`parsing`           a photograph's groups, and one label map per task with a legend of its largest classes
`click_masks`       clicks on a photograph and what they select; `click_curves` how well
`heat_maps`         Fig. 7: Grad-CAM of superpixels, or of a feature map, over a photograph
`partitions`        superpixels' outlines; `adjacency_graph` which touch; `quality_curves` how good they are
`overview`          groups, clicks, predictions and Grad-CAM in one picture
`training_curve`    the losses of Eq. 12 as training goes; `LiveCurve` redraws it in place in Jupyter
`heard`             what the graph contributes, by level; `heard_in_training` as training goes
`table1` - `table3`  the tables as pictures
==================  =====================================================================================

Photographs are (H, W, 3), bytes or floats in [0, 1]. Label maps, weights and features may be arrays or tensors. One
file per kind of figure; `style` holds what they share.
"""

from dgmlib.viz.agreement import agreement_curves
from dgmlib.viz.classes import class_colours, comparison, parsing, segmentation
from dgmlib.viz.clicks import click_curves, click_masks
from dgmlib.viz.curves import LiveCurve, training_curve
from dgmlib.viz.gradcam import heat_maps
from dgmlib.viz.grouping import following_colours, grouping_levels, hierarchy
from dgmlib.viz.heard import heard, heard_in_training
from dgmlib.viz.nodes import affinities, centres, false_colours, region_colours
from dgmlib.viz.overview import overview
from dgmlib.viz.style import DPI, NONE, PALETTE, NotebookFigure, png, save
from dgmlib.viz.superpixels import adjacency_graph, partitions, quality_curves
from dgmlib.viz.tables import table1, table2, table3

__all__ = [
    "DPI", "NONE", "PALETTE", "LiveCurve", "NotebookFigure", "adjacency_graph", "affinities", "agreement_curves",
    "centres", "class_colours", "click_curves", "click_masks", "comparison", "false_colours", "following_colours",
    "grouping_levels", "heard", "heard_in_training", "heat_maps", "hierarchy", "overview", "parsing", "partitions",
    "png", "quality_curves", "region_colours", "save", "segmentation", "table1", "table2", "table3", "training_curve",
]  # fmt: skip
