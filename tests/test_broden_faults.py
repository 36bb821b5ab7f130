"""Whatever can be wrong on disk is told in one sentence that names the file and the remedy."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from broden_tree import (
    ADE_SHAPE,
    OS_SHAPE,
    PASCAL_SHAPE,
    box,
    encode,
    photo,
    picture,
    record,
    records,
    structs,
    write_tree,
)
from PIL import Image

from dgmlib.broden import BrodenError, BrodenPlus, FolderDataset, SceneParse150, Vocabulary, train_loader
from dgmlib.broden.files import LabelRangeError, MissingFileError, UnreadableFileError, WrongSizeError

ADE = "ade20k/ADE20K_2016_07_26/images/training/s/street/ADE_train_00000001"
CONTEXT = "pascal/context/trainval/2008_000002.mat"
PART = "pascal/part/Annotations_Part/2008_000002.mat"
JOINT = "meta_file/joint_dataset"
TRAIN = f"{JOINT}/broden_ade20k_pascal_train.json"


@pytest.fixture
def root(tmp_path):
    return write_tree(tmp_path)


def read_all(root, split="train"):
    return list(BrodenPlus(root, split))


def assert_told(root, kind, names, remedy, split="train"):
    with pytest.raises(kind) as caught:
        read_all(root, split)
    message = str(caught.value)
    assert isinstance(caught.value, BrodenError)
    assert names in message
    assert re.search(remedy, message), message
    assert message.endswith(".")
    assert "\n" not in message


def change_json(path: Path, change):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    records(path, change(rows))


# --- Files


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


@pytest.mark.parametrize("path", [f"{ADE}.jpg", f"{ADE}_seg.png", "opensurfaces/photos-labels/15.png", CONTEXT, PART])
@pytest.mark.parametrize("keep", [0, 60])
def test_truncated_file(root, path, keep):
    content = (root / path).read_bytes()
    (root / path).write_bytes(content[: len(content) * keep // 100])
    assert_told(root, UnreadableFileError, path, "restore|rebuild")


def test_no_pascal_annotations_at_all(root):
    (root / "pascal" / "part" / "Annotations_Part").rename(root / "away")
    assert_told(root, BrodenError, "Annotations_Part", "pascal_part_dataset/trainval.tar.gz")


def test_folder_in_place_of_a_file(root):
    (root / f"{ADE}.jpg").unlink()
    (root / f"{ADE}.jpg").mkdir()
    assert_told(root, MissingFileError, f"{ADE}.jpg", "restore")


# --- Pictures and arrays


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_label_picture_that_is_not_rgb(root, mode):
    path = root / "opensurfaces/photos-labels/15.png"
    Image.new(mode, OS_SHAPE[::-1]).save(path)
    assert_told(root, UnreadableFileError, "15.png", f"mode {mode}.*not 8-bit RGB.*rebuild")


@pytest.mark.parametrize("path", [f"{ADE}.jpg", "opensurfaces/photos/15.jpg"])
def test_image_that_was_not_resized_yet(root, path):
    photo(root / path, (600, 840), 0)
    assert_told(root, WrongSizeError, path, r"600 x 840 .* record says .*; run `dgmlib broden prepare \S+`")


def test_image_of_another_size(root):
    photo(root / "pascal/VOC2010/JPEGImages/2008_000002.jpg", (36, 44), 0)
    assert_told(root, WrongSizeError, "2008_000002.jpg", "36 x 44 .* 44 x 36; restore")


def test_label_map_of_another_size(root):
    picture(root / f"{ADE}_seg.png", encode(np.ones((40, 55), dtype=int)))
    assert_told(root, WrongSizeError, "_seg.png", "40 x 55 .* 40 x 56; restore")
    scipy.io.savemat(root / CONTEXT, {"LabelMap": np.ones((4, 4))})
    with pytest.raises(WrongSizeError, match=r"2008_000002\.mat"):
        BrodenPlus(root, "train")[2]


def test_part_mask_of_another_size(root):
    parts = structs([{"part_name": "head", "mask": box((9, 9), 0, 4, 0, 4)}])
    things = structs([{"class": "person", "class_ind": 15, "mask": box((9, 9), 0, 9, 0, 9), "parts": parts}])
    scipy.io.savemat(root / PART, {"anno": {"imname": "x", "objects": things}})
    assert_told(root, WrongSizeError, PART, r"part mask .*restore")


def test_mat_without_the_variable(root):
    scipy.io.savemat(root / CONTEXT, {"Labels": np.ones(PASCAL_SHAPE)})
    assert_told(root, UnreadableFileError, CONTEXT, "no variable 'LabelMap'.*restore")


def test_annotation_without_its_fields(root):
    scipy.io.savemat(root / PART, {"anno": {"imname": "x"}})
    assert_told(root, UnreadableFileError, PART, "lacks a field.*restore")


def test_unknown_part_name(root):
    parts = structs([{"part_name": "fin", "mask": box(PASCAL_SHAPE, 0, 4, 0, 4)}])
    thing = {"class": "car", "class_ind": 7, "mask": box(PASCAL_SHAPE, 0, 9, 0, 9), "parts": parts}
    scipy.io.savemat(root / PART, {"anno": {"imname": "x", "objects": structs([thing])}})
    assert_told(root, BrodenError, PART, "unknown part 'fin' of 'car'; add it")


def test_image_without_annotated_objects(root):
    scipy.io.savemat(root / PART, {"anno": {"imname": "x", "objects": np.zeros((0, 0))}})
    assert not BrodenPlus(root, "train")[2]["part_valid"].any()


@pytest.mark.parametrize(
    ("path", "write", "label"),
    [
        (f"{ADE}_seg.png", lambda path: picture(path, encode(np.full(ADE_SHAPE, 601))), "601"),
        ("opensurfaces/photos-labels/15.png", lambda path: picture(path, np.full((*OS_SHAPE, 3), 46)), "46"),
        (CONTEXT, lambda path: scipy.io.savemat(path, {"LabelMap": np.full(PASCAL_SHAPE, 460)}), "460"),
    ],
)
def test_label_beyond_the_names(root, path, write, label):
    write(root / path)
    assert_told(root, LabelRangeError, path, f"the label {label}, but .* names only .*restore")


# --- Lists and metadata


def test_duplicate_record(root):
    change_json(root / TRAIN, lambda rows: [*rows, rows[1]])
    assert_told(root, BrodenError, TRAIN, "lists ade20k file_index 1 twice; remove")


@pytest.mark.parametrize(
    ("source", "path"), [("ade20k", TRAIN), ("pascal", TRAIN), ("os", f"{JOINT}/broden_os_train.json")]
)
def test_index_past_the_end(root, source, path):
    change_json(root / path, lambda rows: [*rows, record(source, 99, (10, 10))])
    assert_told(root, BrodenError, f"entry 99 of {source}", "restore")


@pytest.mark.parametrize(
    "line", ['{"dataset": "ade20k"', "[1, 2]", '{"dataset": "ade20k", "file_index": 0}', '{"file_index": 0}']
)
def test_broken_record_line(root, line):
    (root / TRAIN).write_text(line + "\n")
    assert_told(root, BrodenError, TRAIN, "copy")


@pytest.mark.parametrize(
    "change", [{"dataset": "os"}, {"dataset": "imagenet"}, {"file_index": -1}, {"height": 0}, {"width": "wide"}]
)
def test_impossible_record(root, change):
    change_json(root / TRAIN, lambda rows: [rows[0] | change])
    assert_told(root, BrodenError, TRAIN, "copy")


def test_empty_split(root):
    for path in [TRAIN, f"{JOINT}/broden_os_train.json", "meta_file/dtd/dtd_training_list.json"]:
        (root / path).write_text("\n")
    assert_told(root, BrodenError, "train lists", "no record .*copy")


def test_path_that_leaves_the_root(root):
    path = root / "meta_file/dtd/labels_joint_anno.txt"
    path.write_text(path.read_text().replace("banded/banded_0002.jpg", "../../../secret.jpg"))
    assert_told(root, BrodenError, "'../../../secret.jpg' leaves", "correct the list")
    index = scipy.io.loadmat(root / "meta_file/ade20k/index_ade20k.mat", simplify_cells=True)["index"]
    index["folder"] = np.array(["../elsewhere", *index["folder"][1:]], dtype=object)
    scipy.io.savemat(root / "meta_file/ade20k/index_ade20k.mat", {"index": index})
    with pytest.raises(BrodenError, match=r"'\.\./elsewhere/ADE_train_00000001\.jpg' leaves"):
        BrodenPlus(root, "train", tasks=("object",))[0]


@pytest.mark.parametrize(
    ("path", "column"),
    [
        (f"{JOINT}/object.csv", "name"),
        (f"{JOINT}/object_part_hierarchy.csv", "part_labels"),
        (f"{JOINT}/label_assignment.csv", "raw_label"),
        ("meta_file/opensurfaces/photos.csv", "photo_id"),
        ("meta_file/opensurfaces/label-substance-colors.csv", "red_color"),
        ("meta_file/pascal/pascal_part_names.csv", "key"),
    ],
)
def test_metadata_without_a_column(root, path, column):
    text = (root / path).read_text()
    (root / path).write_text(text.replace(column, "renamed", 1))
    assert_told(root, BrodenError, path, f"lacks the column '{column}'; its header must be")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("object.csv", "3,person", "7,person"),
        ("object.csv", "3,person", "three,person"),
        ("object_part_hierarchy.csv", "0;1;2", "1;2"),
        ("object_part_hierarchy.csv", "0;1;2", "0;1;9"),
        ("object_part_hierarchy.csv", "2,car,", "9,car,"),
        ("label_assignment.csv", ",2,car", ",77,car"),
    ],
)
def test_metadata_that_contradicts_itself(root, name, old, new):
    path = root / JOINT / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert_told(root, BrodenError, name, "copy")


def test_binary_metadata(root):
    (root / JOINT / "scene.csv").write_bytes(bytes(range(256)))
    assert_told(root, BrodenError, "scene.csv", "copy")
    (root / JOINT / "scene.csv").write_bytes(b"")
    assert_told(root, UnreadableFileError, "scene.csv", "not a readable csv")


def test_scene_list_of_another_release(root):
    path = root / "meta_file/ade20k/scene_categories.txt"
    path.write_text("\n".join(reversed(path.read_text().split("\n"))))
    assert_told(root, BrodenError, "scene_categories.txt", "same order as the index|index_ade20k.*copy")


def test_unknown_texture(root):
    path = root / "meta_file/dtd/labels_joint_anno.txt"
    path.write_text(path.read_text().replace("banded_0002.jpg banded", "banded_0002.jpg furry"))
    assert_told(root, LabelRangeError, "labels_joint_anno.txt", "'furry', which texture.csv lacks")


def test_wrong_arguments(root):
    with pytest.raises(ValueError, match=r"no split 'test'; choose train or val\."):
        BrodenPlus(root, "test")
    with pytest.raises(BrodenError, match="does not exist"):
        BrodenPlus(root / "nowhere", "train")


# --- Plain folders


def write_pairs(root: Path, labels: dict[str, np.ndarray], split="train", folders=("images", "labels")):
    for name, values in labels.items():
        photo(root / split / folders[0] / f"{name}.jpg", (20, 24), 0)
        picture(root / split / folders[1] / f"{name}.png", values)


def test_folder_dataset(tmp_path):
    values = np.random.default_rng(0).choice([0, 1, 2, 3, 255], (20, 24))
    write_pairs(tmp_path, {"b": values, "a": values[::-1]})
    (tmp_path / "names.txt").write_text("road\ncar\n-\nsky\n")
    dataset = FolderDataset(tmp_path, "train")
    assert dataset.vocabulary == Vocabulary(objects=("-", "road", "car", "sky"))
    assert [dataset.key(i) for i in range(len(dataset))] == ["train/a", "train/b"]
    expected = np.array([1, 2, 0, 3] + [0] * 252)[values]
    np.testing.assert_array_equal(dataset[1]["object"], expected)
    assert set(dataset[0]) == {"image", "key", "source", "object"}
    assert (dataset.records[0].height, dataset.records[0].width) == (20, 24)


def test_folders_train_through_the_same_loader(tmp_path):
    write_pairs(tmp_path, {name: np.random.default_rng(0).integers(0, 3, (20, 24)) for name in "abc"})
    dataset = FolderDataset(tmp_path, "train", names=("-", "road", "car"), cache=tmp_path / "cache")
    for batch in train_loader(dataset, ("object", "part", "scene"), 2, (40,), 3, 0, max_regions=9):
        assert set(batch) == {"image", "labels", "key", "source", "object"}
        assert batch["image"].shape == (2, 3, 64, 64)
        assert batch["labels"].max() == 8
    assert len(list((tmp_path / "cache" / "superpixels-9" / "train").iterdir())) == 3


def test_folder_faults(tmp_path):
    write_pairs(tmp_path, {"a": np.full((20, 24), 4), "b": np.zeros((20, 23))})
    photo(tmp_path / "train" / "images" / "c.jpg", (20, 24), 0)
    with pytest.raises(BrodenError, match=r"names\.txt does not exist; write one class name per line"):
        FolderDataset(tmp_path, "train")
    dataset = FolderDataset(tmp_path, "train", names=("road", "car"))
    with pytest.raises(LabelRangeError, match=r"a\.png holds the label 4, which has no name"):
        dataset[0]
    with pytest.raises(WrongSizeError, match=r"b\.png has 20 x 23 pixels but its image 20 x 24"):
        dataset[1]
    with pytest.raises(MissingFileError, match=r"c\.png does not exist; every image"):
        dataset[2]
    with pytest.raises(BrodenError, match=r"holds no \.jpg or \.png image; put the val images there"):
        FolderDataset(tmp_path, "val", names=("road",))
    (tmp_path / "train" / "images" / "d.jpg").write_text("not an image")
    with pytest.raises(UnreadableFileError, match=r"d\.jpg cannot be decoded"):
        FolderDataset(tmp_path, "train", names=("road",))


def test_scene_parse_150(tmp_path):
    values = np.random.default_rng(0).integers(0, 151, (20, 24))
    for folder, split in [("training", "train"), ("validation", "val")]:
        photo(tmp_path / "images" / folder / f"ADE_{split}_00000001.jpg", (20, 24), 0)
        picture(tmp_path / "annotations" / folder / f"ADE_{split}_00000001.png", values)
    rows = [f"{i}\t0.1\t10\t1\t1\tclass {i}, synonym" for i in range(1, 151)]
    (tmp_path / "objectInfo150.txt").write_text("\n".join(["Idx\tRatio\tTrain\tVal\tStuff\tName", *rows]))
    dataset = SceneParse150(tmp_path, "val")
    assert dataset.vocabulary.channels("object") == 151
    assert dataset.vocabulary.objects[:2] == ("-", "class 1")
    assert dataset.key(0) == "val/ADE_val_00000001"
    np.testing.assert_array_equal(dataset[0]["object"], values)
    with pytest.raises(ValueError, match="no split 'test'"):
        SceneParse150(tmp_path, "test")
    (tmp_path / "objectInfo150.txt").unlink()
    with pytest.raises(MissingFileError, match=r"unpack \S+ADEChallengeData2016\.zip"):
        SceneParse150(tmp_path, "train")
