"""Fig. 4's predictions: the rule that chooses images, ids and names of parts, storing and reading back."""

import numpy as np
import pytest
import torch

from dgmlib import PerceptualParser, Vocabulary, presets
from dgmlib.broden import BrodenPlus
from dgmlib.checkpoints import save_model
from dgmlib.experiments import Cell
from dgmlib.labels import class_names
from dgmlib.measure import predictions

SMOKE = presets.get("smoke")
WORDS = Vocabulary(("-", "car", "sky", "house"), ("-", "wheel", "door"), object_parts={1: (0, 1, 2), 3: (0, 2)})


@pytest.fixture(scope="module")
def compared(smoke_data, tmp_path_factory):
    """Two cells with random weights stand for trained ones."""
    runs = tmp_path_factory.mktemp("runs")
    for name, dgm in (("UPerNet", None), ("DGM", "full")):
        torch.manual_seed(0)
        model = PerceptualParser.from_preset(SMOKE, dgm)
        cell = Cell(SMOKE, name, predictions.SETTING, 0, smoke_data, runs)
        save_model(model, cell.folder / "model", identity=cell.identity)
    return predictions.compare(SMOKE, smoke_data, runs, images=1, models=("UPerNet", "DGM"))


def test_parts_are_named_with_their_object():
    names = class_names(WORDS, "part")
    parts = np.array([[0, 1, 2, 0, 1, 0]])
    sample = {"object": np.array([[1, 1, 1, 3, 3, 2]]), "part": parts, "part_valid": np.array([True, True])}
    ids = predictions.labels_of(sample, "part", WORDS)
    named = ["no part", "car: wheel", "car: door", "no part", "house: door", "-"]
    assert [names[i] for i in ids[0]] == named
    only = predictions.labels_of(sample | {"part_valid": np.array([False, True])}, "part", WORDS)
    assert [names[i] for i in only[0]] == ["-", "-", "-", "no part", "house: door", "-"]


def test_images_are_the_first_with_enough_labels(smoke_data):
    dataset = BrodenPlus(smoke_data, "val", ("object", "part", "scene", "material", "texture"))
    chosen = predictions.choose(dataset, "object", 1)
    sources = [dataset.records[i].source for i in chosen]
    assert sources == ["ade20k", "pascal"]
    for index, source in zip(chosen, sources, strict=True):
        before = [i for i in range(index) if dataset.records[i].source == source]
        for i in [*before, index]:
            labels = dataset[i]["object"]
            fits = len(np.unique(labels[labels > 0])) > 1 and (labels > 0).mean() >= predictions.ENOUGH
            assert fits == (i == index)


def test_every_task_is_compared_at_the_image_s_own_size(compared):
    assert {one.task for one in compared} == {"object", "part", "material"}
    for one in compared:
        assert one.truth.shape == one.image.shape[:2]
        for model in ("UPerNet", "DGM"):
            assert one.predictions[model].shape == one.truth.shape
            assert one.predictions[model].max() < len(one.names)
            assert 0 <= one.right(model) <= 1


def test_no_part_is_right_only_where_there_is_a_part():
    truth = np.array([[0, 1, 1, 2, 3]])
    nothing = np.array([[1, 1, 1, 1, 3]])
    for task, expected in (("part", 1 / 2), ("object", 3 / 4)):
        one = predictions.Comparison(task, "a", np.zeros((1, 5, 3)), truth, {"m": nothing}, ())
        assert one.right("m") == expected


def test_what_is_stored_comes_back(compared, tmp_path):
    predictions.save(compared, tmp_path, data="drawn")
    again, facts = predictions.load(tmp_path)
    assert facts["data"] == "drawn"
    assert "commit" in facts
    for one, other in zip(compared, again, strict=True):
        assert (one.task, one.key, one.names) == (other.task, other.key, other.names)
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.truth, other.truth)
        for model, ids in one.predictions.items():
            np.testing.assert_array_equal(ids, other.predictions[model])


def test_cells_that_are_not_trained_and_folders_without_predictions(smoke_data, tmp_path):
    with pytest.raises(FileNotFoundError, match="train it"):
        predictions.compare(SMOKE, smoke_data, tmp_path)
    with pytest.raises(FileNotFoundError, match="there are no predictions"):
        predictions.load(tmp_path)
