"""Intervals over seeds and images against literal computations; what the text says of them."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dgmlib import experiments, load_model, paths, presets
from dgmlib.measure import evidence
from dgmlib.measure.evidence import SYSTEMS, intervals, redrawn, render, verdict
from dgmlib.vocabulary import Vocabulary

VOCABULARY = Vocabulary(objects=("-", "cat", "sky"))


class Counted:
    """A cell that was scored before: ``hits`` of 10 labelled pixels of a cat in every image, nothing else."""

    def __init__(self, system, seed, hits):
        self.system, self.seed, self.hits = system, seed, hits

    def counts(self):
        none = [0] * len(self.hits)
        columns = [np.array([none, values, none]) for values in (self.hits, self.hits, [10] * len(self.hits))]
        return {"object": np.stack(columns, 0).transpose(2, 0, 1)}  # (images, 3, classes)


def cells(hits):
    """Cells of all systems by seed; ``hits[system][seed]`` is a list by image."""
    return [Counted(system, seed, one) for system, seeds in hits.items() for seed, one in enumerate(seeds)]


def test_scores_of_redrawn_images_are_those_of_a_list_that_repeats_them():
    counts = Counted("DGM", 0, [1, 5, 9]).counts()
    table = redrawn(counts, VOCABULARY, np.array([[1, 1, 1], [0, 3, 0], [2, 0, 1]]))
    shares = [15 / 30, 15 / 30, 11 / 30]
    assert table["object/pixel accuracy"].tolist() == pytest.approx(shares)
    assert table["object/mIoU"].tolist() == pytest.approx([share / 2 for share in shares])  # the sky scores 0


def lead(base, ahead, over):
    """Of every system by ``ahead`` over UPerNet by ``base``, in pixel accuracy: DGM's row with this interval."""
    hits = {system: base if system == "UPerNet" else ahead for system in SYSTEMS}
    rows = pd.DataFrame(intervals(cells(hits), VOCABULARY)).set_index(["model", "number", "over"])
    return rows.loc["DGM", "object/pixel accuracy", over]


def test_the_interval_over_seeds_is_students():
    row = lead([[2, 4], [3, 5], [2, 2]], [[4, 4], [4, 5], [5, 2]], "seeds")
    difference = np.array([2, 1, 3]) / 20
    expected = stats.t.interval(0.95, 2, difference.mean(), stats.sem(difference))
    assert (row["value"], row["low"], row["high"]) == pytest.approx((difference.mean(), *expected))


def test_the_interval_over_images_covers_what_other_images_would_give():
    """Ahead by 4 of 10 pixels in half of the images: a mean of 100 draws of 0 or 0.4 lies within 0.2 ± 0.04."""
    row = lead([[2] * 100], [np.random.default_rng(0).permutation([2, 6] * 50).tolist()], "images")
    reach = 1.96 * 0.2 / 100**0.5
    assert (row["low"], row["high"]) == pytest.approx((0.2 - reach, 0.2 + reach), abs=0.01)


def test_neighbours_in_the_list_that_are_alike_count_less_than_as_many_different_images():
    """Of frames of one video: a hundred in ten shots of ten are no hundred images."""
    row = lead([[2] * 100], [([2] * 10 + [6] * 10) * 5], "images")
    assert row["high"] - row["low"] > 2 * 1.5 * 1.96 * 0.2 / 100**0.5


def test_one_seed_has_no_interval_over_seeds_and_decides_nothing():
    over_seeds, over_images = (lead([[2] * 9], [[6] * 9], over) for over in ("seeds", "images"))
    assert over_seeds[["low", "high"]].isna().all()
    assert over_seeds["verdict"] == over_images["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(0.1, 0.3), (0.1, 0.2)], "ahead"),
        ([(-0.3, -0.1), (-0.2, -0.1)], "behind"),
        ([(-0.1, 0.3), (0.1, 0.2)], "undecided"),
        ([(0.1, 0.3), (-0.2, -0.1)], "undecided"),
    ],
)
def test_a_verdict_needs_both_intervals(spans, said):
    assert verdict(spans) == said


