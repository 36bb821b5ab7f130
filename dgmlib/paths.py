"""The project's folders, defined only here, and atomic writing: whole files or none."""

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import psutil

_CHECKOUT = Path(__file__).resolve().parents[1]

#: The checkout, or the current folder if dgmlib was installed without its notebooks.
ROOT = _CHECKOUT if (_CHECKOUT / "notebooks").is_dir() else Path.cwd()
DATA = ROOT / "data"
RUNS = ROOT / "runs"
RESULTS = ROOT / "results"
#: Results of a reproduction, which git ignores.
YOURS = RESULTS / "yours"
FIGURES = ROOT / "figures"
NOTEBOOKS = ROOT / "notebooks"
#: The models included with dgmlib; a wheel has them inside the package.
MODELS = RESULTS / "checkpoints" if ROOT == _CHECKOUT else Path(__file__).parent / "shipped"

ABANDONED = 86_400  # seconds after which a temporary file of another machine counts as abandoned
_UNWRITABLE = (
    "ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG"
)  # fmt: skip


class UnwritableError(OSError):
    """A file or folder cannot be written: the disk is full or read-only, or permission is missing."""


@contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Turn the system's write errors into an `UnwritableError` of one sentence that names ``path``."""
    try:
        yield
    except OSError as error:
        if errno.errorcode.get(error.errno) not in _UNWRITABLE:
            raise
        told = UnwritableError(
            f"{path} cannot be written ({error.strerror}); make room or get permission there, or choose another place, "
            "and run the same command again."
        )
        told.strerror = error.strerror
        raise told from error


@contextmanager
def write_atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and move it there when the block ends without an error.

    A reader of ``path`` sees the old file or the whole new one, never half of it. Missing folders are created.

    Raises:
        UnwritableError: if it cannot be written.
    """
    path = Path(path)
    with writing(path), _beside(path) as temporary:
        # Created by `open`, not by `tempfile`, it has the umask's mode, which a library that replaces it may not keep.
        temporary.open("x").close()
        mode = temporary.stat().st_mode
        yield temporary
        with suppress(PermissionError):  # a network share without modes
            temporary.chmod(mode)
        os.replace(temporary, path)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``, from which its complete content can be moved there.

    Raises:
        UnwritableError: if it cannot be created or filled.
    """
    with writing(path), _beside(path) as temporary:
        temporary.mkdir()
        yield temporary


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Yield an unused name beside ``path``; remove what is there in the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent.absolute())
    stem = f".{path.stem[:50]}"  # file systems limit names to 255 bytes
    # The suffix is kept, because libraries choose the file format by it.
    temporary = path.with_name(f"{stem}-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
    finally:
        _remove(temporary)


@cache  # once for each folder, since it may hold thousands of files
def _sweep(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes left in a folder."""
    for left in folder.glob(".*"):
        if _is_nobodys(left):
            _remove(left)


def _is_nobodys(left: Path) -> bool:
    """Whether the process that made a temporary file has ended; for other machines' processes, age decides."""
    made = re.fullmatch(r"\..*-([0-9a-f]{6})-(\d+)-[0-9a-f]{8}(\.[^.]*)?", left.name)
    if made is None:  # a file of the user
        return False
    if made[1] == _machine():
        return not psutil.pid_exists(int(made[2]))
    with suppress(FileNotFoundError):
        return time.time() - left.stat().st_mtime > ABANDONED
    return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@cache
def _machine() -> str:
    """Identify this machine since its last boot and, in a container, its process namespace."""
    facts = platform.node()
    with suppress(OSError):  # not Linux
        facts += Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    return hashlib.blake2b(facts.encode(), digest_size=3).hexdigest()
