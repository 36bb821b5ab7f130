"""Whatever can be wrong on disk is told in one sentence that names the file and the remedy."""

import dataclasses
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
    deep_picture,
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
from dgmlib.broden.pascal import read_part_names

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
    assert_told(root, UnreadableFileError, "15.png", f"(mode {mode}.*not 8-bit RGB|16 bits per channel).*rebuild")


def test_pictures_of_16_bits_per_channel(root):
    path = root / "opensurfaces/photos-labels/15.png"
    deep_picture(path, np.full((*OS_SHAPE, 3), 256 * 3 + 1))
    assert_told(root, UnreadableFileError, "15.png", "16 bits per channel where 8 are expected.*rebuild")
    deep_picture(root / "opensurfaces/photos/907.jpg", np.full((*OS_SHAPE, 3), 256 * 3 + 1))
    write_pairs(root / "own", {"a": np.zeros((20, 24))})
    Image.new("I;16", (24, 20), 256 * 7 + 1).save(root / "own/train/images/a.jpg", "png")
    assert (FolderDataset(root / "own", "train", names=("road",))[0]["image"] == 7).all()  # photographs may have them
    dataset = BrodenPlus(root, "val")
    (index,) = [i for i, record in enumerate(dataset.records) if record.source == "os"]
    assert (dataset[index]["image"] == 3).all()


@pytest.mark.parametrize(
    ("shape", "remedy"), [((512, 717), r"run `dgmlib broden prepare \S+`"), ((512, 718), "restore it from http")]
)
@pytest.mark.parametrize(
    ("number", "path", "labels"),
    [
        (0, f"{ADE}.jpg", None),
        (0, f"{ADE}_seg.png", (600, 840)),
        (4, "opensurfaces/photos/15.jpg", None),
        (4, "opensurfaces/photos-labels/15.png", (600, 800)),  # it takes its photograph's size
    ],
)
def test_prepare_is_the_remedy_only_where_it_helps(root, shape, remedy, number, path, labels):
    for name in (f"{ADE}.jpg", "opensurfaces/photos/15.jpg"):
        photo(root / name, (600, 840), 0)
    dataset = BrodenPlus(root, "train")
    item = dataclasses.replace(dataset.records[number], height=shape[0], width=shape[1])
    if labels:
        picture(root / path, np.zeros((*labels, 3)))
    read = dataset.sources.maps if labels else dataset.sources.image
    with pytest.raises(WrongSizeError, match=rf"{path} has 600 x \d+ .* record says 512 x \d+; {remedy}"):
        read(item)


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


@pytest.mark.parametrize("content", ["text", {"a": 1}, np.ones(3), np.array([["a"]], dtype=object)])
def test_context_that_is_no_map(root, content):
    scipy.io.savemat(root / CONTEXT, {"LabelMap": content})
    assert_told(root, UnreadableFileError, CONTEXT, "no map of labels; restore")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("mask", 1, r"part mask of \(\) pixels"),
        ("mask", "text", r"part mask of \(\) pixels"),
        ("part_name", np.arange(3), "part_name is no text"),
        ("part_name", np.zeros((0, 0)), "part_name is no text"),
    ],
)
def test_part_of_another_kind(root, field, value, told):
    part = {"part_name": "head", "mask": box(PASCAL_SHAPE, 0, 4, 0, 4)} | {field: value}
    thing = {"class": "person", "class_ind": 15, "mask": 0, "parts": structs([part])}
    scipy.io.savemat(root / PART, {"anno": {"imname": "x", "objects": structs([thing])}})
    assert_told(root, BrodenError, PART, f"{told}.*restore")


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
        (CONTEXT, lambda path: scipy.io.savemat(path, {"LabelMap": np.full(PASCAL_SHAPE, -1)}), "-1"),
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
    ("source", "path", "told"),
    [
        ("ade20k", TRAIN, "entry 99 of ade20k"),
        ("pascal", TRAIN, "holds 2 .mat files where the lists count 100"),
        ("os", f"{JOINT}/broden_os_train.json", "entry 99 of os"),
    ],
)
def test_index_past_the_end(root, source, path, told):
    change_json(root / path, lambda rows: [*rows, record(source, 99, (10, 10))])
    assert_told(root, BrodenError, told, "restore")


