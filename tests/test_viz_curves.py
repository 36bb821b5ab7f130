"""A run's log: losses, and how well the graph is heard."""

import json

import numpy as np
import pandas as pd
import pytest
from shown import legend_of, titles

from dgmlib import viz
from dgmlib.viz import curves


def records():
    main = [{"phase": 0, "iteration": 10 * i, "loss": 3 / i, "object": 2 / i, "part": 1 / i, "lr": 0.1} for i in (1, 2)]
    other = [{"phase": 0, "iteration": 30, "loss": 1.0, "material": 1.0, "lr": 0.1, "seconds": 1.0}]
    return main + other + [{"phase": 1, "iteration": 10, "loss": 0.5, "texture": 0.5, "lr": 0.1}]


def test_a_log_without_records_is_told(tmp_path):
    (tmp_path / "log.jsonl").write_text("")
    with pytest.raises(ValueError, match="the log has no records yet"):
        viz.training_curve(tmp_path / "log.jsonl")


def test_training_curve_from_records_and_from_a_log(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(record) + "\n" for record in records()))
    for figure in (viz.training_curve(records()), viz.training_curve(log), viz.training_curve(str(log))):
        assert legend_of(figure.axes[0]) == ["object", "part", "material"]
        assert legend_of(figure.axes[1]) == ["texture"]
        points = figure.axes[0].collections[0].get_offsets()
        np.testing.assert_allclose(points, [[10, 2], [20, 1], [10, 1], [20, 0.5], [30, 1]])
        np.testing.assert_allclose(figure.axes[0].lines[0].get_xydata(), [[10, 1.5], [20, 1.5]])  # the running mean


def test_a_log_s_shares_and_ranks_are_no_losses():
    heard = {"residual share": [0.1, 0.2], "graph share": [0.1, 0.2], "rank": [9.0, 3.0], "gradient": 2.0}
    (axis,) = viz.training_curve([record | heard for record in records()[:2]]).axes
    assert legend_of(axis) == ["object", "part"]
    assert len(axis.collections[0].get_offsets()) == 4


def test_losses_of_several_networks_share_a_panel():
    rows = [
        {"iteration": i, "network": name, "loss": i * (2 - (name == "DGM"))} for name in ["a", "DGM"] for i in (1, 2)
    ]
    (axis,) = viz.loss_curves(pd.DataFrame(rows)).axes
    assert legend_of(axis) == ["a", "DGM"]
    assert axis.lines[1].get_color() == viz.PALETTE[0]
    np.testing.assert_allclose([line.get_ydata() for line in axis.lines[:2]], [[3, 3], [1.5, 1.5]])  # running means


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


TITLES = ["residual's share of F + Fhat", "graph's share of what Re-projection reads"]


def shares(models=("default", "dgmlib 0.1"), seeds=(0, 1)):
    rows = [
        [model, level, name, seed, value * level * (1 + seed)]
        for model in models
        for name, value in {"residual share": 0.02, "graph share": 0.01}.items()
        for level in (1, 2, 3, 4)
        for seed in seeds
    ]
    others = [["UPerNet", 0, "object/mIoU", 0, 0.5], ["default", 1, "rank", 0, 0.0]]
    return pd.DataFrame(rows + others, columns=["model", "level", "name", "seed", "value"])


def log_of_shares():
    record = {"phase": 0, "loss": 1.0, "object": 1.0, "rank": [9.0, 4.0]}
    steps = [
        record | {"iteration": 10 * i, "residual share": [0.01 * i, 0.1 * i], "graph share": [0.0001 * i, 0.0]}
        for i in (1, 2, 3)
    ]
    return [*steps, {"phase": 0, "iteration": 40, "loss": 1.0}, steps[0] | {"phase": 1, "iteration": 90}]


def test_a_line_is_the_mean_of_seeds_and_every_seed_has_a_point():
    figure = viz.heard(shares())
    assert titles(figure) == TITLES
    assert legend_of(figure) == ["default", "dgmlib 0.1", "our threshold"]  # no model without shares
    for axis, value in zip(figure.axes, (2, 1), strict=True):
        first, second = [line for line in axis.lines if line.get_marker() == "_" and len(line.get_xdata()) == 4]
        np.testing.assert_allclose(first.get_ydata(), 1.5 * value * np.arange(1, 5))  # percent
        assert first.get_color() != second.get_color()
        assert (np.asarray(first.get_xdata()) < second.get_xdata()).all()  # side by side
        points = np.concatenate([points.get_offsets() for points in axis.collections])
        expected = [value * level * times for level in (1, 2, 3, 4) for times in (1, 2)] * 2
        np.testing.assert_allclose(np.sort(points[:, 1]), np.sort(expected))


def test_dashed_lines_stand_at_what_is_asked_for():
    dashed = [[line for line in axis.lines if line.get_linestyle() == "--"] for axis in viz.heard(shares()).axes]
    assert [line.get_ydata()[0] for (line,) in dashed] == [10, 5]


def test_nothing_a_hundredth_of_a_percent_and_a_fifth_can_be_told_apart():
    lowest = [viz.heard(shares().assign(value=value)).axes[0].get_ylim()[0] for value in (0.5, 0)]
    assert lowest == [0.1, 0]
    (axis, _) = viz.heard(shares().assign(value=lambda table: table["value"] - 0.01)).axes  # of which one is zero
    heights = axis.transAxes.inverted().transform(axis.transData.transform([(0, y) for y in (0, 0.01, 0.1, 10, 20)]))
    assert (np.diff(heights[:, 1]) > 0.05).all()
    assert heights[0, 1] == pytest.approx(0)


@pytest.mark.parametrize("models", [["one"], list("abcdefghij"), [str(n) for n in range(30)]])
def test_any_number_of_models_of_one_seed(models):
    figure = viz.heard(shares(models, seeds=[0]))
    assert legend_of(figure) == [*models, "our threshold"]
    assert len({line.get_color() for line in figure.legends[0].get_lines()[:-1]}) == len(models)
    assert viz.rendered(figure, "png").startswith(b"\x89PNG")


def test_shares_in_training_from_records_and_from_a_log(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in log_of_shares()))
    for figure in (viz.heard_in_training(log_of_shares()), viz.heard_in_training(path)):
        assert titles(figure) == TITLES
        assert legend_of(figure) == ["level 1", "level 2", "our threshold"]
        residual, graph = (axis.collections[0].get_offsets() for axis in figure.axes)
        first_phase = [[10, 1], [20, 2], [30, 3], [10, 10], [20, 20], [30, 30]]
        np.testing.assert_allclose(sorted(residual.tolist()), sorted(first_phase))
        np.testing.assert_allclose(sorted(graph[:, 1]), [0, 0, 0, 0.01, 0.02, 0.03])
        np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [1.5, 2, 2.5])  # the running mean


def test_a_log_without_shares_says_what_to_train():
    with pytest.raises(ValueError, match="train a network with a Deep Grouping Model"):
        viz.heard_in_training([{"phase": 0, "iteration": 10, "loss": 1.0, "object": 1.0}])
