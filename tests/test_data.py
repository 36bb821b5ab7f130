"""From a folder to its data set: which one it is, by which name its numbers go, when its content counts as changed."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from dgmlib import mini, presets
from dgmlib.broden import BrodenPlus, FolderDataset, SceneParse150
from dgmlib.data import content, data_name, data_root, open_data

SMOKE = presets.get("smoke")


def fill(root, names="left\nright\n", seed=0):
    """Two noisy pictures a split, in the layout of `FolderDataset`; all of their files have the same sizes."""
    for split in ("train", "val"):
        for i in range(2):
            pixels = np.random.default_rng(seed + i).integers(0, 256, (24, 32, 3), dtype=np.uint8)
            for kind, picture in (("images", pixels), ("labels", pixels[..., 0] % 2)):
                path = root / split / kind / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path)
    (root / "names.txt").write_text(names)
    return root


@pytest.fixture
def ade20k(tmp_path):
    root = tmp_path / "ADEChallengeData2016"
    for split in ("training", "validation"):
        for kind, suffix in (("images", "jpg"), ("annotations", "png")):
            (root / kind / split).mkdir(parents=True)
            Image.fromarray(np.ones((8, 8), np.uint8)).save(root / kind / split / f"a.{suffix}")
    (root / "objectInfo150.txt").write_text("Idx\tRatio\tTrain\tVal\tName\n1\t0.1\t1\t1\twall\n")
    return root


def test_presets_on_broden_plus_ask_for_the_data():
    with pytest.raises(ValueError, match="which you bring: pass the folder"):
        data_root(presets.get("paper"))


def test_a_misspelt_folder_is_told_and_not_filled_with_broden_mini(tmp_path):
    with pytest.raises(ValueError, match=r"there is no folder .*brodn; data has to name one that exists"):
        data_root(SMOKE, tmp_path / "brodn")
    assert not any(tmp_path.iterdir())


def test_a_folder_is_opened_as_what_it_holds(tmp_path, ade20k, smoke_data):
    folder = fill(tmp_path / "pictures")
    for root, kind, tasks in (
        (folder, FolderDataset, ("object",)),
        (ade20k, SceneParse150, ("object",)),
        (smoke_data, BrodenPlus, ("scene", "texture")),
    ):
        assert data_root(SMOKE, root) == root
        dataset = open_data(root, "val", tasks)
        assert type(dataset) is kind
        assert dataset.tasks == tasks
    with pytest.raises(ValueError, match="has labels of object only, not of part; choose a setting without"):
        open_data(folder, "val", ("object", "part"))


def test_numbers_carry_the_name_of_what_they_were_measured_on(tmp_path, ade20k, smoke_data, monkeypatch):
    folder = fill(tmp_path / "pictures")
    assert data_name(SMOKE, folder) == "pictures"  # never passed off as Broden-mini
    monkeypatch.chdir(folder)
    assert data_name(SMOKE, folder.relative_to(folder)) == "pictures"  # --data .
    assert data_name(SMOKE, ade20k) == "ADE20K (SceneParse150)"
    assert data_name(SMOKE, smoke_data) == "Broden-mini (smoke)"
    assert data_name(presets.get("paper"), smoke_data) == "Broden-mini (smoke)"
    (tmp_path / "broden").mkdir()
    assert data_name(presets.get("paper"), tmp_path / "broden") == "Broden+"
    assert data_name(presets.get("real"), tmp_path) == tmp_path.name  # a folder of folders


def test_drawings_that_are_named_are_never_drawn_anew(tmp_path):
    """Another seed's, or another preset's, they were once replaced by the preset's own, and named like them."""
    root = mini.generate(tmp_path / "mine", seed=5, counts="smoke", workers=1)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert data_root(SMOKE, root) == data_root(presets.get("mini"), root) == root
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert data_name(SMOKE, root) == data_name(presets.get("mini"), root) == "Broden-mini, drawn otherwise"


def test_content_does_not_depend_on_where_it_lies_nor_on_what_is_computed_beside_it(tmp_path, monkeypatch):
    first, second = fill(tmp_path / "a" / "data"), fill(tmp_path / "b" / "other")
    monkeypatch.chdir(first.parent)
    assert content(first) == content(second) == content(first.relative_to(first.parent))
    cached = second / "superpixels-32" / "train" / "0.png"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"a map")
    (second / "train" / "images" / ".DS_Store").write_bytes(b"the file manager's")
    assert content(first) == content(second)


@pytest.mark.parametrize("change", ["image", "label", "name", "order", "missing", "more"])
def test_content_changes_with_every_file_of_the_data_even_at_the_same_size(tmp_path, change):
    root = fill(tmp_path / "data")
    before, path = content(root), root / "train" / ("labels" if change == "label" else "images") / "0.png"
    if change in ("image", "label"):
        damaged = bytearray(path.read_bytes())
        damaged[-20] ^= 1
        path.write_bytes(damaged)
    elif change == "missing":
        path.unlink()
    elif change == "more":
        shutil.copy(path, path.with_name("2.png"))
    else:
        (root / "names.txt").write_text({"name": "left\nRight\n", "order": "right\nleft\n"}[change])
    assert content(root) != before


def test_of_broden_mini_the_manifest_says_it_all(tmp_path):
    (tmp_path / mini.MANIFEST).write_text(json.dumps({"seed": 0}))
    before = content(tmp_path)
    (tmp_path / "meta_file").mkdir()
    (tmp_path / "meta_file" / "list.txt").write_text("drawn from the seed")
    assert content(tmp_path) == before
    (tmp_path / mini.MANIFEST).write_text(json.dumps({"seed": 1}))
    assert content(tmp_path) != before


def test_of_broden_plus_lists_are_read_and_pictures_counted_by_size(tmp_path):
    lists, picture = tmp_path / "meta_file" / "joint_dataset" / "object.csv", tmp_path / "ade20k" / "a" / "b.jpg"
    for path, text in ((lists, "label,name"), (picture, "pixels")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    before = content(tmp_path)
    lists.write_text("label,nam3")
    changed = content(tmp_path)
    picture.write_text("pixel")
    assert len({before, changed, content(tmp_path)}) == 3
