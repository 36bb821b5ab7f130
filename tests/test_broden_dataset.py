"""Broden+ as a dataset: which records and labels a split gives, and which parts count."""

import dataclasses

import numpy as np
import pytest
from broden_tree import assert_told, change_json

from dgmlib.broden import BrodenError, BrodenPlus, read_vocabulary
from dgmlib.broden.dataset import part_layers


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


def test_splits_follow_the_lists(root):
    assert len(BrodenPlus(root, "train")) == 8
    val = BrodenPlus(root, "val")
    assert [val.key(i) for i in range(len(val))] == ["ade20k/ADE_val_00000001", "os/907", "dtd/dotted/dotted_0004"]


def test_only_the_sources_of_the_tasks_need_to_be_there(root):
    for path in ["opensurfaces", "dtd", "pascal"]:
        (root / path).rename(root / f"{path}.away")
    (root / "meta_file" / "opensurfaces").rename(root / "meta.away")
    dataset = BrodenPlus(root, "val", tasks=("object", "scene"))
    assert len(dataset) == 1
    assert set(dataset[0]) == {"image", "key", "source", "object", "scene"}


def test_parts_bring_the_objects_they_belong_to(root):
    sample = BrodenPlus(root, "val", tasks=("part",))[0]
    assert {"object", "part", "part_valid"} <= set(sample)
    assert "scene" not in sample


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
    rng = np.random.default_rng(0)
    covered = np.full((6, 7), 2)  # one object over the whole image, nothing but one part: one id, so not valid
    cases = [(covered, np.full((6, 7), 1)), (covered, rng.integers(1, 3, (6, 7))), (covered, np.full((6, 7), 4))]
    cases += [(rng.integers(0, 5, (6, 7)), rng.integers(0, 5, (6, 7))) for _ in range(20)]
    for objects, parts in cases:
        index, valid = part_layers(vocabulary, objects, parts)
        literal_index, literal_valid = literal_part_layers(vocabulary, objects, parts)
        assert valid.tolist() == literal_valid
        for thing, ok in zip(vocabulary.object_parts, valid, strict=True):
            if ok:
                np.testing.assert_array_equal(index[objects == thing], literal_index[objects == thing])


def test_records_are_frozen(root):
    record = BrodenPlus(root, "val").records[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.index = 3


@pytest.mark.parametrize(
    "name", ["joint_dataset/broden_ade20k_pascal_train", "joint_dataset/broden_os_train", "dtd/dtd_training_list"]
)
def test_an_empty_list(root, name):
    (root / "meta_file" / f"{name}.json").write_text("\n")
    assert_told(root, BrodenError, f"{name}.json", "lists no record; copy it again")


def test_a_list_without_records_of_a_task(root):
    change_json(
        root / "meta_file/joint_dataset/broden_ade20k_pascal_train.json",
        lambda rows: [row for row in rows if row["dataset"] == "pascal"],
    )
    with pytest.raises(BrodenError, match=r"train lists in .* hold no record labelled for scene"):
        BrodenPlus(root, "train", ("scene",))


def test_wrong_arguments(root):
    with pytest.raises(ValueError, match=r"no split 'test'; choose train or val\."):
        BrodenPlus(root, "test")
    with pytest.raises(FileNotFoundError, match=r"there is no folder \S+nowhere; check the path"):
        BrodenPlus(root / "nowhere", "train")
    (root / "elsewhere").mkdir()
    with pytest.raises(BrodenError, match="meta_file does not exist"):
        BrodenPlus(root / "elsewhere", "train")
