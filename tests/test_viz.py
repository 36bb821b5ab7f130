"""Figures: what they contain, that colours mean what the docstrings say, and degenerate inputs."""

import io
import json
import subprocess
import sys
from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from dgmlib import viz
from dgmlib.viz import curves
from dgmlib.viz.nodes import principal_components

matplotlib.use("Agg")
RNG = np.random.default_rng(0)
PHOTO = RNG.random((20, 30, 3))
QUARTERS = (np.arange(20)[:, None] // 10 * 2 + np.arange(30) // 15).astype(np.int32)  # (20, 30), regions 0..3
NAMES = ["-", "wall", "sky", "floor", "tree", "house", "car", "dog", "cat", "bed", "sofa"]


@dataclass
class Click:
    x: int
    y: int
    positive: bool = True


@dataclass
class ClickSession:
    photograph: np.ndarray
    regions: np.ndarray
    clicks: list
    mask: np.ndarray


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


def test_borders_are_outlined_and_what_has_no_label_is_pale_and_grey():
    padded = QUARTERS.copy()
    padded[:, 25:] = -1
    shown = picture(viz.grouping_levels(PHOTO, {"a": padded}).axes[0])
    assert (shown[10, 29] < 0.5 * shown[10, 10]).all()  # the last column of region 0
    assert (shown[:, 50:].min(), len(np.unique(shown[10, 58]))) >= (0.65, 1)
    assert np.ptp(shown[:, 50:, 0]) > 0.1  # the photograph can still be seen


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
    components = principal_components(features, 3)
    assert components.shape == (6, 3)
    np.testing.assert_array_equal(components[:, 2], 0)
    shifted = principal_components(features[::-1] + 7, 3)[::-1]
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


def test_a_task_with_many_classes_shows_the_largest_and_calls_the_rest_others():
    ids = np.repeat(np.arange(1, 11), np.arange(10, 110, 10))[None]  # class 10 covers most
    figure = viz.parsing(PHOTO, {"object": (np.concatenate([ids, 0 * ids]), NAMES)})
    axis = figure.axes[1]
    assert legend_of(axis) == ["sofa", "bed", "cat", "dog", "car", "house", "tree", "others", "none"]
    grey = matplotlib.colors.to_rgb(axis.get_legend().get_patches()[7].get_facecolor())
    np.testing.assert_array_equal(np.unique(picture(axis)[0, :60], axis=0), [grey])  # classes 1 to 3
    assert matplotlib.colors.to_hex(picture(axis)[0, -1]) == viz.PALETTE[0]


@pytest.mark.parametrize("count", [1, 8, 9, 18, 19, 60])
def test_colours_of_classes_differ(count):
    colours = viz.class_colours(range(count), [str(i) for i in range(count)])
    assert len(set(colours.values())) == count
    assert count > 8 or tuple(colours.values()) == viz.PALETTE[:count]
    saturation = np.ptp([matplotlib.colors.to_rgb(colour) for colour in colours.values()], axis=1)
    assert count == 8 or (saturation > 0.1).all()  # no greys, which are for what is no class; black comes last


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

    monkeypatch.setattr(curves, "get_ipython", lambda: type("Shell", (), {"kernel": None}))
    monkeypatch.setattr(curves, "display", lambda figure, display_id: shown.append(figure) or Handle())
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
    np.testing.assert_allclose([bar.get_width() for bar in first.patches], 25)  # the mean of 20 and 30 percent
    assert len({bar.get_facecolor() for bar in first.patches}) == 3
    assert len(first.lines[0].get_xdata()) == 6


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
        assert saved.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
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


def test_colours_follow_a_group_that_takes_others_in():
    fine = np.arange(600).reshape(20, 30) // 60  # ten bands of two rows
    middle = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4])[fine]  # unequal groups; label 2 is one band
    coarse = np.array([0, 0, 1, 1, 1])[middle]
    low, mid, top = viz.following_colours([fine, middle, coarse])
    np.testing.assert_array_equal(low[5], mid[2])  # not merged: exactly its colour
    for upper, colours, parts in ((mid, low, [2, 3, 4]), (top, mid, [2, 3, 4])):
        same = [np.array_equal(upper[1], colours[part]) for part in parts]
        assert sum(same) == 1  # one part, the largest, hands its colour on
    own = sorted(matplotlib.colors.to_rgb(colour) for colour in viz.PALETTE[:2])
    np.testing.assert_allclose(sorted(top.tolist()), own, atol=0.01)  # few groups: the palette itself
    for colours in (low, mid, top):
        assert len(np.unique(colours.round(3), axis=0)) == len(colours)


def test_the_largest_part_is_the_one_that_keeps_the_colour():
    fine = np.repeat([0, 1, 2], [2, 15, 3])[:, None].repeat(30, 1)
    coarse = np.repeat([0, 1], [17, 3])[:, None].repeat(30, 1)
    low, top = viz.following_colours([fine, coarse])
    np.testing.assert_array_equal(low[1], top[0])
    assert not np.allclose(low[0], top[0])


def test_a_single_group_on_top_has_the_colour_of_its_largest_part():
    halves = (np.arange(30) >= 10).astype(int)[None].repeat(20, 0)
    low, top = viz.following_colours([halves, np.zeros_like(halves)])
    np.testing.assert_allclose(top[0], low[1], atol=1e-9)
    (alone,) = viz.following_colours([np.zeros((4, 4), int)])
    assert alone.shape == (1, 3)


