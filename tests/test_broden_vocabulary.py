"""Class names and the object-part hierarchy."""

import pytest
from broden_tree import assert_told

from dgmlib.broden import TASKS, BrodenError, read_vocabulary


def test_vocabulary_counts_channels(root):
    vocabulary = read_vocabulary(root / "meta_file" / "joint_dataset")
    assert [vocabulary.channels(task) for task in TASKS] == [2, 5, 6, 3, 2]
    assert vocabulary.part_slices == {2: slice(0, 3), 3: slice(3, 6)}
    with pytest.raises(ValueError, match="no task 'colour'"):
        vocabulary.channels("colour")


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
    path = root / "meta_file" / "joint_dataset" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert_told(root, BrodenError, name, "copy")
