"""The merge cost's constants: what they are fitted to, and how."""

import math

import numpy as np
import pytest
from bsds import write_bsds
from skimage import data
from skimage.measure import label as connected

from dgmlib import superpixels
from dgmlib.measure.superpixels import scores
from dgmlib.superpixels import fitting, merge


def test_logistic_regression_finds_the_closed_form():
    # With one constant feature the weight is the log odds of the weighted mean target.
    target, importance = np.array([0.0, 1.0, 0.25]), np.array([1.0, 2.0, 4.0])
    mean = np.average(target, weights=importance)
    weight = fitting.logistic(np.ones((3, 1)), target, importance)
    assert weight == pytest.approx([math.log(mean / (1 - mean))])


def test_share_lost_by_a_merge_is_the_drop_of_asa(monkeypatch):
    photo = data.astronaut()[100:150, 150:220]
    truths = [connected(photo[..., 1] // s, connectivity=1, background=-1).astype(np.int64) - 1 for s in (64, 100)]
    monkeypatch.setattr(fitting, "COUNTS", (12,))
    _, share, smaller = fitting.examples(photo, truths, merge.WEIGHTS)
    labels = superpixels.segment(photo, 12)
    before = scores(labels, truths, photo)["ASA"]
    edges = superpixels.region_adjacency(labels)
    for (i, j), lost in zip(edges.T[edges[0] < edges[1]], share * smaller, strict=True):
        merged = np.unique(np.where(labels == j, i, labels), return_inverse=True)[1].reshape(labels.shape)
        after = scores(merged, truths, photo)["ASA"]
        assert lost == pytest.approx((before - after) * labels.size)


def test_fit_is_repeatable_and_sensible(tmp_path):
    bsds = write_bsds(tmp_path)
    weights = fitting.fit(bsds, rounds=1)
    assert list(weights) == list(fitting.FEATURES)
    assert len(merge.WEIGHTS) == len(weights)
    assert weights == fitting.fit(bsds, rounds=1)
    assert weights["coarse contrast"] + weights["fine contrast"] + weights["colour distance"] > 0
    with pytest.raises(ValueError, match="pass the folder of BSDS500"):
        fitting.fit(bsds / "nowhere")
