"""All sources behind one door: ids, sizes, and what files on disk can get wrong."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import scipy.io
from broden_tree import (
    ADE_SHAPE,
    OS_SHAPE,
    PASCAL_SHAPE,
    assert_told,
    encode,
    photo,
    picture,
    record,
    records,
    turned,
)
from PIL import Image

from dgmlib.broden import BrodenError, BrodenPlus
from dgmlib.broden.check import check
from dgmlib.broden.files import LabelRangeError, MissingFileError, UnreadableFileError, WrongSizeError
from dgmlib.broden.prepare import prepare

ADE = "ade20k/ADE20K_2016_07_26/images/training/s/street/ADE_train_00000001"
CONTEXT = "pascal/context/trainval/2008_000002.mat"
PART = "pascal/part/Annotations_Part/2008_000002.mat"
JOINT = "meta_file/joint_dataset"


def test_file_index_means_something_else_in_every_source(samples):
    # ADE20K: row of the index. PASCAL: position in the sorted annotations. OpenSurfaces: row of photos.csv.
    # DTD: line of labels_joint_anno.txt.
    assert set(samples) == {
        *("ade20k/ADE_train_00000001", "ade20k/ADE_train_00000002", "ade20k/ADE_val_00000001"),
        *("pascal/2008_000002", "pascal/2008_000009"),
        *("os/15", "os/907"),
        *("dtd/banded/banded_0002", "dtd/banded/banded_0004", "dtd/dotted/dotted_0002", "dtd/dotted/dotted_0004"),
    }


def test_grey_photographs_are_read_as_colour(root):
    path = root / "dtd/dtd-r1.0.1/images/dotted/dotted_0004.jpg"
    Image.new("L", (32, 32), 77).save(path)
    assert (BrodenPlus(root, "val", tasks=("texture",))[0]["image"] == 77).all()


@pytest.mark.parametrize("stored_fits", [False, True])
def test_a_record_decides_how_its_photograph_is_held(root, stored_fits):
    upright = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    path = root / "dtd/dtd-r1.0.1/images/dotted/dotted_0004.jpg"
    turned(upright, 8, path.with_suffix(".png"))
    path.with_suffix(".png").replace(path)
    shape = (40, 32) if stored_fits else (32, 40)
    records(root / "meta_file/dtd/dtd_validation_list.json", [record("dtd", 3, shape)])
    image = BrodenPlus(root, "val", tasks=("texture",))[0]["image"]
    np.testing.assert_array_equal(image, np.rot90(upright, -1) if stored_fits else upright)


@pytest.mark.parametrize("path", [f"{ADE}.jpg", f"{ADE}_seg.png", "opensurfaces/photos-labels/15.png", CONTEXT, PART])
@pytest.mark.parametrize("keep", [0, 60])
def test_truncated_file(root, path, keep):
    content = (root / path).read_bytes()
    (root / path).write_bytes(content[: len(content) * keep // 100])
    assert_told(root, UnreadableFileError, path, "restore|rebuild")


def test_folder_in_place_of_a_file(root):
    (root / f"{ADE}.jpg").unlink()
    (root / f"{ADE}.jpg").mkdir()
    assert_told(root, MissingFileError, f"{ADE}.jpg", "restore")


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((512, 717), r"run `dgmlib broden prepare \S+`"),
        ((512, 718), r"(restore it from|rebuild it with \S+ from) http"),
    ],
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


@pytest.mark.parametrize("tasks", ["object", ("objects",), ("object", "textures")])
def test_tasks_that_do_not_exist_are_told(root, tasks):
    for ask in (partial(BrodenPlus, root, "train"), partial(check, root), partial(prepare, root)):
        with pytest.raises(ValueError, match="tasks must be a list of scene, object, part, material, texture, not"):
            ask(tasks=tasks)


def test_path_that_leaves_the_root(root):
    path = root / "meta_file/dtd/labels_joint_anno.txt"
    path.write_text(path.read_text().replace("banded/banded_0002.jpg", "../../../secret.jpg"))
    assert_told(root, BrodenError, "'../../../secret.jpg' leaves", "correct the list")
    index = scipy.io.loadmat(root / "meta_file/ade20k/index_ade20k.mat", simplify_cells=True)["index"]
    index["folder"] = np.array(["../elsewhere", *index["folder"][1:]], dtype=object)
    scipy.io.savemat(root / "meta_file/ade20k/index_ade20k.mat", {"index": index})
    with pytest.raises(BrodenError, match=r"'\.\./elsewhere/ADE_train_00000001\.jpg' leaves"):
        BrodenPlus(root, "train", tasks=("object",))[0]
