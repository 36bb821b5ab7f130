"""Figures: what they contain, that colours mean what the docstrings say, and degenerate inputs."""

import json
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from dgmlib import viz

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
PHOTO = RNG.random((20, 30, 3))
QUARTERS = (np.arange(20)[:, None] // 10 * 2 + np.arange(30) // 15).astype(np.int32)  # (20, 30), regions 0..3
NAMES = ["-", "wall", "sky", "floor", "tree", "house", "car", "dog", "cat", "bed", "sofa"]


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def picture(axis):
    return np.asarray(axis.images[0].get_array())


def legend_of(figure_or_axis):
    legend = figure_or_axis.legends[0] if isinstance(figure_or_axis, Figure) else figure_or_axis.get_legend()
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("photo", [PHOTO, (255 * PHOTO).astype(np.uint8), torch.tensor(PHOTO)])
def test_groups_take_the_mean_colour_of_their_pixels(photo):
    halves = QUARTERS % 2
    figure = viz.grouping_levels(photo, {"fine": QUARTERS, "coarse": torch.tensor(halves)})
    assert titles(figure) == ["fine", "coarse"]
    inside = picture(figure.axes[1])[10, 10]  # twice the size; away from borders
    np.testing.assert_allclose(inside, PHOTO[halves == 0].mean(0), atol=2 / 255)


def test_a_region_that_is_not_merged_keeps_its_colour_and_a_merged_one_lies_between():
    merged = np.where(QUARTERS == 3, 2, QUARTERS)
    fine, coarse = map(picture, viz.grouping_levels(PHOTO, {"a": QUARTERS, "b": merged}).axes)
    np.testing.assert_array_equal(fine[5, 5], coarse[5, 5])
    low, high = np.minimum(fine[35, 5], fine[35, 55]), np.maximum(fine[35, 5], fine[35, 55])
    assert ((low <= coarse[35, 5]) & (coarse[35, 5] <= high)).all()


def test_borders_are_outlined_and_padding_is_white():
    padded = QUARTERS.copy()
    padded[:, 25:] = -1
    shown = picture(viz.grouping_levels(PHOTO, {"a": padded}).axes[0])
    assert (shown[10, 29] < 0.5 * shown[10, 10]).all()  # the last column of region 0
    np.testing.assert_allclose(shown[10, 58], 1)


def test_five_levels_take_two_rows():
    figure = viz.grouping_levels(PHOTO, {str(n): QUARTERS for n in range(5)})
    assert len(titles(figure)) == 5
    assert figure.axes[0].get_subplotspec().get_gridspec().get_geometry() == (2, 4)


def test_region_colours_are_means_by_label():
    colours = viz.region_colours(PHOTO, QUARTERS)
    assert colours.shape == (4, 3)
    np.testing.assert_allclose(colours[2], PHOTO[QUARTERS == 2].mean(0))


def test_centres_stand_where_the_assignment_puts_them():
    nodes = RNG.random((4, 5))
    start, everything = np.eye(4)[:, ::2], np.full((4, 2), 0.25)
    figure = viz.centres(
        torch.tensor(nodes), {"k = 0": start, "k = 1": everything}, viz.region_colours(PHOTO, QUARTERS)
    )
    assert titles(figure) == ["k = 0", "k = 1"]
    dots, rings = (c.get_offsets() for c in figure.axes[0].collections)
    np.testing.assert_allclose(rings, dots[::2])
    _, rings = (c.get_offsets() for c in figure.axes[1].collections)
    np.testing.assert_allclose(rings, np.zeros((2, 2)), atol=1e-12)  # the mean, which is the plane's origin
    assert len(figure.axes[1].lines) == 2  # a trail per centre


def test_principal_components_have_a_fixed_sign_and_are_padded():
    features = RNG.random((6, 2))
    components = viz._principal_components(features, 3)
    assert components.shape == (6, 3)
    np.testing.assert_array_equal(components[:, 2], 0)
    shifted = viz._principal_components(features[::-1] + 7, 3)[::-1]
    np.testing.assert_allclose(components, shifted, atol=1e-12)


def test_affinities_show_more_weight_as_more_heat_and_mark_a_region():
    figure = viz.affinities(np.full((20, 30, 3), 0.5), QUARTERS, {"k = 1": torch.tensor([0.0, 0.1, 0.2, 0.4])}, mark=3)
    assert titles(figure) == ["k = 1, largest 0.4"]
    heat = picture(figure.axes[0])[[5, 5, 15, 15], [5, 20, 5, 20]].sum(1)
    assert heat.argmax() == 3
    np.testing.assert_allclose(picture(figure.axes[0])[5, 5], 0.55)  # no weight: the grey photograph
    assert figure.axes[0].collections  # the outline
    assert figure.axes[-1].get_ylabel() == "share of the largest"


def test_affinities_without_any_weight_and_with_padding():
    padded = np.where(QUARTERS == 3, -1, QUARTERS)
    figure = viz.affinities(PHOTO, padded, {"nothing": np.zeros(3)})
    assert np.isfinite(picture(figure.axes[0])).all()


def test_false_colours_use_one_scale_for_all_panels():
    nodes = RNG.random((4, 6))
    figure = viz.false_colours(PHOTO, QUARTERS, {"before": nodes, "same": nodes, "after": nodes + 5})
    assert titles(figure) == ["image", "before", "same", "after"]
    before, same, after = (picture(axis) for axis in figure.axes[1:])
    np.testing.assert_array_equal(before, same)
    assert np.abs(before - after).max() > 0.1


def test_the_legend_lists_exactly_the_classes_present():
    truth = np.where(QUARTERS == 0, 0, 3)
    figure = viz.segmentation(PHOTO, {"truth": truth, "prediction": torch.tensor(QUARTERS[::4, ::4] // 3 * 5)}, NAMES)
    assert titles(figure) == ["image", "truth", "prediction"]
    assert legend_of(figure) == ["none", "floor", "house"]
    colours = viz.class_colours([0, 3, 5], NAMES)
    assert matplotlib.colors.to_hex(picture(figure.axes[1])[0, 0]) == colours[0] == viz.NONE
    assert matplotlib.colors.to_hex(picture(figure.axes[1])[19, 29]) == colours[3]
    assert figure.axes[2].images[0].get_extent() == [0, 30, 20, 0]  # a coarser map covers the whole image


def test_every_task_has_a_legend_of_its_own():
    figure = viz.parsing(PHOTO, {"object": (QUARTERS + 1, NAMES), "material": (np.zeros((5, 8), int), ["-", "wood"])})
    assert legend_of(figure.axes[1]) == ["wall", "sky", "floor", "tree"]
    assert legend_of(figure.axes[2]) == ["none"]


@pytest.mark.parametrize("count", [1, 8, 9, 20, 21, 60])
def test_colours_of_classes_differ(count):
    colours = viz.class_colours(range(count), [str(i) for i in range(count)])
    assert len(set(colours.values())) == count
    assert count > 8 or tuple(colours.values()) == viz.PALETTE[:count]


def records():
    main = [{"phase": 0, "iteration": 10 * i, "loss": 3 / i, "object": 2 / i, "part": 1 / i, "lr": 0.1} for i in (1, 2)]
    other = [{"phase": 0, "iteration": 30, "loss": 1.0, "material": 1.0, "lr": 0.1, "seconds": 1.0}]
    return main + other + [{"phase": 1, "iteration": 10, "loss": 0.5, "texture": 0.5, "lr": 0.1}]


def test_training_curve_from_records_and_from_a_log(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in records()))
    for figure in (viz.training_curve(records()), viz.training_curve(log), viz.training_curve(str(log))):
        assert legend_of(figure.axes[0]) == ["object", "part", "material"]
        assert legend_of(figure.axes[1]) == ["texture"]
        points = figure.axes[0].lines[0].get_xydata()
        np.testing.assert_allclose(points, [[10, 2], [20, 1]])


def test_training_curve_of_one_record_has_one_panel():
    assert len(viz.training_curve(records()[:1]).axes) == 1


def test_live_curve_keeps_records_and_shows_nothing_outside_jupyter(capsys):
    live = viz.LiveCurve()
    for record in records():
        live(record)
    assert live.records == records()
    assert capsys.readouterr().out == ""


def test_live_curve_redraws_in_place_in_jupyter(monkeypatch):
    shown, updated = [], []

    class Handle:
        update = updated.append

    monkeypatch.setattr(viz, "get_ipython", lambda: type("Shell", (), {"kernel": None}))
    monkeypatch.setattr(viz, "display", lambda figure, display_id: shown.append(figure) or Handle())
    live = viz.LiveCurve()
    for record in records():
        live(record)
    assert len(shown) == 1
    assert len(updated) == 3
    assert len(updated[-1].axes) == 2  # the texture phase has begun


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
    assert [len(line.get_xdata()) for line in first.lines] == [4, 4]  # two metrics, two seeds
    np.testing.assert_allclose([bar.get_height() for bar in first.patches], 35)  # the mean of 30 and 40 percent
    assert viz.table1(tidy_table1(1)).get_suptitle().endswith("1 seed")


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


def test_one_region_and_one_class():
    one = np.zeros((20, 30), dtype=np.int32)
    figures = [
        viz.grouping_levels(PHOTO, {"level 1": one}),
        viz.centres(np.ones((1, 4)), {"k = 0": np.ones((1, 1))}, viz.region_colours(PHOTO, one)),
        viz.affinities(PHOTO, one, {"a": np.ones(1)}, mark=None),
        viz.false_colours(PHOTO, one, {"a": np.ones((1, 4))}),
        viz.segmentation(PHOTO, {"truth": one + 1}, NAMES),
    ]
    for figure in figures:
        assert viz.png(figure).startswith(b"\x89PNG")
    assert legend_of(figures[-1]) == ["wall"]


def test_saved_pictures_are_small_and_at_screen_resolution(tmp_path):
    figure = viz.grouping_levels(PHOTO, {str(n): QUARTERS for n in range(4)})
    viz.save(figure, tmp_path / "new" / "levels.png")
    with Image.open(tmp_path / "new" / "levels.png") as saved:
        assert saved.mode == "P"  # 256 colours
        assert abs(saved.width - 12 * viz.DPI) < 30
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["levels.png"]


def test_pyplot_never_sees_a_figure():
    code = (
        "import sys, numpy as np\n"
        "from dgmlib import viz\n"
        "viz.grouping_levels(np.ones((4, 4, 3)), {'a': np.zeros((4, 4), int)})\n"
        "assert 'matplotlib.pyplot' not in sys.modules or not sys.modules['matplotlib.pyplot'].get_fignums()"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
