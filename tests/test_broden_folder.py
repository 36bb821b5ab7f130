"""Image/label pairs in plain folders."""

import struct

import numpy as np
import pytest
from broden_tree import photo, picture, turned, write_pairs
from PIL import ExifTags, Image

from dgmlib.broden import BrodenError, FolderDataset, SceneParse150, Vocabulary, train_loader
from dgmlib.broden.files import LabelRangeError, MissingFileError, UnreadableFileError, WrongSizeError
from dgmlib.pictures import read_picture


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
        assert set(batch) == {"image", "regions", "key", "source", "object"}
        assert batch["image"].shape == (2, 3, 64, 64)
        assert batch["regions"].max() == 8
    assert len(list((tmp_path / "cache" / "superpixels-9" / "train").iterdir())) == 3


def test_photographs_of_every_format(tmp_path):
    write_pairs(tmp_path, {name: np.zeros((20, 24)) for name in "abcd"})
    for path, suffix in zip(
        sorted((tmp_path / "train/images").iterdir()), (".BMP", ".tif", ".webp", ".JPEG"), strict=True
    ):
        Image.open(path).convert("L").save(path.with_suffix(suffix))
        path.unlink()
    dataset = FolderDataset(tmp_path, "train", names=("road",))
    for i, path in enumerate(dataset.images):
        np.testing.assert_array_equal(dataset[i]["image"], read_picture(path))


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
    with pytest.raises(BrodenError, match=r"holds no image \(\.bmp, .*\); put the val images there"):
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
    assert FolderDataset(tmp_path, "train").vocabulary.objects == ("-", "road", "car")  # blank at the end is fine
    (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(BrodenError, match=told):
        FolderDataset(tmp_path, "train")


@pytest.mark.parametrize("suffix", [".png", ".PNG"])
def test_labels_of_one_bit_and_of_any_suffix(tmp_path, suffix):
    write_pairs(tmp_path, {"a": np.zeros((20, 24))})
    mask = np.arange(24)[None].repeat(20, 0) > 9
    (tmp_path / "train/labels/a.png").unlink()
    Image.fromarray(mask).save(tmp_path / f"train/labels/a{suffix}")
    np.testing.assert_array_equal(FolderDataset(tmp_path, "train", names=("road", "car"))[0]["object"], 1 + mask)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    write_pairs(tmp_path, {"a": np.zeros((20, 24))})
    (tmp_path / "names.txt").write_text("-\nroad\n", encoding="utf-8-sig")
    dataset = FolderDataset(tmp_path, "train")
    assert dataset.vocabulary.objects == ("-", "road")
    assert not dataset[0]["object"].any()


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


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photographs_of_a_turned_camera_stand_upright(tmp_path, orientation):
    upright = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    labels = np.ones((8, 12), np.uint8)
    turned(upright, orientation, tmp_path / "train" / "images" / "a.png")
    picture(tmp_path / "train" / "labels" / "a.png", labels)
    dataset = FolderDataset(tmp_path, "train", names=("-", "road"))
    np.testing.assert_array_equal(dataset[0]["image"], upright)
    assert (dataset.records[0].height, dataset.records[0].width) == (8, 12)
    np.testing.assert_array_equal(read_picture(tmp_path / "train" / "images" / "a.png"), upright)


UPRIGHT_6 = struct.pack(">HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0)


@pytest.mark.parametrize(
    ("tags", "turns"),
    [
        ([UPRIGHT_6, struct.pack(">HHIf", ExifTags.Base.DateTime, 11, 1, 3)], True),  # a date that is a float
        ([UPRIGHT_6, struct.pack(">HHI4s", ExifTags.Base.XResolution, 2, 4, b"a b")], True),  # a number that is text
        (None, False),  # no tags at all in the chunk for them
    ],
)
def test_photographs_with_broken_tags_are_read(tmp_path, tags, turns):
    stored = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    exif = b"nonsense"
    if tags:
        exif = b"MM\0*\0\0\0\x08" + struct.pack(">H", len(tags)) + b"".join(tags) + b"\0\0\0\0"
    path = tmp_path / "train" / "images" / "a.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(stored).save(path, exif=b"Exif\0\0" + exif)
    expected = np.rot90(stored, -1) if turns else stored
    picture(tmp_path / "train" / "labels" / "a.png", np.ones(expected.shape[:2]))
    np.testing.assert_array_equal(FolderDataset(tmp_path, "train", names=("-", "road"))[0]["image"], expected)
    np.testing.assert_array_equal(read_picture(path), expected)


def test_labels_drawn_on_the_picture_as_stored_keep_it_so(tmp_path):
    upright = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    turned(upright, 6, tmp_path / "train" / "images" / "a.png")
    picture(tmp_path / "train" / "labels" / "a.png", np.ones((12, 8)))
    image = FolderDataset(tmp_path, "train", names=("-", "road"))[0]["image"]
    np.testing.assert_array_equal(image, np.rot90(upright))
