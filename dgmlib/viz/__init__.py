"""All figures of the notebooks. Functions return a matplotlib ``Figure`` and never show it.

============  ==============================================================================================
``groups``    superpixels and groups over photographs: `partitions`, `contours`, `grouping_levels`, `hierarchy`,
              `levels_in_rows` (Fig. 5)
``nodes``     node features: `centres` (Eq. 2), `false_colours`; weights: `affinities` (Eq. 1 and 8),
              `click_masks` (Fig. 6), `heat_maps` (Fig. 7)
``classes``   label maps with legends: `segmentation`, `comparison` (Fig. 4), `parsing`
``diagram``   the model, drawn from its own forward pass: `diagram` (Fig. 2 and 3), `tree` (Fig. 1)
``overview``  what the model does, in one picture
``results``   `table1` - `table3` as bars; `agreement_curves`, `click_curves`, `growth_curves`, `quality_curves`
``ahead``     leads over UPerNet in points: `evidence`, `ablation`, `where_ahead`
``climb``     EMGP's iterations, controlled by sliders: `Climb`
``curves``    a run's log: `training_curve`, `LiveCurve`, `loss_curves`, `heard`
``style``     what all figures share, and `save`
============  ==============================================================================================

Throughout, ``photo`` is (H, W, 3), bytes or floats in [0, 1], and ``labels`` are its (H, W) superpixels or groups, -1
for none. Each value of a mapping is drawn in a panel under its key as title. All may be arrays or tensors.
"""

from dgmlib.viz.ahead import ablation, evidence, where_ahead
from dgmlib.viz.classes import class_colours, comparison, parsing, segmentation
from dgmlib.viz.climb import Climb
from dgmlib.viz.curves import LiveCurve, heard, heard_in_training, loss_curves, training_curve
from dgmlib.viz.diagram import diagram, tree
from dgmlib.viz.groups import (
    adjacency_graph,
    contours,
    following_colours,
    grouping_levels,
    hierarchy,
    levels_in_rows,
    mosaic,
    partitions,
    tinted,
)
from dgmlib.viz.nodes import affinities, centres, click_masks, false_colours, heat_maps, weighted
from dgmlib.viz.overview import overview
from dgmlib.viz.results import agreement_curves, click_curves, growth_curves, quality_curves, table1, table2, table3
from dgmlib.viz.style import NONE, PALETTE, NotebookFigure, region_colours, rendered, save, stored

__all__ = [
    "NONE", "PALETTE", "Climb", "LiveCurve", "NotebookFigure", "ablation", "adjacency_graph", "affinities",
    "agreement_curves", "centres", "class_colours", "click_curves", "click_masks", "comparison", "contours", "diagram",
    "evidence", "false_colours", "following_colours", "grouping_levels", "growth_curves", "heard", "heard_in_training",
    "heat_maps", "hierarchy", "levels_in_rows", "loss_curves", "mosaic", "overview", "parsing", "partitions",
    "quality_curves", "region_colours", "rendered", "save", "segmentation", "stored", "table1", "table2", "table3",
    "tinted", "training_curve", "tree", "weighted", "where_ahead",
]  # fmt: skip
