"""Losses as training goes."""

import json

import numpy as np
from shown import legend_of

from dgmlib import viz
from dgmlib.viz import curves


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
        points = figure.axes[0].collections[0].get_offsets()
        np.testing.assert_allclose(points, [[10, 2], [20, 1], [10, 1], [20, 0.5], [30, 1]])
        np.testing.assert_allclose(figure.axes[0].lines[0].get_xydata(), [[10, 1.5], [20, 1.5]])  # the running mean


def test_a_log_s_shares_and_ranks_are_no_losses():
    heard = {"residual share": [0.1, 0.2], "graph share": [0.1, 0.2], "rank": [9.0, 3.0], "gradient": 2.0}
    (axis,) = viz.training_curve([record | heard for record in records()[:2]]).axes
    assert legend_of(axis) == ["object", "part"]
    assert len(axis.collections[0].get_offsets()) == 4


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
