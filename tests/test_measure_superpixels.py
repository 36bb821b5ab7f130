import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import savemat
from skimage import data
from skimage.measure import label as connected

from dgmlib import superpixels
from dgmlib.superpixels import benchmark as benchmarks
from dgmlib.superpixels import fitting, merge, quality
from dgmlib.superpixels.baselines import felzenszwalb_at, seeds_like, slic_at, watershed_at
from dgmlib.superpixels.benchmark import benchmark

BSDS = Path(os.environ.get("DGM_REAL_DATA", "/nowhere")) / "bsds500"
needs_bsds = pytest.mark.skipif(not BSDS.is_dir(), reason="DGM_REAL_DATA does not point at a folder with bsds500")


def halves(width, at):
    return (np.arange(width) >= at).astype(np.int64)[None].repeat(10, 0)


def test_scores_of_a_perfect_and_of_a_useless_map():
    truth, image = halves(20, 8), halves(20, 8)[..., None].repeat(3, 2).astype(np.uint8) * 255
    assert quality.scores(truth, [truth], image) == {"ASA": 1, "BR": 1, "UE": 0, "EV": 1, "regions": 2}
    whole = quality.scores(np.zeros_like(truth), [truth], image)
    # One region: 12 of 20 columns are right; the smaller side of each of two segments leaks, 8 columns both times.
    assert whole == pytest.approx({"ASA": 0.6, "BR": 0, "UE": 0.8, "EV": 0, "regions": 1})


@pytest.mark.parametrize(("shift", "recall"), [(0, 1), (2, 1), (-2, 1), (3, 0)])
def test_boundary_recall_forgives_two_pixels(shift, recall):
    image = np.arange(600, dtype=float).reshape(10, 20, 3)
    found = quality.scores(halves(20, 8 + shift), [halves(20, 8)], image)
    assert found["BR"] == recall
    assert found["ASA"] == pytest.approx(1 - abs(shift) / 20)


def test_scores_average_over_annotators():
    image = np.arange(600, dtype=float).reshape(10, 20, 3)
    labels, one, other = halves(20, 10), halves(20, 9), halves(20, 14)
    both = quality.scores(labels, [one, other], image)
    for key in ("ASA", "BR", "UE"):
        mean = np.mean([quality.scores(labels, [truth], image)[key] for truth in (one, other)])
        assert both[key] == pytest.approx(mean)


def test_logistic_regression_finds_the_closed_form():
    # With one constant feature the weight is the log odds of the weighted mean target.
    target, importance = np.array([0.0, 1.0, 0.25]), np.array([1.0, 2.0, 4.0])
    mean = np.average(target, weights=importance)
    weight = fitting._logistic(np.ones((3, 1)), target, importance)
    assert weight == pytest.approx([math.log(mean / (1 - mean))])


