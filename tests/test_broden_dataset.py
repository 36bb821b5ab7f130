import dataclasses
import struct

import numpy as np
import pytest
import scipy.io
from broden_tree import (
    ADE,
    ADE_SHAPE,
    CONTEXT,
    OBJECTS,
    PASCAL_SHAPE,
    encode,
    picture,
    record,
    records,
    write_tree,
)
from PIL import ExifTags, Image

from dgmlib.broden import TASKS, BrodenPlus, FolderDataset, read_vocabulary
from dgmlib.broden.ade20k import decode_classes
from dgmlib.broden.dataset import PartLayers
from dgmlib.broden.pascal import part_name, read_part_names
from dgmlib.broden.prepared import resized_shape
from dgmlib.superpixels.folder import read_image


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("broden"))


@pytest.fixture(scope="module")
def samples(root):
    return {sample["key"]: sample for split in ("train", "val") for sample in BrodenPlus(root, split)}


def test_every_source_gives_its_own_labels(samples):
    common = {"image", "key", "source"}
    assert {key.split("/")[0] for key in samples} == {"ade20k", "pascal", "os", "dtd"}
    for sample in samples.values():
        expected = {
            "ade20k": {"object", "part", "part_valid", "scene"},
            "pascal": {"object", "part", "part_valid", "scene"},
            "os": {"material"},
            "dtd": {"texture"},
        }[sample["source"]]
        assert set(sample) == common | expected
        assert sample["image"].dtype == np.uint8
        for task in expected & {"object", "part", "material"}:
            assert sample[task].dtype == np.int64
            assert sample[task].shape == sample["image"].shape[:2]


def test_file_index_means_something_else_in_every_source(samples):
    # ADE20K: row of the index. PASCAL: position in the sorted annotations. OpenSurfaces: row of photos.csv.
    # DTD: line of labels_joint_anno.txt.
    assert set(samples) == {
        *("ade20k/ADE_train_00000001", "ade20k/ADE_train_00000002", "ade20k/ADE_val_00000001"),
        *("pascal/2008_000002", "pascal/2008_000009"),
        *("os/15", "os/907"),
        *("dtd/banded/banded_0002", "dtd/banded/banded_0004", "dtd/dotted/dotted_0002", "dtd/dotted/dotted_0004"),
    }


def test_splits_follow_the_lists(root):
    assert len(BrodenPlus(root, "train")) == 8
    val = BrodenPlus(root, "val")
    assert [val.key(i) for i in range(len(val))] == ["ade20k/ADE_val_00000001", "os/907", "dtd/dotted/dotted_0004"]


def test_only_the_sources_of_the_tasks_need_to_be_there(tmp_path):
    root = write_tree(tmp_path)
    for path in ["opensurfaces", "dtd", "pascal"]:
        (root / path).rename(tmp_path / f"{path}.away")
    (root / "meta_file" / "opensurfaces").rename(tmp_path / "meta.away")
    dataset = BrodenPlus(root, "val", tasks=("object", "scene"))
    assert len(dataset) == 1
    assert set(dataset[0]) == {"image", "key", "source", "object", "scene"}


def test_parts_bring_the_objects_they_belong_to(root):
    sample = BrodenPlus(root, "val", tasks=("part",))[0]
    assert {"object", "part", "part_valid"} <= set(sample)
    assert "scene" not in sample


# --- ADE20K


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


# --- PASCAL


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
    ("key", "comment", "name"),
    [
        ("lfuleg", "left front upper leg", "leg"),
        ("engine_3", "multiple engines", "engine"),
        ("cfrontside_2", "coach front side", "coach"),
        ("hroofside", "head roof side", "head roof"),
        ("headlight_1", "", "headlight"),
        ("rbho", "", "hoof"),
        ("bwheel", "", "wheel"),
        ("leftmirror", "", "mirror"),
        ("roofside", "", "roof"),
        ("frontside", "", ""),
        ("handlebar", "handle bar", "handle bar"),
        ("handlebar", "", "handlebar"),
    ],
)
def test_part_names_lose_side_and_number(key, comment, name):
    assert part_name(key, comment) == name


