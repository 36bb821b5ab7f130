"""`dgmlib broden check`: what is there, missing or broken."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
import scipy.io
from broden_tree import OS_SHAPE, photo, picture, record, records
from PIL import Image
from skimage import data

from dgmlib import __main__ as cli
from dgmlib.broden import TASKS, BrodenError, BrodenPlus
from dgmlib.broden.check import check
from dgmlib.broden.pascal import Pascal
from dgmlib.broden.prepare import prepare

SEG = "ade20k/ADE20K_2016_07_26/images/validation/m/misc/ADE_val_00000001"
JOINT = "meta_file/joint_dataset"


def test_a_complete_tree_may_train(root):
    result = check(root, workers=1, progress=False)
    assert result.ok
    assert result.records == {"ade20k": 3, "pascal": 2, "os": 2, "dtd": 4}
    assert result.absent == {"object": [], "part": ["person: head"], "scene": [], "material": [], "texture": []}
    text = str(result)
    assert re.search(r"^pascal +2 +2 +0 +0 +0 +0 +0$", text, re.MULTILINE)
    assert "1 part classes occur nowhere in the data: person: head" in text
    assert text.endswith("Training may start.")


def test_check_counts_every_kind_of_problem(root):
    (root / "opensurfaces/photos/907.jpg").unlink()
    (root / "dtd/dtd-r1.0.1/images/banded/banded_0004.jpg").write_bytes(b"broken")
    photo(root / f"{SEG}.jpg", (600, 900), 0)
    picture(root / "opensurfaces/photos-labels/15.png", np.full((*OS_SHAPE, 3), 77))
    path = root / "pascal/part/Annotations_Part/2008_000002.mat"
    scipy.io.savemat(path, {"nothing": 1})
    result = check(root, workers=2, progress=False)
    assert not result.ok
    assert result.problems == {
        ("os", "missing"): 1,
        ("dtd", "unreadable"): 1,
        ("pascal", "unreadable"): 1,
        ("ade20k", "wrong size"): 1,
        ("os", "out of range"): 1,
    }
    text = str(result)
    for expected in [
        r"^os +2 +0 +1 +0 +0 +1 +0$",
        r"907\.jpg does not exist; restore it",
        r"600 x 900 pixels .* 40 x 56; restore it from http",
        r"77, but .*label-substance-colors\.csv names only 1\.\.3",
        r"^os is published at:\n  http://labelmaterial",
        r"^pascal is published at:\n(  http.*\n){3}",
        r"is not ready for training\.\Z",
    ]:
        assert re.search(expected, text, re.MULTILINE), expected


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("keep", [0.05, 0.3, 0.7, 0.99, 1])
@pytest.mark.parametrize("shape", [(480, 640), (640, 480)])
def test_check_tells_of_a_photograph_what_reading_it_tells(root, progressive, keep, shape):
    path = root / "opensurfaces/photos/907.jpg"
    Image.fromarray(data.coffee()[:480, :600]).resize((640, 480)).save(path, progressive=progressive)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * keep)])
    picture(root / "opensurfaces/photos-labels/907.png", np.zeros((*shape, 3)))
    records(root / JOINT / "broden_os_val.json", [record("os", 0, shape)])
    told = []
    try:
        BrodenPlus(root, "val", tasks=("material",))[0]
    except BrodenError as error:
        told.append(str(error))
    result = check(root, workers=1, tasks=("material",), progress=False)
    assert [row["message"] for row in result.rows] == told
    assert (told == []) == (keep == 1 and shape == (480, 640))


def test_a_part_counts_on_its_own_object(root):
    path = root / JOINT / "object_part_hierarchy.csv"
    path.write_text(path.read_text() + "4,sky,0;1,-;wheel\n")
    assert check(root, workers=1, progress=False).absent["part"] == ["person: head", "sky: wheel"]


def test_the_report_lists_every_problem_with_its_file(root, monkeypatch):
    import dgmlib.broden.check as module

    monkeypatch.setattr(module, "SHOWN", 1)
    images = sorted((root / "dtd/dtd-r1.0.1/images").rglob("*.jpg"))
    for path in images:
        path.unlink()
    (root / "meta_file/opensurfaces/photos.csv").unlink()
    result = check(root, workers=1, progress=False, report=root / "new" / "report.csv")
    assert "  and 3 more; --report FILE lists all of them" in str(result)
    rows = pd.read_csv(root / "new" / "report.csv", keep_default_na=False, dtype=str)
    assert list(rows) == ["source", "record", "file", "problem", "message"]
    assert rows["source"].tolist() == ["os", *["dtd"] * 4]
    assert rows["record"].tolist() == ["", "0", "1", "2", "3"]
    assert rows["file"].tolist() == ["", *map(str, images)]
    assert rows["message"].str.contains(r"does not exist; restore|rebuild").all()


def test_many_photographs_of_other_sizes_hint_at_the_order_of_photos_csv(root):
    path = root / "opensurfaces/photos/15.jpg"
    photo(path, (600, 840), 0)
    assert "15.jpg has 600 x 840" in str(check(root, workers=1, progress=False))
    assert "photos.csv, whose rows the records count, is perhaps" in str(check(root, workers=1, progress=False))
    records(root / JOINT / "broden_os_train.json", [record("os", 1, (512, 717))])
    text = str(check(root, workers=1, progress=False))
    assert "run `dgmlib broden prepare" in text  # not resized yet: nothing is wrong with the order
    assert "perhaps" not in text


def test_check_goes_on_after_a_source_that_cannot_be_opened(root):
    (root / "meta_file/opensurfaces/photos.csv").unlink()
    (root / "pascal/part/Annotations_Part/2008_000002.mat").unlink()
    result = check(root, workers=1, progress=False)
    assert result.problems == {("os", "missing"): 2, ("pascal", "bad list"): 2}
    assert "holds 1 .mat files where the lists count 2" in str(result)
    assert result.records["ade20k"] == 3


def test_check_finds_an_image_in_both_splits(root):
    records(root / JOINT / "broden_os_val.json", [record("os", 1, OS_SHAPE)])
    result = check(root, workers=1, progress=False)
    assert result.problems == {("os", "bad list"): 2}
    assert f"in {root / 'meta_file'} share file_index 1" in str(result)


def test_check_without_metadata(tmp_path):
    result = check(tmp_path, workers=1, progress=False)
    assert not result.ok
    assert "meta_file does not exist; copy it from meta_file" in str(result)
    assert "pictures of your own, add names.txt there" in str(result)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*brodn; check the path"):
        check(tmp_path / "brodn", workers=1, progress=False)


def test_a_sample_is_spread_over_every_source(root):
    result = check(root, sample=2, workers=1, progress=False)
    assert result.records == {"ade20k": 2, "pascal": 2, "os": 2, "dtd": 2}
    assert "in the sample" in str(result)
    with pytest.raises(ValueError, match="sample must be at least 1, not 0"):
        check(root, sample=0)


def test_the_command_line_checks_and_prepares_what_the_tasks_need(root, capsys):
    (root / "meta_file/opensurfaces/photos.csv").unlink()
    assert cli.TASKS == TASKS
    for command, printed in (("check", "Training may start."), ("prepare", "5 prepared, 0 ready before, 0 failed")):
        with pytest.raises(SystemExit) as exit_:
            cli.main(["broden", command, str(root), "--workers", "1", "--tasks", "object", "texture"])
        assert exit_.value.code == 0
        assert printed in capsys.readouterr().out
    with pytest.raises(SystemExit) as exit_:
        cli.main(["broden", "check", str(root), "--workers", "1", "--report", str(root / "report.csv")])
    assert exit_.value.code == 1
    assert "photos.csv does not exist" in (root / "report.csv").read_text()
    for command in (cli.check_broden, cli.prepare_broden):
        assert inspect.signature(command).parameters["workers"].default == -1  # as in the functions


def test_an_odd_record_ends_neither_check_nor_prepare(root, monkeypatch):
    monkeypatch.setattr(Pascal, "merge_parts", lambda *_: 1 / 0)
    told = re.compile(r"pascal entry 0 cannot be processed \(ZeroDivisionError.*\); restore its files\.")
    result = prepare(root, workers=1, progress=False)
    assert (result.made, len(result.failures)) == (5, 2)
    assert told.search(str(result))
    result = check(root, workers=1, progress=False)
    assert result.problems == {("pascal", "unreadable"): 2}
    assert told.search(str(result))
