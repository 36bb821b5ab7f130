"""Groups against labels."""

import numpy as np
import pandas as pd
from shown import legend_of, titles

from dgmlib import viz
from dgmlib.viz.agreement import CURVES


def measured(data=("drawn",)):
    rows = []
    for name in data:
        for model in ("m", "m untrained"):
            for method in ("DGM", "colour", "superpixels", "one group"):
                for level in (1, 2):
                    scores = {"groups": 8 / level, "segments": 3, "purity": 1 / level, "VI": 2 / level}
                    rows += [[name, model, "object", level, method, *pair, 0.1, 5] for pair in scores.items()]
    return pd.DataFrame(
        rows, columns=["data", "model", "labels", "level", "method", "metric", "mean", "error", "images"]
    )


def test_agreement_curves_have_a_panel_per_data_and_a_point_per_level():
    figure = viz.agreement_curves(measured(("drawn", "real")), "m")
    assert titles(figure) == ["drawn, objects", "real, objects"]
    purity = figure.axes[0]
    np.testing.assert_allclose(purity.lines[0].get_xydata(), [[4, 0.5], [8, 1]])
    ends = purity.collections[0].get_segments()
    np.testing.assert_allclose(ends, [[[4, 0.4], [4, 0.6]], [[8, 0.9], [8, 1.1]]])  # the column "error", both ways
    assert len(purity.collections) == 4
    assert [line.get_xydata()[0].tolist() for line in purity.lines[-2:]] == [[0, 1], [3, 0]]  # dotted
    assert legend_of(figure) == list(CURVES)
    assert viz.png(figure).startswith(b"\x89PNG")
