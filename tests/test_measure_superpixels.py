import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bsds import write_bsds
from skimage import data

from dgmlib.measure import superpixels as quality
from dgmlib.measure.baselines import felzenszwalb_at, seeds_like, slic_at, watershed_at
from dgmlib.superpixels import fitting, segment, segment_hierarchy
from dgmlib.superpixels.fitting import HumanSegmentations

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


@pytest.fixture
def small_bsds(tmp_path):
    return write_bsds(tmp_path)


def test_benchmark_writes_the_table_with_its_origin(small_bsds, tmp_path):
    out = tmp_path / "results"
    quality.measure(small_bsds, out, images=1)
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

    def segmented(image, counts, weights):
        used.append((image.tobytes(), weights))
        return segment_hierarchy(image, counts, weights)

    monkeypatch.setattr(quality, "fit_images", fit_images)
    monkeypatch.setattr(quality, "segment_hierarchy", segmented)
    table = quality.kept_aside(small_bsds, tmp_path / "results", folds=2)
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
    rows, photographs = [], HumanSegmentations(BSDS, "val")
    for index in range(0, len(photographs), 12):
        image, human = photographs[index]
        rows.append([quality.scores(regions, human, image) for regions in (segment(image), slic_at(image, 512))])
    ours, theirs = (pd.DataFrame(column).mean() for column in zip(*rows, strict=True))
    assert ours["regions"] == 512
    assert ours["ASA"] > theirs["ASA"] + 0.015
    assert ours["BR"] > theirs["BR"] + 0.08
    assert ours["ASA"] > 0.96
    assert ours["BR"] > 0.92