def test_the_text_marks_a_graph_that_is_not_heard():
    place = {"data": "drawings", "setting": "O", "low": np.nan, "high": np.nan}
    rows = [place | {"model": "UPerNet", "number": "object/mIoU", "over": "seed 0", "value": 0.5}]
    for share in (0.001, 0.2):
        heard = [
            place | {"model": "DGM", "number": "graph share", "over": f"level {level}, seed 0", "value": share}
            for level in (1, 2, 3, 4)
        ]
        spans = [
            place
            | {"model": "DGM", "number": "object/mIoU", "over": over, "value": 0.02, "low": 0.01, "high": 0.03}
            | {"verdict": "ahead"}
            for over in ("seeds", "images")
        ]
        text = render(pd.DataFrame(rows + heard + spans))
        assert "**+2.0 [+1.0, +3.0] (+1.0, +3.0)**" in text
        assert ("does not test DGM" in text) == (share < 0.01)


def test_dgm_is_set_beside_its_control_seed_by_seed():
    place = {"data": "drawings", "setting": "O", "number": "object/mIoU", "low": np.nan, "high": np.nan}
    values = {"UPerNet": (0.5, 0.6, 0.7), "DGM": (0.52, 0.63, 0.74), "DGM w/o graph": (0.51, 0.61, 0.71)}
    rows = [
        place | {"model": model, "over": f"seed {seed}", "value": value}
        for model, scores in values.items()
        for seed, value in enumerate(scores)
    ]
    rows += [
        place | {"model": model, "over": over, "value": 0.02, "verdict": "undecided"}
        for model in ("DGM", "DGM w/o graph")
        for over in ("seeds", "images")
    ]
    half = stats.t.ppf(0.975, 2) * np.std([1, 2, 3], ddof=1) / np.sqrt(3)
    assert f"| +2.0 ± {half:.1f} |" in render(pd.DataFrame(rows))
    alone = pd.DataFrame([row for row in rows if row["over"] in ("seed 0", "seeds", "images")])
    assert "| +1.0 |" in render(alone)  # one seed has no interval


def test_what_is_kept_of_the_runs_makes_the_table_again(smoke_data, tmp_path, monkeypatch):
    one_setting = replace(presets.get("smoke"), settings=("O+P+S",))
    monkeypatch.setitem(presets.PRESETS, "smoke", one_setting)
    monkeypatch.setattr(evidence, "SYSTEMS", ("UPerNet", "DGM w/o graph", "DGM"))
    monkeypatch.setattr(evidence, "LENGTHS", (0.5,))
    arguments = {"profile": "smoke", "seeds": 1, "data": smoke_data, "workers": 1, "device": "cpu", "out": tmp_path}
    text = evidence.measure(**arguments, runs=tmp_path / "runs")
    assert "**Broden-mini (smoke)**, O+P+S, 1 seed\n" in text
    assert "trained for 3 iterations in all" in text
    shutil.rmtree(tmp_path / "runs")
    monkeypatch.setattr(experiments, "train", lambda *_, **__: pytest.fail("trained again"))
    assert evidence.measure(**arguments, runs=tmp_path / "evidence") == text


class Kept(Counted):
    """A cell of which only the counts were kept."""

    def __init__(self, folder):
        self.counted = dict(np.load(folder / "counts.npz"))
        name, setting, seed = folder.name.rsplit("-", 1)[0].rsplit("_", 2)
        self.setting, self.seed = setting, int(seed.removeprefix("seed"))
        self.system = next(system for system in SYSTEMS if system.replace("/", "").split() == name.split("_"))

    def counts(self):
        return self.counted


@pytest.mark.parametrize(
    ("preset", "data", "model"), [("mini", "Broden-mini", "demo-dgm"), ("real", "real-mixture", "street-dgm")]
)
def test_the_committed_intervals_are_those_of_the_committed_counts(preset, data, model):
    """Of every setting whose counts are kept."""
    kept = [Kept(folder) for folder in (paths.RESULTS / "evidence" / preset).iterdir()]
    vocabulary = load_model(paths.MODELS / model).vocabulary
    table = pd.read_csv(paths.RESULTS / "evidence.csv").query("data == @data")
    where = ["setting", "model", "number", "over"]
    for setting in {cell.setting for cell in kept}:
        rows = pd.DataFrame(intervals([cell for cell in kept if cell.setting == setting], vocabulary))
        ours = rows.assign(setting=setting).set_index(where).sort_index()
        theirs = table[table["low"].notna()].set_index(where).sort_index().loc[[setting]]
        assert len(ours) == len(theirs) > 0
        pd.testing.assert_frame_equal(theirs[["value", "low", "high"]], ours[["value", "low", "high"]], atol=1e-5)
        assert (theirs["verdict"] == ours["verdict"]).all()
