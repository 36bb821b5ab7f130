"""`dgmlib broden prepare`: resized copies and label maps."""

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest
from broden_tree import ADE, ADE_SHAPE, PASCAL_SHAPE, SUBSTANCE, encode, photo, picture, record, records, turned
from PIL import Image

from dgmlib.broden import BrodenError, BrodenPlus
from dgmlib.broden.ade20k import Ade20k
from dgmlib.broden.opensurfaces import OpenSurfaces
from dgmlib.broden.pascal import Pascal
from dgmlib.broden.prepare import prepare, resize_linear, resize_nearest
from dgmlib.broden.sources import resized_shape

SEG = "ade20k/ADE20K_2016_07_26/images/validation/m/misc/ADE_val_00000001"
JOINT = "meta_file/joint_dataset"


@pytest.fixture
def large(root):
    """The tree with one ADE20K and one OpenSurfaces image larger than Broden+ keeps them."""
    photo(root / f"{SEG}.jpg", (600, 900), 0)
    objects = np.full((600, 900), ADE["wall"])
    objects[:, 450:] = ADE["car"]
    parts = np.where(np.arange(900) > 600, ADE["wheel"], 0) * np.ones((600, 1), int)
    picture(root / f"{SEG}_seg.png", encode(objects))
    picture(root / f"{SEG}_parts_1.png", encode(parts))
    records(root / JOINT / "broden_ade20k_pascal_val.json", [record("ade20k", 2, (512, 768), nr_part=1)])
    photo(root / "opensurfaces/photos/907.jpg", (1024, 768), 1)
    labels = np.zeros((1024, 700, 3))  # rendered a little off the photograph's shape
    labels[512:, :, 0] = SUBSTANCE["wood"]
    picture(root / "opensurfaces/photos-labels/907.png", labels)
    records(root / JOINT / "broden_os_val.json", [record("os", 0, (683, 512))])
    return root


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and "prepared" not in path.parts}


def test_prepared_maps_give_the_same_samples(root, monkeypatch):
    before = [list(BrodenPlus(root, split)) for split in ("train", "val")]
    originals = snapshot(root)
    result = prepare(root, workers=1, progress=False)
    assert (result.made, result.kept, result.failures) == (7, 0, [])
    assert snapshot(root) == originals
    for reader in (Ade20k, Pascal, OpenSurfaces):  # no original label is read any more
        monkeypatch.setattr(reader, "maps", None)
    for split, samples in zip(("train", "val"), before, strict=True):
        np.testing.assert_equal(list(BrodenPlus(root, split)), samples)


def test_size_rule_is_applied_without_touching_originals(large):
    originals = snapshot(large)
    result = prepare(large, workers=1, progress=False)
    assert result.ok
    assert snapshot(large) == originals
    sample, material = BrodenPlus(large, "val")[0], BrodenPlus(large, "val")[1]
    assert sample["image"].shape == (512, 768, 3)
    assert (sample["object"][:, :384] == 1).all()
    assert (sample["object"][:, 384:] == 2).all()
    assert (sample["part"] > 0).sum() == 512 * (768 - 513)  # columns whose origin lies beyond 600 of 900
    assert material["image"].shape == (683, 512, 3)
    assert material["material"].shape == (683, 512)  # OpenSurfaces' maps take the photograph's new size
    assert material["material"].sum() == 341 * 512


def test_an_image_that_fits_its_record_is_left_as_it_is(large):
    records(large / JOINT / "broden_ade20k_pascal_val.json", [record("ade20k", 2, (600, 900), nr_part=1)])
    assert prepare(large, workers=1, progress=False).ok
    assert not (large / "prepared" / "images" / "ade20k").exists()
    assert BrodenPlus(large, "val")[0]["image"].shape == (600, 900, 3)


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


def test_resizing_by_corners_and_centres():
    labels = np.arange(6)[None].repeat(3, 0)
    np.testing.assert_array_equal(resize_nearest(labels, (3, 4))[0], [0, 1, 3, 4])  # OpenCV: floor(i * 6 / 4)
    ramp = np.repeat(np.arange(0, 240, 40, dtype=np.uint8)[None, :, None], 3, axis=2)  # 1 x 6, no smoothing
    np.testing.assert_array_equal(resize_linear(ramp, (1, 3))[0, :, 0], [20, 100, 180])


