"""Whatever can be wrong with a single file is told in one sentence that names the file and the remedy."""

import re

import numpy as np
import pytest
from broden_tree import OS_SHAPE, assert_told, deep_picture, write_pairs
from PIL import Image

from dgmlib.broden import BrodenError, BrodenPlus, FolderDataset
from dgmlib.broden.files import MissingFileError, UnreadableFileError

ADE = "ade20k/ADE20K_2016_07_26/images/training/s/street/ADE_train_00000001"
CONTEXT = "pascal/context/trainval/2008_000002.mat"
JOINT = "meta_file/joint_dataset"
TRAIN = f"{JOINT}/broden_ade20k_pascal_train.json"


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        (f"{ADE}.jpg", "ADE20K_2016_07_26.zip"),
        (f"{ADE}_seg.png", "ADE20K_2016_07_26.zip"),
        (f"{ADE}_parts_1.png", "ADE20K_2016_07_26.zip"),  # its record promises parts
        ("pascal/VOC2010/JPEGImages/2008_000002.jpg", "VOCtrainval_03-May-2010.tar"),
        (CONTEXT, "pascal-context/trainval.tar.gz"),
        ("opensurfaces/photos/15.jpg", "opensurfaces-release-0.zip"),
        ("opensurfaces/photos-labels/15.png", "opensurfaces-release-0.zip"),
        ("dtd/dtd-r1.0.1/images/banded/banded_0002.jpg", "dtd-r1.0.1.tar.gz"),
        (f"{JOINT}/object.csv", "unifiedparsing"),
        (f"{JOINT}/label_assignment.csv", "unifiedparsing"),
        (TRAIN, "unifiedparsing"),
        ("meta_file/ade20k/index_ade20k.mat", "unifiedparsing"),
        ("meta_file/ade20k/scene_categories.txt", "unifiedparsing"),
        ("meta_file/opensurfaces/photos.csv", "photos.csv"),
        ("meta_file/dtd/labels_joint_anno.txt", "unifiedparsing"),
    ],
)
def test_missing_file(root, path, remedy):
    (root / path).unlink()
    assert_told(root, MissingFileError, path, remedy)


def test_pictures_of_16_bits_per_channel(root):
    path = root / "opensurfaces/photos-labels/15.png"
    deep_picture(path, np.full((*OS_SHAPE, 3), 256 * 3 + 1))
    assert_told(root, UnreadableFileError, "15.png", "16 bits per channel where 8 are expected.*rebuild")
    deep_picture(root / "opensurfaces/photos/907.jpg", np.full((*OS_SHAPE, 3), 256 * 3 + 1))
    dataset = BrodenPlus(root, "val")  # photographs may have them
    (photo,) = [dataset[i]["image"] for i, record in enumerate(dataset.records) if record.source == "os"]
    assert (photo == 3).all()
    write_pairs(root / "own", {"a": np.zeros((20, 24))})
    Image.new("I;16", (24, 20), 256 * 7 + 1).save(root / "own/train/images/a.jpg", "png")
    assert (FolderDataset(root / "own", "train", names=("road",))[0]["image"] == 7).all()


@pytest.mark.parametrize(
    ("path", "column"),
    [
        (f"{JOINT}/object.csv", "name"),
        (f"{JOINT}/object_part_hierarchy.csv", "part_labels"),
        (f"{JOINT}/label_assignment.csv", "raw_label"),
        ("meta_file/opensurfaces/photos.csv", "photo_id"),
        ("meta_file/opensurfaces/label-substance-colors.csv", "red_color"),
    ],
)
def test_metadata_without_a_column(root, path, column):
    text = (root / path).read_text()
    (root / path).write_text(text.replace(column, "renamed", 1))
    assert_told(root, BrodenError, path, f"lacks the column '{column}'; its header must be")


@pytest.mark.parametrize(
    ("path", "old", "new", "told"),
    [
        ("ade20k/scene_categories.txt", "00000001 street", "00000001", "does not list the images .* in the same order"),
        ("pascal/context_labels.txt", r"[\s\S]+", "", "names no label"),
        ("pascal/context_labels.txt", "1: boat", "boat", "'boat' where a whole number is expected"),
        ("pascal/context_labels.txt", "1: boat", "7000000000: boat", "label 7000000000, but label maps hold 65535"),
        ("opensurfaces/label-substance-colors.csv", r"\n[\s\S]+", "\n", "names no label"),
        ("opensurfaces/photos.csv", "15,", "907,", "lists photo_id 907 twice"),
        ("joint_dataset/label_assignment.csv", ",object,", ",bject,", "labels of 'bject', which is no task"),
        ("joint_dataset/label_assignment.csv", ",2,car", ",-1,car", r"object label outside object\.csv"),
        ("joint_dataset/label_assignment.csv", ",520,car", ",7000000000,car", "label 7000000000, but label maps hold"),
        ("joint_dataset/label_assignment.csv", ",520,car", ",7,car", "raw label 7 of ade20k object twice"),
        ("joint_dataset/label_assignment.csv", ",2,car", ",3,car", "object 3 has other names than the lists"),
        ("joint_dataset/object_part_hierarchy.csv", "3,person", "2,person", "object 2 must be .* listed once"),
        ("joint_dataset/object_part_hierarchy.csv", "3,person", "3,man", "object 3 has other names than the lists"),
        ("joint_dataset/object_part_hierarchy.csv", ";wheel", "", "object 2 has other names than the lists"),
    ],
)
def test_metadata_with_an_odd_entry(root, path, old, new, told):
    path = root / "meta_file" / path
    changed = re.sub(old, new, path.read_text(), count=1)
    assert changed != path.read_text()
    path.write_text(changed)
    assert_told(root, BrodenError, str(path), f"{told}.*(copy|rebuild)")


def test_binary_metadata(root):
    (root / JOINT / "scene.csv").write_bytes(bytes(range(256)))
    assert_told(root, BrodenError, "scene.csv", "copy")
    (root / JOINT / "scene.csv").write_bytes(b"")
    assert_told(root, UnreadableFileError, "scene.csv", "not a readable csv")