def test_share_lost_by_a_merge_is_the_drop_of_asa(monkeypatch):
    photo = data.astronaut()[100:150, 150:220]
    truths = [connected(photo[..., 1] // s, connectivity=1, background=-1).astype(np.int64) - 1 for s in (64, 100)]
    monkeypatch.setattr(fitting, "_COUNTS", (12,))
    _, share, smaller = fitting._examples(photo, truths, merge.WEIGHTS)
    labels = superpixels.segment(photo, 12)
    before = quality.scores(labels, truths, photo)["ASA"]
    edges = superpixels.region_adjacency(labels)
    for (i, j), lost in zip(edges.T[edges[0] < edges[1]], share * smaller, strict=True):
        merged = np.unique(np.where(labels == j, i, labels), return_inverse=True)[1].reshape(labels.shape)
        after = quality.scores(merged, truths, photo)["ASA"]
        assert lost == pytest.approx((before - after) * labels.size)


@pytest.fixture
def small_bsds(tmp_path):
    """Two photographs in BSDS500's layout, with two annotators who see flat patches of colour."""
    for split in ("train", "val"):
        (tmp_path / "images" / split).mkdir(parents=True)
        (tmp_path / "groundTruth" / split).mkdir(parents=True)
        for name, photo in (("1", data.astronaut()), ("2", data.coffee())):
            photo = photo[100:180, 150:270]
            Image.fromarray(photo).save(tmp_path / "images" / split / f"{name}.jpg", quality=95)
            truths = np.empty((1, 2), object)
            for i, steps in enumerate((64, 90)):
                patches = connected(photo.mean(2) // steps, connectivity=1, background=-1).astype(np.uint16)
                truths[0, i] = {"Segmentation": patches}
            savemat(tmp_path / "groundTruth" / split / f"{name}.mat", {"groundTruth": truths})
    return tmp_path


def test_fit_is_repeatable_and_sensible(small_bsds):
    weights = superpixels.fit(small_bsds, rounds=1)
    assert list(weights) == list(fitting.FEATURES)
    assert len(merge.WEIGHTS) == len(weights)
    assert weights == superpixels.fit(small_bsds, rounds=1)
    assert weights["coarse contrast"] + weights["fine contrast"] + weights["colour distance"] > 0
    with pytest.raises(ValueError, match="pass the folder of BSDS500"):
        superpixels.fit(small_bsds / "nowhere")


def test_benchmark_writes_the_table_with_its_origin(small_bsds, tmp_path):
    out = tmp_path / "results"
    benchmark(small_bsds, out, images=1)
    table = pd.read_csv(out / "superpixels.csv")
    assert len(table) == 20
    assert set(table["data"]) == {"BSDS500 val, 1 images, all annotators"}
    assert (table["regions"] <= table["max_regions"]).all()
    assert "| 512 | ours |" in (out / "superpixels.md").read_text()
    assert '"commit"' in (out / "superpixels.json").read_text()


def test_training_images_are_segmented_with_constants_of_the_other_folds(small_bsds, tmp_path, monkeypatch):
    constants, used = {}, []

    def fit_images(items, workers):
        ((image, _),) = items  # of two
        constants[image.tobytes()] = fitting.fit_images(items, rounds=1)
        return constants[image.tobytes()]

    def segment_hierarchy(image, counts, weights):
        used.append((image.tobytes(), weights))
        return superpixels.segment_hierarchy(image, counts, weights)

    monkeypatch.setattr(benchmarks, "fit_images", fit_images)
    monkeypatch.setattr(benchmarks, "segment_hierarchy", segment_hierarchy)
    table = benchmarks.kept_aside(small_bsds, tmp_path / "results", folds=2)
    (one, for_one), (other, for_other) = used
    assert (for_one, for_other) == (list(constants[other].values()), list(constants[one].values()))
    assert for_one != for_other
    assert table["max_regions"].tolist() == [512, 256, 128, 64]
    assert table["ASA"].is_monotonic_decreasing
    assert "in 2 folds" in (tmp_path / "results" / "superpixels_kept_aside.md").read_text()


@pytest.mark.parametrize("method", [slic_at, felzenszwalb_at, watershed_at, seeds_like])
def test_other_methods_stay_within_the_count(method):
    photo = data.coffee()[::3, ::3]
    labels = method(photo, 80)
    assert labels.shape == photo.shape[:2]
    assert len(np.unique(labels)) == labels.max() + 1 <= 80
    assert labels.max() + 1 > 50


@needs_bsds
def test_quality_bar_on_photographs_kept_aside():
    rows = []
    for path in sorted((BSDS / "images" / "val").glob("*.jpg"))[::12]:
        human = quality.load_human(BSDS / "groundTruth" / "val" / f"{path.stem}.mat")
        image = np.asarray(Image.open(path))
        ours, theirs = superpixels.segment(image), slic_at(image, 512)
        rows.append([quality.scores(labels, human, image) for labels in (ours, theirs)])
    ours, theirs = (pd.DataFrame(column).mean() for column in zip(*rows, strict=True))
    assert ours["regions"] == 512
    assert ours["ASA"] > theirs["ASA"] + 0.015
    assert ours["BR"] > theirs["BR"] + 0.08
    assert ours["ASA"] > 0.96
    assert ours["BR"] > 0.92
