"""Tables of results as pictures."""

import numpy as np
import pandas as pd
from shown import legend_of, titles

from dgmlib import viz
from dgmlib.viz.results import CURVES, SCORES


def tidy_table1(seeds=2):
    rows = [
        [setting, model, task, "mIoU", 0.3 + 0.1 * seed, seed, "Broden-mini"]
        for setting, tasks in {"O+P+S": ("object", "part"), "O+P+S+M+T": ("object", "part", "material")}.items()
        for model in ("UPerNet", "DGM")
        for task in tasks
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["setting", "model", "task", "metric", "value", "seed", "data"])


def test_table1_names_its_data_and_shows_every_seed():
    figure = viz.table1(tidy_table1())
    assert figure.get_suptitle() == "Table 1 on Broden-mini, 2 seeds"
    assert titles(figure) == ["O+P+S", "O+P+S+M+T"]
    assert legend_of(figure) == ["UPerNet", "DGM"]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_xticklabels()] == ["object\nmIoU", "part\nmIoU"]
    bars = [bar for bars in first.containers for bar in bars]
    np.testing.assert_allclose([bar.get_height() for bar in bars], 35)  # the mean of 30 and 40 percent
    assert len({bar.get_facecolor() for bar in bars}) == 2
    points = np.concatenate([points.get_offsets() for points in first.collections])
    middles = np.sort([bar.get_x() + bar.get_width() / 2 for bar in bars])
    np.testing.assert_allclose(np.sort(points[:, 0]), middles.repeat(2), atol=1e-9)  # two seeds on every bar
    np.testing.assert_allclose(np.sort(points[:, 1]), np.repeat([30, 40], 4))
    assert viz.table1(tidy_table1(1)).get_suptitle().endswith("1 seed")


def test_table2_has_a_bar_a_system_and_a_point_a_seed():
    models = ["UPerNet", "UPerNet + DGM w/o top-down", "UPerNet + DGM"]
    rows = [
        [model, metric, 0.2 + 0.1 * seed, seed, "Broden-mini"]
        for model in models
        for metric in ("mIoU", "mIoU (multi-scale)", "pixel accuracy")
        for seed in (0, 1)
    ]
    figure = viz.table2(pd.DataFrame(rows, columns=["model", "metric", "value", "seed", "data"]))
    assert figure.get_suptitle() == "Table 2 on Broden-mini, 2 seeds"
    assert titles(figure) == ["single scale", "multi-scale"]
    assert legend_of(figure) == ["without DGM", "+ DGM w/o top-down", "+ DGM"]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == models
    bars = [bar for bars in first.containers for bar in bars]
    np.testing.assert_allclose([bar.get_width() for bar in bars], 25)  # the mean of 20 and 30 percent
    assert len({bar.get_facecolor() for bar in bars}) == 3
    assert [text.get_text() for text in first.texts] == ["25.0"] * 3
    points = np.concatenate([points.get_offsets() for points in first.collections])
    np.testing.assert_allclose(np.sort(points[:, 0]), np.repeat([20, 30], 3))


def test_table3_shows_counted_beside_printed():
    rows = [
        ["DGM", "parameters", 4_467_712, 4_468_000],
        ["RCCA", "parameters", 23_000_000, 23_931_000],
        ["DGM", "gflops", 11.25, 10.8],
        ["RCCA", "gflops", 16.0, 16.5],
    ]
    figure = viz.table3(pd.DataFrame(rows, columns=["model", "metric", "value", "paper"]))
    assert titles(figure) == ["million parameters", "GFLOP at 769 x 769"]
    assert legend_of(figure) == ["counted", "printed"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["DGM", "RCCA"]
    assert [t.get_text() for t in figure.axes[0].texts] == ["4.468", "23.000", "4.468", "23.931"]
    assert [t.get_text() for t in figure.axes[1].texts] == ["11.2", "16.0", "10.8", "16.5"]


def measured(data=("drawn",)):
    rows = []
    for name in data:
        for model in ("m", "m untrained"):
            for method in ("DGM", "colour", "superpixels", "felzenszwalb", "one group"):
                for level in (1, 2):
                    scores = {"groups": 8 / level, "segments": 3}
                    scores |= {"purity": 1 / level, "region mIoU": 1 / level, "VI": 2 / level}
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
    assert len(purity.collections) == 5
    assert [line.get_xydata()[0].tolist() for line in purity.lines[-2:]] == [[0, 1], [3, 0]]  # dotted
    assert legend_of(figure) == list(CURVES)
    assert viz.rendered(figure, "png").startswith(b"\x89PNG")


def test_growth_stands_beside_the_slope_that_is_required():
    rows = [("a over sides", "2 to 8", 1.5, 1.0, "slope"), ("a over sides", "2", 0.1, None, "s")]
    rows += [("a over sides", "8", 0.8, None, "s"), ("RegionGrid", "2 x 3", 9.0, 25.0, "ms")]
    (axis,) = viz.growth_curves(pd.DataFrame(rows, columns=["what", "size", "value", "required", "unit"])).axes
    measured, required = (line.get_xydata() for line in axis.lines)
    np.testing.assert_allclose(measured, [[2, 0.1], [8, 0.8]])
    np.testing.assert_allclose(required, [[2, 0.1], [8, 0.4]])  # slope 1
    assert (axis.get_xscale(), axis.get_yscale(), axis.get_xlabel()) == ("log", "log", "sides")


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
    assert legend_of(figure) == [
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
    assert legend_of(figure) == ["DGM, level 2"]


def test_quality_says_which_way_is_better_and_what_is_measured():
    rows = [[method, 60 * n, 0.5 + 0.1 * n, 0.6, 0.1 / n] for method in ("ours", "SLIC") for n in (1, 2)]
    figure = viz.quality_curves(pd.DataFrame(rows, columns=["method", "regions", "ASA", "BR", "UE"]))
    assert titles(figure) == ["ASA: higher is better", "BR: higher is better", "UE: lower is better"]
    assert [axis.get_ylabel() for axis in figure.axes] == [meaning for meaning, _ in SCORES.values()]
    ours, theirs = (line for line in figure.axes[0].lines if len(line.get_xdata()))  # the others are the legend's
    np.testing.assert_allclose(ours.get_xydata(), [[60, 0.6], [120, 0.7]])
    assert ours.get_linewidth() > theirs.get_linewidth()
    assert legend_of(figure) == ["ours", "SLIC"]
