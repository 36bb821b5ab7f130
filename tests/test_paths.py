"""Writing: whole files or none, what killed processes left, disks that take no more."""

import errno
import os
import subprocess
import sys
import time

import pytest

from dgmlib import paths
from dgmlib.paths import UnwritableError, folder_beside, write_atomic


def test_write_atomic_leaves_the_old_file_when_the_writer_fails(tmp_path):
    target = tmp_path / "folder" / "table.csv"
    with write_atomic(target) as temporary:
        temporary.write_text("old")
        assert temporary.suffix == ".csv"
    with pytest.raises(RuntimeError, match="disk"), write_atomic(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("disk full")
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["table.csv"]


HALF_WRITTEN = """
import os, sys
from pathlib import Path
from dgmlib.paths import folder_beside, write_atomic
with write_atomic(Path(sys.argv[1]) / "a[1].json"), folder_beside(Path(sys.argv[1]) / "data") as folder:
    (folder / "tree").mkdir()
    print("half", flush=True)
    sys.stdin.readline()
"""


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path):
    command = [sys.executable, "-c", HALF_WRITTEN, tmp_path]

    def write():
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"half\n"
        write()
        assert len(list(tmp_path.glob(".*"))) == 2
        other.kill()
    write()
    assert [path.name for path in tmp_path.iterdir()] == ["a[1].json"]


def test_what_another_machine_left_is_removed_after_a_day(tmp_path):
    old, new, users = (tmp_path / f".a-{name}.json" for name in ("abcdef-1-00112233", "abcdef-1-44556677", "backup"))
    for path, age in ((old, 2 * 86_400), (new, 3600), (users, 2 * 86_400)):
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
    (tmp_path / ".a-mine").mkdir()
    os.utime(tmp_path / ".a-mine", (0, 0))
    with write_atomic(tmp_path / "a.json"), folder_beside(tmp_path / "a"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, users.name, ".a-mine", "a.json"]


def test_a_folder_that_is_filled_is_listed_once(tmp_path, monkeypatch):
    listed = []
    monkeypatch.setattr(type(tmp_path), "glob", lambda folder, pattern: listed.append(folder) or iter(()))
    for number in range(3):
        with write_atomic(tmp_path / f"{number}.json"):
            pass
    assert listed == [tmp_path]


def test_names_may_be_as_long_as_the_file_system_s(tmp_path):
    with write_atomic(tmp_path / f"{'é' * 125}.json"):
        pass
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EISDIR])
def test_what_cannot_be_written_is_told_in_a_sentence_that_names_the_file(tmp_path, number):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with (
        pytest.raises(UnwritableError, match=r"table\.csv cannot be written \(.*\); make room") as told,
        write_atomic(target),
    ):
        raise OSError(number, os.strerror(number), "/tmp/.table-1.csv")
    assert told.value.strerror == os.strerror(number)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_other_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError, match="other"), paths.writing(tmp_path):
        (tmp_path / "other").read_text()