def test_part2ind_is_read_where_there_is_no_csv(tmp_path):
    (tmp_path / "part2ind.m").write_text(
        "function pimap = part2ind()\n"
        "% pimap{15}('llleg')      = 19;               % left lower leg\n"
        "for ii = 1:20\n    pimap{ii} = containers.Map('KeyType','char','ValueType','int32');\nend\n"
        "% [boat]\n% only has silhouette mask\n\n"
        "% [bus]\npimap{6}('fliplate')    = 8;                % front license plate\n"
        "for ii = 1:2\n    pimap{6}(sprintf('door_%d',ii)) = 10 + ii;\nend\n"
        "pimap{6}('frontside')   = 1;\n\n"
        "% [car]\nkeySet = keys(pimap{6});\nvalueSet = values(pimap{6});\n"
        "pimap{7} = containers.Map(keySet, valueSet);         % car has the same set of parts with bus\n"
        "for ii = 1:2\n    pimap{7}(sprintf('wheel_%d', ii)) = 20+ii;  % multiple wheels\nend\n"
    )
    bus = {"fliplate": "license plate", "door_1": "door", "door_2": "door", "frontside": ""}
    car = {**bus, "wheel_1": "wheel", "wheel_2": "wheel"}
    expected = {("bus", key): name for key, name in bus.items()} | {("car", key): name for key, name in car.items()}
    assert read_part_names(tmp_path) == expected


# --- OpenSurfaces and DTD


def test_materials_are_read_from_the_red_channel(samples):
    material = samples["os/15"]["material"]
    assert (material[10:40, 5:30] == 1).all()
    assert (material[20:40, 30:50] == 2).all()
    assert (material[:5] == 0).all()  # a substance the vocabulary drops
    assert (material > 0).sum() == 30 * 25 + 20 * 20


def test_the_main_texture_counts(samples):
    assert samples["dtd/dotted/dotted_0004"]["texture"] == 1  # its line names "banded" as well


# --- Vocabulary, validity, sizes


def test_vocabulary_counts_channels(root):
    vocabulary = read_vocabulary(root / "meta_file" / "joint_dataset")
    assert [vocabulary.channels(task) for task in TASKS] == [2, 5, 6, 3, 2]
    assert vocabulary.part_slices == {2: slice(0, 3), 3: slice(3, 6)}
    with pytest.raises(ValueError, match="no task 'colour'"):
        vocabulary.channels("colour")


def literal_part_layers(vocabulary, objects, parts):
    """unifiedparsing's resolve_record, loop by loop."""
    index, valid = np.zeros_like(parts), []
    for thing, allowed in vocabulary.object_parts.items():
        mask = objects == thing
        present = np.intersect1d(allowed, np.unique(parts * mask))
        valid.append(len(present) > 1)
        for part in present:
            index += (parts == part) * mask * allowed.index(part)
    return index, valid


def test_part_layers_follow_the_literal_rule(root):
    vocabulary = read_vocabulary(root / "meta_file" / "joint_dataset")
    layers = PartLayers(vocabulary)
    rng = np.random.default_rng(0)
    covered = np.full((6, 7), 2)  # one object over the whole image, nothing but one part: one id, so not valid
    cases = [(covered, np.full((6, 7), 1)), (covered, rng.integers(1, 3, (6, 7))), (covered, np.full((6, 7), 4))]
    cases += [(rng.integers(0, 5, (6, 7)), rng.integers(0, 5, (6, 7))) for _ in range(20)]
    for objects, parts in cases:
        index, valid = layers.index(objects, parts)
        literal_index, literal_valid = literal_part_layers(vocabulary, objects, parts)
        assert valid.tolist() == literal_valid
        for thing, ok in zip(vocabulary.object_parts, valid, strict=True):
            if ok:
                np.testing.assert_array_equal(index[objects == thing], literal_index[objects == thing])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1000, 512), (1000, 512)),  # only one side is larger: untouched
        ((512, 513), (512, 513)),
        ((513, 513), (512, 512)),
        ((1024, 1536), (512, 768)),
        ((1650, 2200), (512, 683)),
        ((2201, 1650), (683, 512)),
        ((96, 1848), (96, 1848)),
    ],
)
def test_size_rule_needs_both_sides_above_512(shape, expected):
    assert resized_shape(*shape) == expected


