"""The tables as pictures."""

import numpy as np
import pandas as pd
from shown import legend_of, titles

from dgmlib import viz


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
