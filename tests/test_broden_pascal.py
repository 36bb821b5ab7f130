"""PASCAL: objects of Context, parts of PASCAL-Part, and what their files can get wrong."""

import numpy as np
import pytest
import scipy.io
from broden_tree import CONTEXT as CONTEXT_LABELS
from broden_tree import OBJECTS, PASCAL_SHAPE, assert_told, box, structs

from dgmlib.broden import BrodenError, BrodenPlus
from dgmlib.broden.files import UnreadableFileError, WrongSizeError
from dgmlib.broden.pascal import part_name

CONTEXT = "pascal/context/trainval/2008_000002.mat"
PART = "pascal/part/Annotations_Part/2008_000002.mat"


def test_pascal_objects_come_from_context_alone(samples):
    objects = samples["pascal/2008_000002"]["object"]
    assert (objects[:2] == 0).all()  # "unknown"
    assert (objects[2:20] == OBJECTS.index("sky")).all()
    assert (objects[20:, :18] == OBJECTS.index("car")).all()
    assert (objects[20:, 18:] == OBJECTS.index("person")).all()


def test_pascal_parts_are_merged_in_file_order(samples):
    sample = samples["pascal/2008_000002"]
    expected = np.zeros(PASCAL_SHAPE, dtype=int)
    expected[30:40, 2:12] = 1  # wheel
    expected[36:44, 0:8] = 0  # the empty name ("frontside") is no part, but it overwrites the wheel
    expected[34:42, 10:18] = 0  # the person's leg, later, reaches over the car: not one of its parts
    expected[34:42, 18:30] = 2  # leg, on the person
    np.testing.assert_array_equal(sample["part"], expected)
    assert sample["part_valid"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (("lfuleg",), "leg"),
        (("engine_3",), "engine"),
        (("cfrontside_2",), "coach"),
        (("hroofside",), "head roof"),
        (("headlight_1",), "headlight"),
        (("rbho",), "hoof"),
        (("bwheel", "wheel_1", "wheel_2"), "wheel"),
        (("leftmirror",), "mirror"),
        (("roofside",), "roof"),
        (("frontside",), ""),
        (("handlebar",), "handlebar"),  # of a bicycle "handle bar", which is the same part
        (("fliplate",), "license plate"),
        (("door_1", "door_2"), "door"),
    ],
)
def test_part_names_lose_side_and_number(keys, name):
    assert {part_name(key) for key in keys} == {name}


def test_raw_label_that_nobody_lists_is_zero_up_to_the_last_name(root):
    path = root / CONTEXT
    scipy.io.savemat(path, {"LabelMap": np.full(PASCAL_SHAPE, CONTEXT_LABELS["unknown"], dtype=np.uint16)})
    assert not BrodenPlus(root, "train", tasks=("object",))[2]["object"].any()


def test_no_pascal_annotations_at_all(root):
    (root / "pascal" / "part" / "Annotations_Part").rename(root / "away")
    assert_told(root, BrodenError, "Annotations_Part", "pascal_part_dataset/trainval.tar.gz")


def test_mat_without_the_variable(root):
    scipy.io.savemat(root / CONTEXT, {"Labels": np.ones(PASCAL_SHAPE)})
    assert_told(root, UnreadableFileError, CONTEXT, "no variable 'LabelMap'.*restore")


def test_annotation_without_its_fields(root):
    scipy.io.savemat(root / PART, {"anno": {"imname": "x"}})
    assert_told(root, UnreadableFileError, PART, "lacks a field.*restore")


@pytest.mark.parametrize("content", ["text", {"a": 1}, np.ones(3), np.array([["a"]], dtype=object)])
def test_context_that_is_no_map(root, content):
    scipy.io.savemat(root / CONTEXT, {"LabelMap": content})
    assert_told(root, UnreadableFileError, CONTEXT, "no map of labels; restore")


@pytest.mark.parametrize(
    ("changed", "kind", "told"),
    [
        ({"mask": box((9, 9), 0, 4, 0, 4)}, WrongSizeError, r"part mask of \(9, 9\) pixels .*restore"),
        ({"mask": 1}, WrongSizeError, r"part mask of \(\) pixels.*restore"),
        ({"mask": "text"}, WrongSizeError, r"part mask of \(\) pixels.*restore"),
        ({"part_name": np.arange(3)}, UnreadableFileError, "part_name is no text.*restore"),
        ({"part_name": np.zeros((0, 0))}, UnreadableFileError, "part_name is no text.*restore"),
        ({"part_name": "fin"}, BrodenError, "unknown part 'fin' of 'car'; add it .*restore"),
    ],
)
def test_part_of_another_kind(root, changed, kind, told):
    part = {"part_name": "window_1", "mask": box(PASCAL_SHAPE, 0, 4, 0, 4)} | changed
    thing = {"class": "car", "class_ind": 7, "mask": 0, "parts": structs([part])}
    scipy.io.savemat(root / PART, {"anno": {"imname": "x", "objects": structs([thing])}})
    assert_told(root, kind, PART, told)


def test_image_without_annotated_objects(root):
    scipy.io.savemat(root / PART, {"anno": {"imname": "x", "objects": np.zeros((0, 0))}})
    assert not BrodenPlus(root, "train")[2]["part_valid"].any()


def test_one_annotation_too_many_shifts_all_that_follow(root):
    (root / PART).with_name("2008_000005.mat").write_bytes((root / PART).read_bytes())
    assert_told(root, BrodenError, "Annotations_Part holds 3 .mat files where the lists count 2", "restore exactly")
