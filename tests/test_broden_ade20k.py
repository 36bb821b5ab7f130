"""ADE20K: its codes, its index, its scenes."""

import numpy as np
import scipy.io
from broden_tree import ADE, ADE_SHAPE, OBJECTS, assert_told, encode, picture

from dgmlib.broden import BrodenError, BrodenPlus
from dgmlib.broden.ade20k import decode_classes


def test_ade20k_codes_are_widened_before_they_are_multiplied():
    classes = np.array([[1, 255, 256, 257, 3148, 0]])
    np.testing.assert_array_equal(decode_classes(encode(classes).astype(np.uint8)), classes)
    instance = np.array([[[39, 7, 200]]], dtype=np.uint8)  # the last digit of R and all of B say nothing
    assert decode_classes(instance) == 3 * 256 + 7


def test_ade20k_objects_are_looked_up_by_one_based_raw_class(samples):
    objects = samples["ade20k/ADE_train_00000001"]["object"]
    expected = np.full(ADE_SHAPE, OBJECTS.index("wall"))
    expected[:, 28:] = OBJECTS.index("car")
    expected[30:, :] = OBJECTS.index("person")
    expected[:4, :4] = 0  # raw class 600: past the last assigned one, but named, so it is unlabelled and no error
    expected[-2:, :] = 0
    np.testing.assert_array_equal(objects, expected)


def test_ade20k_parts_count_only_within_their_object(samples):
    sample = samples["ade20k/ADE_train_00000001"]
    expected = np.zeros(ADE_SHAPE, dtype=int)
    expected[20:30, 28:40] = 1  # of the wheel at 20:32, 26:40, what lies on the car
    expected[2:6, 40:50] = 2
    np.testing.assert_array_equal(sample["part"], expected)
    assert sample["part_valid"].tolist() == [True, False]


def test_ade20k_without_a_part_file_annotates_no_parts(samples):
    sample = samples["ade20k/ADE_train_00000002"]
    assert not sample["part"].any()
    assert not sample["part_valid"].any()


def test_scene_misc_is_unlabelled_and_raw_scenes_are_alphabetical(samples):
    scenes = {key: sample["scene"] for key, sample in samples.items() if key.startswith("ade20k")}
    assert list(scenes.values()) == [1, 0, -1]


def test_parts_of_a_record_that_does_not_promise_them_are_used(root):
    parts = np.full(ADE_SHAPE, ADE["wheel"])
    folder = root / "ade20k/ADE20K_2016_07_26/images/training/k/kitchen"
    picture(folder / "ADE_train_00000002_parts_1.png", encode(parts))
    assert BrodenPlus(root, "train")[1]["part_valid"].tolist() == [True, False]


def test_index_with_fewer_folders_than_files(root):
    path = root / "meta_file/ade20k/index_ade20k.mat"
    index = scipy.io.loadmat(path, simplify_cells=True)["index"]
    index["folder"] = index["folder"][1:]
    scipy.io.savemat(path, {"index": index})
    assert_told(root, BrodenError, "index_ade20k.mat has 3 file names but 2 folders", "copy")


def test_scene_list_of_another_release(root):
    path = root / "meta_file/ade20k/scene_categories.txt"
    path.write_text("\n".join(reversed(path.read_text().split("\n"))))
    assert_told(root, BrodenError, "scene_categories.txt", "same order as the index|index_ade20k.*copy")