@pytest.mark.parametrize("count", [2, 7, 8, 60, 400])
def test_colours_of_many_groups_are_colours(count):
    labels = np.arange(400).reshape(20, 20) % count
    low, top = viz.following_colours([np.arange(400).reshape(20, 20), labels])
    for colours in (low, top):
        assert np.isfinite(colours).all()
        assert ((colours >= 0) & (colours <= 1)).all()
    assert len(np.unique(top.round(3), axis=0)) > 0.9 * count


def test_colours_do_not_depend_on_numbering_gaps_and_skip_padding():
    padded = np.where(QUARTERS == 3, -1, QUARTERS)
    close, apart = (
        viz.following_colours([padded])[0],
        viz.following_colours([np.where(padded > 0, 7 * padded, padded)])[0],
    )
    np.testing.assert_array_equal(close[[0, 1, 2]], apart[[0, 7, 14]])


def test_hierarchy_shows_photograph_levels_and_areas():
    halves = QUARTERS % 2
    figure = viz.hierarchy(PHOTO, {"fine": torch.tensor(QUARTERS), "coarse": halves})
    assert titles(figure) == ["image", "fine", "coarse", "levels 1-2: groups by area"]
    bars = figure.axes[3].patches
    assert len(bars) == 6
    np.testing.assert_allclose([bar.get_width() for bar in bars], [0.5, 0.5, 0.25, 0.25, 0.25, 0.25])
    # Every group stands above the one that it becomes: those of one half side by side, in its order.
    assert [bar.get_x() for bar in bars[2:]] == [0, 0.25, 0.5, 0.75]
    colours = viz.following_colours([QUARTERS, halves])
    half = matplotlib.colors.to_rgb(bars[0].get_facecolor())
    assert half in (tuple(c) for c in colours[1])
    kept = [matplotlib.colors.to_rgb(bar.get_facecolor()) == half for bar in bars[2:]]
    assert kept in ([True, False, False, False], [False, True, False, False])


def test_a_small_picture_is_enlarged_pixel_by_pixel_and_titles_stand_at_one_height():
    figure = viz.hierarchy(PHOTO, {"fine": QUARTERS})
    np.testing.assert_array_equal(picture(figure.axes[0])[8::16, 8::16], PHOTO)  # 30 pixels -> 480
    figure.draw_without_rendering()
    tops = [axis.get_window_extent().y1 for axis in figure.axes]
    np.testing.assert_allclose(tops, tops[0], atol=1)


def test_few_groups_have_white_outlines_and_many_dark_ones():
    many = np.arange(600).reshape(20, 30) // 4
    few, lots = (picture(axis) for axis in viz.hierarchy(PHOTO, {"few": QUARTERS, "many": many}).axes[1:3])
    assert (few[:, 239:241] == 1).all(-1).mean() > 0.9
    assert lots.mean() < few.mean()


def comparison():
    truth = np.where(QUARTERS == 0, 0, QUARTERS)
    return viz.comparison(PHOTO, truth, {"UPerNet": truth + (QUARTERS == 3), "DGM": truth}, NAMES, "object, a")


def test_comparison_counts_labelled_pixels_and_marks_the_wrong_ones():
    figure = comparison()
    assert titles(figure) == ["image", "truth", "UPerNet", "DGM", "67% right", "100% right"]
    wrong = picture(figure.axes[6])
    marked = (wrong == matplotlib.colors.to_rgb("#ff0090")).all(-1)
    np.testing.assert_array_equal(marked, QUARTERS == 3)
    assert (picture(figure.axes[7])[QUARTERS == 0].mean() > picture(figure.axes[7])[QUARTERS > 0].mean()).all()
    assert legend_of(figure.axes[4]) == ["none", "wall", "sky", "floor", "tree", "differs from the truth"]
    assert figure.get_suptitle() == "object, a"


def test_no_part_is_not_counted_as_right():
    truth = np.where(QUARTERS < 2, QUARTERS, 2)  # a quarter unlabelled, one of no part, half a wheel
    figure = viz.comparison(PHOTO, truth, {"UPerNet": np.ones_like(truth)}, ["-", "no part", "car: wheel"])
    assert titles(figure) == ["image", "truth", "UPerNet", "0% right"]


def test_pixels_of_no_part_are_grey():
    colours = viz.class_colours([0, 1, 2], ["-", "no part", "car: wheel"])
    assert colours == {0: viz.NONE, 1: "#b4b4b4", 2: viz.PALETTE[0]}


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
    line = figure.axes[0].containers[0].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[8, 1], [4, 0.5]])
    assert len(figure.axes[0].containers) == 4
    assert legend_of(figure)[0] == "DGM"
    assert viz.png(figure).startswith(b"\x89PNG")


def test_a_photograph_of_many_colours_has_no_bands():
    across, down = np.meshgrid(np.linspace(0, 1, 450), np.linspace(0, 1, 300))
    figure, full = viz.partitions({"a": (np.stack([across, down, 1 - across * down], 2), None)}), io.BytesIO()
    figure.savefig(full, format="png", dpi=viz.DPI, bbox_inches="tight", pad_inches=0.05)
    pictures = [
        np.asarray(Image.open(file).convert("RGB"), dtype=float) for file in (full, io.BytesIO(viz.png(figure)))
    ]
    inside = (picture[30:174, 12:236].reshape(18, 8, 28, 8, 3).mean((1, 3)) for picture in pictures)
    assert np.abs(np.subtract(*inside)).max() < 4  # 8 without diffused errors


def test_overview_names_every_colour():
    clicked = ClickSession(PHOTO, QUARTERS, [Click(3, 4), Click(25, 4, False)], QUARTERS == 0)
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
    assert viz.png(figure).startswith(b"\x89PNG")
