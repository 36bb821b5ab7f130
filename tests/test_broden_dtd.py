"""DTD: the main texture of every image."""

from broden_tree import assert_told

from dgmlib.broden.files import LabelRangeError


def test_the_main_texture_counts(samples):
    assert samples["dtd/dotted/dotted_0004"]["texture"] == 1  # its line names "banded" as well


def test_unknown_texture(root):
    path = root / "meta_file/dtd/labels_joint_anno.txt"
    path.write_text(path.read_text().replace("banded_0002.jpg banded", "banded_0002.jpg furry"))
    assert_told(root, LabelRangeError, "labels_joint_anno.txt", "'furry', which texture.csv lacks")
