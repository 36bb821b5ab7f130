"""The record lists."""

import pytest
from broden_tree import assert_told, change_json, record

from dgmlib.broden import BrodenError

JOINT = "meta_file/joint_dataset"
TRAIN = f"{JOINT}/broden_ade20k_pascal_train.json"


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
    assert_told(root, BrodenError, str(root), f"{told}.*restore")


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
