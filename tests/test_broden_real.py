"""Against the official metadata and original ADE20K and PASCAL-Part files, where DGM_REAL_DATA points to them."""

import json
import os
import re
from collections import Counter
from pathlib import Path
from types import MethodType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.io

from dgmlib.broden import TASKS, BrodenPlus, FolderDataset, TrainBatches, read_vocabulary
from dgmlib.broden.ade20k import Ade20k, read_index
from dgmlib.broden.files import image_shape
from dgmlib.broden.pascal import Pascal, part_name
from dgmlib.broden.prepare import prepare
from dgmlib.broden.source import read_records
from dgmlib.broden.sources import SOURCES
from dgmlib.broden.vocabulary import LabelAssignment

REAL = os.environ.get("DGM_REAL_DATA")
pytestmark = pytest.mark.skipif(not REAL, reason="set DGM_REAL_DATA to the folder with Broden+'s official metadata")
META = Path(REAL or ".").resolve() / "broden_plus_meta"  # links to it need the whole path
SAMPLES = Path(REAL or ".").resolve() / "broden_plus_samples"
ALL = tuple(SOURCES.values())


@pytest.fixture(scope="module")
def vocabulary():
    return read_vocabulary(META / "joint_dataset")


@pytest.fixture(scope="module")
def assignment(vocabulary):
    return LabelAssignment(META / "joint_dataset" / "label_assignment.csv", vocabulary)


def test_vocabulary(vocabulary):
    assert [len(vocabulary.objects) - 1, len(vocabulary.parts) - 1, len(vocabulary.scenes)] == [335, 152, 365]
    assert [len(vocabulary.materials) - 1, len(vocabulary.textures)] == [25, 47]
    assert len(vocabulary.object_parts) == 77
    assert [vocabulary.channels(task) for task in TASKS] == [365, 336, 427, 26, 47]
    person = vocabulary.objects.index("person")
    names = ["-", "leg", "head", "torso", "arm", "eye", "ear", "nose", "neck"]
    names += ["hand", "hair", "mouth", "foot", "eyebrow", "back"]
    assert [vocabulary.parts[part] for part in vocabulary.object_parts[person]] == names


def test_records():
    train, val = (read_records(META, split, ALL) for split in ("train", "val"))
    assert Counter(r.source for r in train) == {"ade20k": 20067, "pascal": 9015, "os": 17226, "dtd": 5076}
    assert Counter(r.source for r in val) == {"ade20k": 2143, "pascal": 1088, "os": 1914, "dtd": 564}
    assert len(train) + len(val) == 57093
    assert not {(r.source, r.index) for r in train} & {(r.source, r.index) for r in val}
    assert sum(r.has_parts for r in train if r.source == "ade20k") == 10451


def test_share_of_opensurfaces_in_training():
    records = read_records(META, "train", ALL[:3])
    lists = SimpleNamespace(records=records)
    lists.groups = MethodType(BrodenPlus.groups, lists)
    batches = list(TrainBatches(lists, TASKS, 2, (450,), 4000, 0))
    share = np.mean([records[batch[0].index].source == "os" for batch in batches])
    assert share == pytest.approx(17226 / 46308, abs=0.02)


def test_label_assignment(assignment, vocabulary):
    counts = {
        ("ade20k", "object"): (3148, 448),
        ("ade20k", "part"): (3148, 171),
        ("ade20k", "scene"): (1054, None),
        ("pascal", "object"): (459, 192),
        ("os", "material"): (45, 27),
    }
    for (source, category), (largest, assigned) in counts.items():
        table = assignment.table(source, category, largest)
        assert len(table) == largest + 1
        if assigned:
            assert (table > 0).sum() == assigned
    scenes = assignment.table("ade20k", "scene", 1054)
    assert scenes[0] == -1
    assert scenes[1:].min() >= 0
    assert vocabulary.objects[assignment.table("ade20k", "object", 3148)[2420]] == "sky"


