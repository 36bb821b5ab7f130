"""Points ahead of UPerNet as pictures."""

import numpy as np
import pandas as pd
from matplotlib.container import ErrorbarContainer
from shown import legend_of, titles

from dgmlib import viz


def test_evidence_draws_both_intervals_and_colours_what_is_decided():
    place = {"data": "drawings", "setting": "O", "number": "object/mIoU"}
    spans = {
        ("DGM", "ahead"): [(0.01, 0.05), (0.02, 0.04)],
        ("DGM w/o graph", "undecided"): [(-0.02, 0.04), (0.0, 0.02)],
    }
    rows = [
        place | {"model": model, "verdict": verdict, "over": over, "value": (low + high) / 2, "low": low, "high": high}
        for (model, verdict), both in spans.items()
        for over, (low, high) in zip(("seeds", "images"), both, strict=True)
    ]
    seed = [place | {"model": "DGM", "over": "seed 0", "value": 0.5}]
    (axis,) = (figure := viz.evidence(pd.DataFrame(rows + seed))).axes
    assert titles(figure) == ["drawings, O"]
    assert np.allclose(axis.get_xlim(), (-5.25, 5.25))  # as wide as the widest interval, UPerNet in the middle
    assert [label.get_text() for label in axis.get_yticklabels()] == ["object mIoU"]
    drawn = {
        tuple(np.round(line.get_xdata(), 6)): line.get_color() for line in axis.lines if len(line.get_xdata()) == 2
    }
    assert drawn.pop((0, 0)) == "black"
    assert set(drawn) == {(1, 5), (2, 4), (-2, 4), (0, 2)}
    assert drawn[1, 5] == drawn[2, 4] != drawn[-2, 4]
    named = ["DGM", "DGM w/o graph", "ahead", "undecided", "95 % over seeds", "95 % over images"]
    assert legend_of(figure) == named  # nothing is behind


def test_evidence_of_few_images_may_leave_a_panel_and_every_panel_has_its_own_width():
    rows = [
        {"data": data, "setting": "O", "number": number, "model": "DGM", "verdict": "undecided", "over": over}
        | {"value": 0.0, "low": -reach, "high": reach}
        for data, reaches in {"drawings": (0.02, 0.3), "streets": (0.01, 0.2)}.items()
        for number, reach in zip(("object/mIoU", "texture/accuracy"), reaches, strict=True)
        for over in ("seeds", "images")
    ]
    rows[2]["value"] = rows[3]["value"] = -0.04
    axes = viz.evidence(pd.DataFrame(rows)).axes
    assert np.allclose([axis.get_xlim()[1] for axis in axes], (2.1, 1.05))
    assert [[text.get_text() for text in axis.texts] for axis in axes] == [["← -4.0"], []]


def summary() -> pd.DataFrame:
    spans = {
        ("UPerNet", "first"): (0.0, 0.0),
        ("DGM", "first"): (2.0, 0.5),
        ("SLIC", "second"): (1.0, np.nan),
    }
    rows = [
        (data, question, candidate, score, beside, ahead, reach)
        for data in ("streets", "cars")
        for (candidate, question), (ahead, reach) in spans.items()
        for score in ("mIoU", "boundary F")
        for beside in ("UPerNet", "DGM")
    ]
    return pd.DataFrame(rows, columns=["data", "question", "candidate", "score", "beside", "ahead", "reach"])


def spans(axis) -> dict[tuple, tuple]:
    """Place of every point -> ends of its line."""
    drawn = {}
    for bars in (each for each in axis.containers if isinstance(each, ErrorbarContainer)):
        for x, y, ends in zip(*bars.lines[0].get_data(), bars.lines[2][0].get_segments(), strict=True):
            drawn[round(float(x), 3), round(float(y), 3)] = tuple(np.round(ends[:, 0], 3))
    return drawn


def test_the_ablation_has_a_row_for_every_candidate_beside_upernet_and_colours_its_question():
    figure = viz.ablation(summary())
    assert titles(figure) == ["streets", "cars"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["DGM", "SLIC"]
    for axis in figure.axes:
        assert spans(axis) == {(2, 0): (1.5, 2.5), (1, 1): (1, 1)}  # one seed has no interval
        assert any(line.get_linestyle() == "--" and set(line.get_xdata()) == {2} for line in axis.lines)
    assert legend_of(figure) == ["first", "second"]


def test_what_is_far_ahead_is_written_at_the_edge():
    rows = summary()
    rows.loc[rows["candidate"] == "SLIC", ["ahead", "reach"]] = 13.6, 0.5
    for axis in viz.ablation(rows).axes:
        assert axis.get_xlim()[1] < 13
        (text,) = axis.texts
        assert (text.get_text(), text.get_position()[1]) == ("13.6 ± 0.5 →", 1)


def test_where_it_is_ahead_has_a_row_for_every_score_and_candidates_apart_in_it():
    figure = viz.where_ahead(summary(), ["DGM", "SLIC"])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["mIoU", "boundary F"]
    for axis in figure.axes:
        found = spans(axis)
        assert sorted({ends for (x, _), ends in found.items() if x == 2}) == [(1.5, 2.5)]
        assert len({y for _, y in found}) == 4
    assert legend_of(figure) == ["DGM", "SLIC"]