def test_records_are_frozen(root):
    record = BrodenPlus(root, "val").records[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.index = 3


def test_raw_label_that_nobody_lists_is_zero_up_to_the_last_name(tmp_path):
    root = write_tree(tmp_path)
    path = root / "pascal" / "context" / "trainval" / "2008_000002.mat"
    scipy.io.savemat(path, {"LabelMap": np.full(PASCAL_SHAPE, CONTEXT["unknown"], dtype=np.uint16)})
    assert not BrodenPlus(root, "train", tasks=("object",))[2]["object"].any()


def test_grey_photographs_are_read_as_colour(tmp_path):
    root = write_tree(tmp_path)
    path = root / "dtd/dtd-r1.0.1/images/dotted/dotted_0004.jpg"
    Image.new("L", (32, 32), 77).save(path)
    assert (BrodenPlus(root, "val", tasks=("texture",))[0]["image"] == 77).all()


def test_parts_of_a_record_that_does_not_promise_them_are_used(tmp_path):
    root = write_tree(tmp_path)
    parts = np.full(ADE_SHAPE, ADE["wheel"])
    folder = root / "ade20k/ADE20K_2016_07_26/images/training/k/kitchen"
    picture(folder / "ADE_train_00000002_parts_1.png", encode(parts))
    assert BrodenPlus(root, "train")[1]["part_valid"].tolist() == [True, False]


def turned(pixels, orientation, path):
    """Save pixels as a camera in that position stores them, losslessly, with the tag that says so."""
    undo = {1: lambda x: x, 3: lambda x: x[::-1, ::-1], 6: lambda x: np.rot90(x), 8: lambda x: np.rot90(x, -1)}
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(undo[orientation](pixels))).save(path, exif=exif)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photographs_of_a_turned_camera_stand_upright(tmp_path, orientation):
    upright = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    labels = np.ones((8, 12), np.uint8)
    turned(upright, orientation, tmp_path / "train" / "images" / "a.png")
    picture(tmp_path / "train" / "labels" / "a.png", labels)
    dataset = FolderDataset(tmp_path, "train", names=("-", "road"))
    np.testing.assert_array_equal(dataset[0]["image"], upright)
    assert (dataset.records[0].height, dataset.records[0].width) == (8, 12)
    np.testing.assert_array_equal(read_image(tmp_path / "train" / "images" / "a.png"), upright)


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
    np.testing.assert_array_equal(read_image(path), expected)


def test_labels_drawn_on_the_picture_as_stored_keep_it_so(tmp_path):
    upright = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    turned(upright, 6, tmp_path / "train" / "images" / "a.png")
    picture(tmp_path / "train" / "labels" / "a.png", np.ones((12, 8)))
    image = FolderDataset(tmp_path, "train", names=("-", "road"))[0]["image"]
    np.testing.assert_array_equal(image, np.rot90(upright))


@pytest.mark.parametrize("stored_fits", [False, True])
def test_a_record_decides_how_its_photograph_is_held(tmp_path, stored_fits):
    root = write_tree(tmp_path)
    upright = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    path = root / "dtd/dtd-r1.0.1/images/dotted/dotted_0004.jpg"
    turned(upright, 8, path.with_suffix(".png"))
    path.with_suffix(".png").replace(path)
    shape = (40, 32) if stored_fits else (32, 40)
    records(root / "meta_file/dtd/dtd_validation_list.json", [record("dtd", 3, shape)])
    image = BrodenPlus(root, "val", tasks=("texture",))[0]["image"]
    np.testing.assert_array_equal(image, np.rot90(upright, -1) if stored_fits else upright)