@pytest.fixture(scope="module")
def part_names():
    """PASCAL-Part's (object, short name) -> its name by unifiedparsing's rule: its comment without sides."""
    removed = {"left", "right", "front", "back", "upper", "lower", "side"}
    bare = {"roofside": "roof", **dict.fromkeys(("frontside", "backside", "leftside", "rightside"), "")}
    bare |= dict.fromkeys(("leftmirror", "rightmirror"), "mirror") | dict.fromkeys(("fwheel", "bwheel"), "wheel")
    bare |= dict.fromkeys(("lfho", "rfho", "lbho", "rbho"), "hoof")
    names = {}
    for row in pd.read_csv(META / "pascal" / "pascal_part_names.csv", keep_default_na=False).itertuples():
        stem = re.sub(r"_\d+$", "", row.key)
        name = row.comment if row.comment and not row.comment.startswith("multiple") else bare.get(stem, stem)
        names[row.object, row.key] = " ".join(word for word in name.split() if word not in removed)
    return names


def test_part_names_are_those_of_the_literal_rule(part_names):
    assert len(part_names) == 384
    for (thing, key), name in part_names.items():
        assert part_name(key) == name or (thing, name, part_name(key)) == ("bicycle", "handle bar", "handlebar")


def test_raw_part_names_are_the_assignments(assignment, part_names):
    """The 44 raw names follow from PASCAL-Part's own list; their order in the csv is that of sorted keys by object."""
    raw = ["-"]
    for thing in sorted({thing for thing, _ in part_names}):
        if thing == "bottle":
            raw.append("silhouette")  # boat, before it, has nothing else
        for key in sorted(key for other, key in part_names if other == thing):
            if part_names[thing, key] not in raw:
                raw.append(part_names[thing, key])
    assert len(raw) == 44
    rows = (META / "joint_dataset" / "label_assignment.csv").read_text().splitlines()
    listed = {int(row.split(",")[2]): row.split(",")[3] for row in rows if row.startswith("pascal,part,")}
    assert listed == {number: name for number, name in enumerate(raw) if number and name != "silhouette"}
    assert listed[20] == ""
    known = assignment.by_name("pascal", "part")
    assert set(part_names.values()) <= set(known)
    assert known["handlebar"] == known["handle bar"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Original files in the official layout: three ADE20K images and eighteen of PASCAL-Part."""
    root = tmp_path_factory.mktemp("real")
    meta = root / "meta_file"
    meta.mkdir()
    for folder in ("ade20k", "pascal", "opensurfaces", "dtd"):
        (meta / folder).symlink_to(META / folder)
    (meta / "joint_dataset").mkdir()
    for path in (META / "joint_dataset").glob("*.csv"):
        (meta / "joint_dataset" / path.name).symlink_to(path)
    images, _ = read_index(META / "ade20k" / "index_ade20k.mat")
    stems = {Path(image).stem: (number, Path(image).parent) for number, image in enumerate(images)}
    official = {(r.source, r.index): r for split in ("train", "val") for r in read_records(META, split, (Ade20k,))}
    lines = []
    for path in sorted((SAMPLES / "ade20k").glob("*.jpg")):
        number, folder = stems[path.stem]
        (root / "ade20k" / folder).mkdir(parents=True, exist_ok=True)
        for file in (SAMPLES / "ade20k").glob(f"{path.stem}*.*g"):
            (root / "ade20k" / folder / file.name).symlink_to(file)
        record = official["ade20k", number]
        lines.append({"dataset": "ade20k", "file_index": number, "height": record.height, "width": record.width})
        lines[-1]["nr_part"] = int(record.has_parts)
    for number, path in enumerate(sorted((SAMPLES / "pascal_part").glob("*.mat"))):
        shape = image_shape(path.with_suffix(".jpg"), "")
        for folder, file in [("part/Annotations_Part", path), ("VOC2010/JPEGImages", path.with_suffix(".jpg"))]:
            (root / "pascal" / folder).mkdir(parents=True, exist_ok=True)
            (root / "pascal" / folder / file.name).symlink_to(file)
        # PASCAL-Context's maps are not among the samples: stand-ins made of the objects of PASCAL-Part.
        objects = scipy.io.loadmat(path, simplify_cells=True)["anno"]["objects"]
        labels = np.zeros(shape, dtype=np.uint16)
        for thing in [objects] if isinstance(objects, dict) else objects:
            labels[thing["mask"] > 0] = context_labels()[thing["class"]]
        (root / "pascal" / "context" / "trainval").mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(root / "pascal" / "context" / "trainval" / path.name, {"LabelMap": labels})
        lines.append({"dataset": "pascal", "file_index": number, "height": shape[0], "width": shape[1], "nr_part": 1})
    for split, listed in (("train", lines[:-1]), ("val", lines[-1:])):
        text = "".join(json.dumps(line) + "\n" for line in listed)
        (meta / "joint_dataset" / f"broden_ade20k_pascal_{split}.json").write_text(text)
    return root


def context_labels():
    lines = (META / "pascal" / "context_labels.txt").read_text().splitlines()
    return {name: int(number) for number, name in (line.split(": ") for line in lines)}


def test_original_files_from_end_to_end(tree, vocabulary):
    result = prepare(tree, workers=1, tasks=("object",), progress=False)
    assert result.ok, str(result)
    assert result.made == 21
    dataset = BrodenPlus(tree, "train", tasks=("object", "part", "scene"))
    street = vocabulary.scenes.index("street")
    seen = Counter()
    for i in range(len(dataset)):
        sample = dataset[i]
        if sample["source"] == "ade20k":
            assert min(sample["image"].shape[:2]) == 512
            assert sample["scene"] == street
            assert (sample["object"] > 0).mean() > 0.8  # street scenes are labelled nearly everywhere
            assert {vocabulary.objects[o] for o in np.unique(sample["object"])} >= {"building", "road"}
        for valid, thing in zip(sample["part_valid"], vocabulary.object_parts, strict=True):
            if valid:
                for index in np.unique(sample["part"][sample["object"] == thing]):
                    part = vocabulary.object_parts[thing][index]
                    seen[vocabulary.objects[thing], vocabulary.parts[part]] += 1
    assert seen["car", "wheel"] >= 3
    assert seen["building", "window"] >= 2
    assert seen["person", "head"] >= 4


def test_object_maps_name_what_ade20k_names(tree, assignment):
    """Every object of the samples' own json carries the name its label picture's code stands for."""
    reader = Ade20k(tree, assignment)
    _, names = read_index(META / "ade20k" / "index_ade20k.mat")
    assert len(reader.photos) == 22210
    checked = 0
    for path in sorted((SAMPLES / "ade20k").glob("*.json")):
        for thing in json.loads(path.read_text(encoding="latin-1"))["annotation"]["object"]:
            if thing["parts"]["part_level"] == 0 and reader.lookups["object"][min(thing["name_ndx"], 3148)]:
                assert names[thing["name_ndx"] - 1] == thing["name"]
                checked += 1
    assert checked > 100


def test_part_masks_are_merged_as_the_literal_rule_says(tree, assignment, vocabulary, part_names):
    reader = Pascal(tree, assignment)
    empties = 0
    for path in sorted((SAMPLES / "pascal_part").glob("*.mat")):
        anno = scipy.io.loadmat(path)["anno"][0, 0]
        expected = np.zeros(anno["objects"][0, 0]["mask"].shape, dtype=int)
        for i in range(anno["objects"].shape[1]):
            thing = anno["objects"][0, i]
            for j in range(thing["parts"].shape[1]):
                part = thing["parts"][0, j]
                name = part_names[thing["class"][0], part["part_name"][0]]
                empties += name == ""
                target = 0 if name == "" else vocabulary.parts.index(name.replace("handlebar", "handle bar"))
                expected[part["mask"].astype(bool)] = target
        np.testing.assert_array_equal(reader.merge_parts(path, expected.shape), expected)
    assert empties > 0


def test_plain_folders(tmp_path):
    names = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence"]
    names += ["car", "pedestrian", "bicyclist", "-"]
    camvid = FolderDataset(Path(REAL) / "camvid320", "val", names=names, cache=tmp_path)
    assert len(camvid) == 101
    assert camvid.vocabulary.channels("object") == 12
    assert set(np.unique(camvid[0]["object"])) <= set(range(12))
