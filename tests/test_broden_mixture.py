"""Folders of photographs as one data set: classes by name, parts, textures, one folder a batch."""

import numpy as np
import pytest
import torch
from broden_tree import write_pairs
from PIL import Image

from dgmlib.broden import BrodenError, FolderDataset, Mixture, Vocabulary, train_loader
from dgmlib.broden.folder import vocabulary_of
from dgmlib.data import content, open_data
from dgmlib.losses import perceptual_loss
from dgmlib.parsing import Parsed

TASKS = ("object", "part", "texture")


@pytest.fixture
def mixture(tmp_path):
    """Streets (objects), cars (parts of cars; two values of one name) and textures."""
    streets = np.repeat([0, 1, 2, 3], 5)[:, None].repeat(24, 1)
    cars = np.repeat([0, 1, 2, 3], 6)[None].repeat(20, 0)
    for split in ("train", "val"):
        for name, values, names in (
            ("streets", streets, ["road", "car", "-", "sky"]),
            ("cars", cars, ["-", "car/wheel", "car/door", "car/wheel"]),
        ):
            write_pairs(tmp_path / name, {"a": values, "b": values[::-1]}, split)
            (tmp_path / name / "names.txt").write_text("\n".join(names))
        for name in ("woven", "dotted"):
            (tmp_path / "textures" / split / name).mkdir(parents=True)
            pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "textures" / split / name / "x.png")
    return tmp_path


def test_classes_of_one_name_are_one_class():
    names = ["road", "-", "car/wheel", "car/door", "car/wheel", "house/door", "car"]
    expected = Vocabulary(("-", "road", "car", "house"), ("-", "wheel", "door"), object_parts={2: (0, 1, 2), 3: (0, 2)})
    assert vocabulary_of(names) == expected
    assert vocabulary_of(["-"]) == Vocabulary(("-",))


def test_samples_carry_what_their_folder_says(mixture):
    dataset = Mixture(mixture, "val", TASKS)
    assert dataset.vocabulary.objects == ("-", "car", "road", "sky")  # cars come first in the alphabet
    assert dataset.vocabulary.textures == ("dotted", "woven")
    assert [dataset.key(i) for i in range(6)] == [
        *("cars/val/a", "cars/val/b", "streets/val/a", "streets/val/b"),
        *("textures/val/dotted/x", "textures/val/woven/x"),
    ]
    car, street, texture = dataset[0], dataset[2], dataset[5]
    assert car["object"][0].tolist() == [0] * 6 + [1] * 18
    assert car["part"][0].tolist() == [0] * 6 + [1] * 6 + [2] * 6 + [1] * 6
    assert car["part_valid"].tolist() == [True]
    assert street["object"][:, 0].tolist() == [2] * 5 + [1] * 5 + [0] * 5 + [3] * 5
    assert set(street) == {"image", "key", "source", "object"}
    assert (texture["texture"], texture["source"]) == (1, "textures")
    with pytest.raises(IndexError, match="has 6 images, none of them number 6"):
        dataset[6]


def test_a_batch_comes_from_one_folder_and_trains_its_tasks(mixture):
    dataset = open_data(mixture, "train", TASKS)
    assert isinstance(dataset, Mixture)
    assert dataset.groups(TASKS) == [[0, 1], [2, 3], [4, 5]]
    assert dataset.groups(("part",)) == [[0, 1]]
    for batch in train_loader(dataset, ("object", "part"), 2, (40,), 6, 0, max_regions=9):
        (folder,) = set(batch["source"])
        assert ("part" in batch) == (folder == "cars")
        logits = {"object": torch.zeros(2, 4, 16, 16), "part": torch.zeros(2, 3, 16, 16)}
        parsed = Parsed({task: logits[task] for task in logits if task in batch}, None)
        assert all(
            torch.isfinite(loss)
            for loss in perceptual_loss(parsed, batch, dataset.vocabulary, dict.fromkeys(TASKS, 1.0)).values()
        )


def test_folders_without_a_label_that_is_asked_for_are_left_out(mixture):
    assert list(open_data(mixture, "val", ("texture",)).members) == ["textures"]
    with pytest.raises(BrodenError, match="is labelled for material in split val"):
        open_data(mixture, "val", ("material",))
    with pytest.raises(ValueError, match="labels of object only, not of part"):
        open_data(mixture / "streets", "val", ("object", "part"))


def test_a_folder_with_parts_is_a_data_set_by_itself(mixture):
    dataset = open_data(mixture / "cars", "val", ("object", "part"))
    assert isinstance(dataset, FolderDataset)
    assert dataset[0]["part"].max() == 2


def test_the_content_changes_with_a_name_a_label_and_a_texture(mixture):
    seen = {content(mixture)}
    (mixture / "streets" / "names.txt").write_text("road\nvan\n-\nsky")
    seen.add(content(mixture))
    (mixture / "textures" / "train" / "woven" / "x.png").rename(mixture / "textures" / "train" / "dotted" / "y.png")
    seen.add(content(mixture))
    Image.fromarray(np.zeros((20, 24), np.uint8)).save(mixture / "cars" / "val" / "labels" / "a.png")
    seen.add(content(mixture))
    assert len(seen) == 4


def test_superpixels_that_training_keeps_are_no_content(mixture):
    before, dataset = content(mixture), open_data(mixture, "train", TASKS)
    for tasks in (("object",), ("texture",)):
        list(train_loader(dataset, tasks, 2, (40,), 3, 0, max_regions=9))
    assert list(mixture.glob("superpixels-9/*/*/*.png"))
    assert content(mixture) == before


def test_label_pictures_without_names_are_no_textures(mixture):
    (mixture / "cars" / "names.txt").unlink()
    with pytest.raises(BrodenError, match=r"cars has label pictures but no names\.txt; write one class name"):
        open_data(mixture, "val", TASKS)
