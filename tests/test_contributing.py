"""The examples of CONTRIBUTING.md do what the page says, as they stand."""

import re

import numpy as np
import pytest
import torch
from broden_tree import photo, picture, record, records, write, write_tree

from dgmlib import paths
from dgmlib.broden import BrodenPlus, sources, train_loader
from dgmlib.broden.check import check
from dgmlib.broden.prepare import prepare


@pytest.fixture
def example():
    """Run the code block that stands for a file; give its names."""
    page = (paths.ROOT / "CONTRIBUTING.md").read_text()

    def run(path):
        (code,) = re.findall(rf"```python\n# dgmlib/{path}\n(.*?)```", page, re.DOTALL)
        names = {"__name__": path, "__package__": f"dgmlib.{path.split('/')[0]}"}
        exec(compile(code, path, "exec"), names)
        return names

    return run


def test_a_source_is_one_class(tmp_path, example, monkeypatch):
    root = write_tree(tmp_path)
    meta = root / "meta_file"
    with open(meta / "joint_dataset" / "label_assignment.csv", "a") as table:
        table.write("streets,object,1,sky,4,sky\nstreets,object,3,car,2,car\n")
    write(meta / "streets" / "photos.txt", "b.jpg\na.jpg\n")
    write(meta / "streets" / "names.txt", "sky\nroad\ncar\n")
    for index, split in enumerate(("train", "val")):
        records(meta / "streets" / f"{split}.json", [record("streets", index, (24, 32))])
    labels = np.arange(24 * 32).reshape(24, 32) % 4
    for name in "ab":
        photo(root / "streets" / "images" / f"{name}.jpg", (24, 32), 0)
        picture(root / "streets" / "labels" / f"{name}.png", labels)
    before = len(BrodenPlus(root, "train"))
    monkeypatch.setitem(sources.SOURCES, "streets", example("broden/streets.py")["Streets"])

    dataset = BrodenPlus(root, "train")
    assert len(dataset) == before + 1
    assert dataset.groups(("object",)) == [[0, 1, 2, 3], [before]]  # its batches hold no other source's images
    sample = dataset[before]
    assert (sample["key"], sample["source"]) == ("streets/b", "streets")
    np.testing.assert_array_equal(sample["object"], np.array([0, 4, 0, 2])[labels])
    seen = {
        source
        for batch in train_loader(dataset, ("object",), 1, (32,), 30, 0, max_regions=9)
        for source in batch["source"]
    }
    assert "streets" in seen
    result = check(root, workers=1, progress=False)
    assert result.ok
    assert result.records["streets"] == 2
    assert prepare(root, workers=1, progress=False).made == 7 + 2
    np.testing.assert_array_equal(BrodenPlus(root, "train")[before]["object"], sample["object"])
    picture(root / "streets" / "labels" / "a.png", labels + 1)
    (root / "streets" / "images" / "b.jpg").unlink()
    text = str(check(root, workers=1, progress=False))
    assert "a.png holds the label 4, but" in text
    assert "streets is published at:\n  https://streets.example/streets.zip" in text


def test_a_decoder_is_one_file(example):
    widths, sizes = (8, 16, 32, 64), ((16, 24), (8, 12), (4, 6), (2, 3))
    decoder = example("decoders/linear.py")["Linear"](widths, dim=10).eval()
    features = [torch.randn(2, width, *size) for width, size in zip(widths, sizes, strict=True)]
    levels = decoder.levels(features)
    assert [tuple(level.shape) for level in levels] == [(2, 10, *size) for size in sizes]
    assert decoder.channels == (10,) * 4
    torch.testing.assert_close(decoder(features), decoder.fuse(levels))
    assert decoder(features).shape == (2, decoder.out_channels, 16, 24)
