"""Image/label pairs in plain folders, and several folders as one data set: classes by name, parts, textures."""

import shutil
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from broden_tree import photo, picture, png, turned, write_pairs
from PIL import ExifTags, Image

from dgmlib.broden import BrodenError, FolderDataset, Mixture, SceneParse150, Vocabulary, train_loader
from dgmlib.broden.files import LabelRangeError, MissingFileError, UnreadableFileError, WrongSizeError
from dgmlib.broden.folder import vocabulary_of
from dgmlib.data import content, open_data
from dgmlib.losses import perceptual_loss
from dgmlib.parsing import Parsed
from dgmlib.pictures import read_picture

TASKS = ("object", "part", "texture")


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
    with pytest.raises(BrodenError, match=r"names\.txt does not exist; write one class name per line"):
        FolderDataset(tmp_path, "train")
    dataset = FolderDataset(tmp_path, "train", names=("road", "car"))
    with pytest.raises(LabelRangeError, match=r"a\.png holds the label 4, which has no name"):
        dataset[0]
    with pytest.raises(WrongSizeError, match=r"b\.png has 20 x 23 pixels but its image 20 x 24"):
        dataset[1]
    photo(tmp_path / "train" / "images" / "c.jpg", (20, 24), 0)
    with pytest.raises(MissingFileError, match=r"c\.png does not exist; every image"):  # not hours later
        FolderDataset(tmp_path, "train", names=("road", "car"))
    with pytest.raises(BrodenError, match=r"holds no image \(\.bmp, .*\); put the val images there"):
        FolderDataset(tmp_path, "val", names=("road",))
    (tmp_path / "train" / "images" / "c.jpg").write_text("not an image")
    (tmp_path / "train" / "labels" / "c.png").write_bytes((tmp_path / "train" / "labels" / "a.png").read_bytes())
    with pytest.raises(UnreadableFileError, match=r"c\.jpg cannot be decoded"):
        FolderDataset(tmp_path, "train", names=("road",))


@pytest.mark.parametrize("bits", [2, 4])
def test_labels_of_2_and_4_bits_keep_their_values(tmp_path, bits):
    """As MATLAB and GDAL write them; Pillow spreads them over 0 to 255."""
    write_pairs(tmp_path, {"a": np.zeros((20, 24))})
    labels = np.arange(20 * 24).reshape(20, 24) % 2**bits
    rows = [np.packbits((row[:, None] >> np.arange(bits)[::-1]) & 1).tobytes() for row in labels]
    png(tmp_path / "train" / "labels" / "a.png", rows, 24, bits, 0)
    names = ["-", *(f"thing {value}" for value in range(1, 2**bits))]
    np.testing.assert_array_equal(FolderDataset(tmp_path, "train", names)[0]["object"], labels)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"road\n\ncar\n", r"names\.txt, line 2, is blank; name the label 1 there"),
        (b"", r"names\.txt, line 1, is blank"),
        (b"car\n-/wheel\n", r'names\.txt, line 2, is "-/wheel"; name both the object and its part'),
        (b"/door\ncar\n", r'names\.txt, line 1, is "/door"; name both'),
        ("stra\u00dfe\n".encode("latin-1"), r"names\.txt is not a text in UTF-8; save it"),
    ],
)
def test_faulty_names(tmp_path, content, told):
    write_pairs(tmp_path, {"a": np.zeros((20, 24))})
    (tmp_path / "names.txt").write_bytes(b"road\r\ncar\r\n \r\n\r\n")
    assert FolderDataset(tmp_path, "train").vocabulary.objects == ("-", "road", "car")  # blank at the end is fine
    (tmp_path / "names.txt").write_bytes(b"car\ncar / wheel\n")
    assert FolderDataset(tmp_path, "train").vocabulary.objects == ("-", "car")
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


# -- several folders as one data set -------------------------------------------------------------------------------


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
    with pytest.raises(ValueError, match="labels of object and part and texture only, not of scene, material"):
        open_data(mixture, "train", (*TASKS, "scene", "material"))
    known = open_data(mixture, "train", ("object",)).vocabulary
    assert list(open_data(mixture, "val", ("object", "scene"), replace(known, textures=())).members)  # a model's
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
    alone = open_data(mixture / "streets", "train", ("object",))
    list(train_loader(alone, ("object",), 2, (40,), 3, 0, max_regions=9))
    assert list(mixture.glob("streets/superpixels-9/*/*.png"))
    assert content(mixture) == before


def test_label_pictures_without_names_are_no_textures(mixture):
    (mixture / "cars" / "names.txt").unlink()
    with pytest.raises(BrodenError, match=r"cars has label pictures but no names\.txt; write one class name"):
        open_data(mixture, "val", TASKS)


def test_what_is_hidden_is_no_photograph(mixture):
    before = len(open_data(mixture, "train", TASKS))
    for folder in ("streets/train/images", "textures/train/dotted"):
        (mixture / folder / "._a.png").write_bytes(b"of another system")
    for name in (".ipynb_checkpoints", ".thumbnails"):
        (mixture / "textures" / "train" / name).mkdir()
        shutil.copy(mixture / "textures" / "train" / "woven" / "x.png", mixture / "textures" / "train" / name)
    dataset = open_data(mixture, "train", TASKS)
    assert dataset.vocabulary.textures == ("dotted", "woven")
    assert len(dataset) == before


@pytest.mark.parametrize(("folder", "stem"), [("streets/train/images", "a"), ("textures/train/woven", "x")])
def test_two_photographs_of_one_key_are_told(mixture, folder, stem):
    for suffix in ("jpg", "png"):
        photo(mixture / folder / f"{stem}.{suffix}", (20, 24), 0)
    told = rf"{folder}/{stem}\.jpg and {stem}\.png beside it differ only in their suffix; rename one"
    with pytest.raises(BrodenError, match=told):
        open_data(mixture, "train", TASKS)


def test_a_texture_that_nobody_trained_is_told(mixture):
    (mixture / "textures" / "val" / "woven").rename(mixture / "textures" / "val" / "knitted")
    with pytest.raises(BrodenError, match=r"val/knitted is named after none of the textures dotted, woven; rename or"):
        open_data(mixture, "val", TASKS)
    shutil.rmtree(mixture / "textures" / "train")
    with pytest.raises(BrodenError, match=r"named after none of the textures \(there are none\)"):
        open_data(mixture, "val", TASKS)


def test_the_value_255_counts_only_where_it_has_a_name(tmp_path):
    write_pairs(tmp_path, {"a": np.repeat([0, 255], 12)[None].repeat(20, 0)}, "val")
    assert FolderDataset(tmp_path, "val", ["road", "sky"])[0]["object"][0].tolist() == [1] * 12 + [0] * 12
    many = FolderDataset(tmp_path, "val", [f"thing {i}" for i in range(256)])
    assert many[0]["object"][0].tolist() == [1] * 12 + [256] * 12
