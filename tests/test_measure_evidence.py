"""Intervals over seeds and images against literal computations; what the text says of them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dgmlib import paths
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


def test_the_interval_over_seeds_is_students():
    base, ahead = [[2, 4], [3, 5], [2, 2]], [[4, 4], [4, 5], [5, 2]]
    hits = {system: base if system == "UPerNet" else ahead for system in SYSTEMS}
    rows = pd.DataFrame(intervals(cells(hits), VOCABULARY))
    row = rows[(rows["model"] == "DGM") & (rows["number"] == "object/pixel accuracy")].set_index("over").loc["seeds"]
    difference = np.array([2, 1, 3]) / 20
    expected = stats.t.interval(0.95, 2, difference.mean(), stats.sem(difference))
    assert (row["value"], row["low"], row["high"]) == pytest.approx((difference.mean(), *expected))


def test_the_interval_over_images_covers_what_other_images_would_give():
    """Ahead by 4 of 10 pixels in half of the images: a mean of 100 draws of 0 or 0.4 lies within 0.2 ± 0.04."""
    hits = {system: [[2] * 100] if system == "UPerNet" else [[2, 6] * 50] for system in SYSTEMS}
    rows = pd.DataFrame(intervals(cells(hits), VOCABULARY))
    row = rows[(rows["model"] == "DGM") & (rows["number"] == "object/pixel accuracy")].set_index("over").loc["images"]
    reach = 1.96 * 0.2 / 100**0.5
    assert (row["low"], row["high"]) == pytest.approx((0.2 - reach, 0.2 + reach), abs=0.006)


def test_one_seed_has_no_interval_over_seeds_and_decides_nothing():
    hits = {system: [[2] * 9] if system == "UPerNet" else [[6] * 9] for system in SYSTEMS}
    rows = pd.DataFrame(intervals(cells(hits), VOCABULARY))
    one = rows[(rows["model"] == "DGM") & (rows["number"] == "object/mIoU")]
    assert one.set_index("over").loc["seeds", ["low", "high"]].isna().all()
    assert set(one["verdict"]) == {"undecided"}


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


def test_the_headline_quotes_the_table():
    """Every number of the README's finding stands in results/evidence.csv."""
    text = (paths.ROOT / "README.md").read_text()
    finding = text[text.index("**What came out.**") : text.index("[All results]")]
    table = pd.read_csv(paths.RESULTS / "evidence.csv")
    rows = table[table["over"] == "images"].set_index(["data", "setting", "model", "number"])
    drawn, real = [("Broden-mini", "O+P+S"), ("Broden-mini", "O+P+S+M+T")], ("real-mixture", "O+P+T")

    def ahead(place, model, number):
        return f"{100 * rows.loc[(*place, model, number), 'value']:.1f}"

    def span(place, over="images"):
        found = table[table["over"] == over].set_index(["data", "setting", "model", "number"])
        low, high = found.loc[(*place, "DGM", "object/mIoU"), ["low", "high"]]
        return f"{100 * low:+.1f} to {100 * high:+.1f}"

    objects, parts, cut = (
        [ahead(place, model, number) for place in (*drawn, real)]
        for model, number in (("DGM", "object/mIoU"), ("DGM", "part/mIoU"), ("DGM w/o graph", "object/mIoU"))
    )
    assert f"ahead by {objects[0]} points of object mIoU in O+P+S and {objects[1]} in O+P+S+M+T" in finding
    assert f"95 % over images: {span(drawn[0])} and {span(drawn[1])}" in finding
    assert f"by {parts[0]} and {parts[1]} in parts" in finding
    assert f"over five seeds, DGM is ahead by {objects[2]} points of object mIoU" in finding
    assert f"95 % over seeds {span(real, 'seeds')}, over images {span(real)}" in finding
    assert f"by {parts[2]} in parts, which is undecided" in finding
    verdicts = rows.loc[[(*real, "DGM", f"{task}/mIoU") for task in ("object", "part")], "verdict"]
    assert list(verdicts) == ["ahead", "undecided"]
    assert f"network gains {cut[0]}, {cut[1]} and {cut[2]} in objects" in finding
    page = (paths.RESULTS / "README.md").read_text()
    assert f"{cut[0]} and {cut[1]} points of object mIoU on drawings, {cut[2]} on photographs" in page
    assert f"there {ahead(real, 'DGM w/o graph', 'part/mIoU')} in parts, where DGM gains {parts[2]}" in page