def test_one_annotation_too_many_shifts_all_that_follow(root):
    (root / PART).with_name("2008_000005.mat").write_bytes((root / PART).read_bytes())
    assert_told(root, BrodenError, "Annotations_Part holds 3 .mat files where the lists count 2", "restore exactly")


@pytest.mark.parametrize(
    "line", ['{"dataset": "ade20k"', "[1, 2]", '{"dataset": "ade20k", "file_index": 0}', '{"file_index": 0}']
)
def test_broken_record_line(root, line):
    (root / TRAIN).write_text(line + "\n")
    assert_told(root, BrodenError, TRAIN, "copy")


@pytest.mark.parametrize(
    "change",
    [
        *({"dataset": "os"}, {"dataset": "imagenet"}, {"height": 0}, {"width": "wide"}),
        *({"file_index": index} for index in (-1, 0.7, float("inf"), float("nan"))),
    ],
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


@pytest.mark.parametrize(
    ("path", "old", "new", "told"),
    [
        ("ade20k/scene_categories.txt", "00000001 street", "00000001", "does not list the images .* in the same order"),
        ("pascal/context_labels.txt", r"[\s\S]+", "", "names no label"),
        ("pascal/context_labels.txt", "1: boat", "boat", "'boat' where a whole number is expected"),
        ("pascal/context_labels.txt", "1: boat", "7000000000: boat", "label 7000000000, but label maps hold 65535"),
        ("opensurfaces/label-substance-colors.csv", r"\n[\s\S]+", "\n", "names no label"),
        ("opensurfaces/photos.csv", "15,", "907,", "lists photo_id 907 twice"),
        ("joint_dataset/label_assignment.csv", ",2,car", ",-1,car", r"object label outside object\.csv"),
        ("joint_dataset/label_assignment.csv", ",520,car", ",7000000000,car", "label 7000000000, but label maps hold"),
        ("joint_dataset/label_assignment.csv", ",520,car", ",7,car", "raw label 7 of ade20k object twice"),
        ("joint_dataset/object_part_hierarchy.csv", "3,person", "2,person", "object 2 must be .* listed once"),
    ],
)
def test_metadata_with_an_odd_entry(root, path, old, new, told):
    path = root / "meta_file" / path
    changed = re.sub(old, new, path.read_text(), count=1)
    assert changed != path.read_text()
    path.write_text(changed)
    assert_told(root, BrodenError, str(path), f"{told}.*(copy|rebuild)")


def test_index_with_fewer_folders_than_files(root):
    path = root / "meta_file/ade20k/index_ade20k.mat"
    index = scipy.io.loadmat(path, simplify_cells=True)["index"]
    index["folder"] = index["folder"][1:]
    scipy.io.savemat(path, {"index": index})
    assert_told(root, BrodenError, "index_ade20k.mat has 3 file names but 2 folders", "copy")


def test_part2ind_that_copies_from_nowhere(tmp_path):
    (tmp_path / "part2ind.m").write_text("% [car]\nkeySet = keys(pimap{6});\n")
    with pytest.raises(BrodenError, match=r"part2ind\.m copies parts of object '6', which it never names; copy"):
        read_part_names(tmp_path)


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


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"road\n\ncar\n", r"names\.txt, line 2, is blank; name the label 1 there"),
        (b"", r"names\.txt, line 1, is blank"),
        ("stra\u00dfe\n".encode("latin-1"), r"names\.txt is not a text in UTF-8; save it"),
    ],
)
def test_faulty_names(tmp_path, content, told):
    write_pairs(tmp_path, {"a": np.zeros((20, 24))})
    (tmp_path / "names.txt").write_bytes(b"road\r\ncar\r\n \r\n\r\n")
    assert FolderDataset(tmp_path, "train").vocabulary.objects == (
        "-",
        "road",
        "car",
    )  # blank at the end is fine
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(BrodenError, match=told):
        FolderDataset(tmp_path, "train")


def test_two_images_cannot_share_their_labels(tmp_path):
    write_pairs(tmp_path, {"a": np.zeros((20, 24))})
    photo(tmp_path / "train/images/a.png", (20, 24), 1)
    with pytest.raises(BrodenError, match=r"a\.jpg and a\.png beside it share one label picture; rename"):
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