def test_prepare_goes_on_where_it_was_interrupted(root, monkeypatch):
    import dgmlib.broden.prepare as module

    real, calls = module.write_maps, []

    def interrupted(path, maps):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(path)
        real(path, maps)

    monkeypatch.setattr(module, "write_maps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(root, workers=1, progress=False)
    monkeypatch.setattr(module, "write_maps", real)
    result = prepare(root, workers=1, progress=False)
    assert (result.made, result.kept) == (4, 3)
    result = prepare(root, workers=1, progress=False)
    assert (result.made, result.kept) == (0, 7)
    assert not [path for path in (root / "prepared").rglob(".*")]


def test_changed_originals_and_metadata_are_prepared_again(root):
    prepare(root, workers=1, progress=False)
    picture(root / f"{SEG}_seg.png", encode(np.full(ADE_SHAPE, ADE["person"])))
    os.utime(root / f"{SEG}_seg.png", ns=(0, 0))  # as unpacking an archive may leave it, older than the copy
    assert (BrodenPlus(root, "val")[0]["object"] == 3).all()  # the stale copy is passed over
    path = root / JOINT / "label_assignment.csv"
    path.write_text(path.read_text().replace("7,person,3,person", "7,person,4,sky"))
    assert (BrodenPlus(root, "val")[0]["object"] == 4).all()
    assert prepare(root, workers=1, progress=False).made == 7


def test_copies_of_another_size_than_the_record_s_are_made_anew(large):
    prepare(large, workers=1, progress=False)
    lists = large / JOINT / "broden_ade20k_pascal_train.json"
    before = BrodenPlus(large, "train", ("object",)).records[0]
    lists.write_text(lists.read_text().replace(f'"height": {before.height}', f'"height": {before.height + 1}', 1))
    changed = BrodenPlus(large, "train", ("object",))
    sources, record = changed.sources, changed.records[0]
    assert record.shape == (before.height + 1, before.width)
    assert not any(copy.exists() for copy in sources.copies(record))


def test_prepare_reports_what_it_cannot_do_and_does_the_rest(large):
    (large / f"{SEG}_seg.png").write_bytes(b"")
    photo(large / "opensurfaces/photos/15.jpg", (700, 700), 0)  # its record says otherwise
    picture(large / "ade20k/ADE20K_2016_07_26/images/training/k/kitchen/ADE_train_00000002_seg.png", np.ones((9, 9, 3)))
    result = prepare(large, workers=1, progress=False)
    assert not result.ok
    assert result.made == 4
    text = str(result)
    assert re.search(r"ADE_val_00000001_seg\.png cannot be decoded", text)
    assert re.search(
        r"15\.jpg has 700 x 700 pixels, which Broden\+'s size rule does not bring to the 48 x 64 of its record", text
    )
    assert re.search(r"ADE_train_00000002_seg\.png has 9 x 9 pixels but its image 40 x 56", text)


def test_prepare_goes_on_after_a_source_that_cannot_be_opened(root):
    (root / "meta_file/opensurfaces/photos.csv").unlink()
    result = prepare(root, workers=1, progress=False)
    assert result.made == 5
    assert [re.search(r"photos\.csv does not exist", text) is not None for text in result.failures] == [True]
    assert prepare(root, workers=1, tasks=("object", "part"), progress=False).ok


def test_a_full_disk_ends_prepare_with_one_sentence(root, monkeypatch):
    """Not with one for every record, that blames the originals."""

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(BrodenError, match=r"prepared.*cannot be written \(No space left on device\); make room"):
        prepare(root, workers=1, progress=False)


def test_a_photograph_that_fits_its_record_only_as_stored_is_prepared(root):
    upright = np.random.default_rng(0).integers(0, 256, (*PASCAL_SHAPE[::-1], 3), dtype=np.uint8)
    turned(upright, 8, root / "turned.png")
    (root / "turned.png").replace(root / "pascal/VOC2010/JPEGImages/2008_000002.jpg")
    assert prepare(root, workers=1, progress=False).ok
    assert BrodenPlus(root, "train", tasks=("part",))[2]["image"].shape[:2] == PASCAL_SHAPE
