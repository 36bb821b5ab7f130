"""The one module that knows folders, and how to write in them: whole files or none."""

import errno
import hashlib
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from glob import escape
from pathlib import Path

import psutil

_CHECKOUT = Path(__file__).resolve().parents[1]

#: The checkout, or the current folder where dgmlib was installed without its notebooks.
ROOT = _CHECKOUT if (_CHECKOUT / "notebooks").is_dir() else Path.cwd()
DATA = ROOT / "data"
RUNS = ROOT / "runs"
RESULTS = ROOT / "results"
#: What a reproduction makes, which git does not see.
YOURS = RESULTS / "yours"
FIGURES = ROOT / "figures"
NOTEBOOKS = ROOT / "notebooks"
#: The models that come with dgmlib; a wheel carries them inside the package.
MODELS = RESULTS / "checkpoints" if ROOT == _CHECKOUT else Path(__file__).parent / "shipped"

ABANDONED = 86_400  # seconds after which a temporary file of another machine is nobody's
_UNWRITABLE = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENOTDIR", "EEXIST", "ENAMETOOLONG")


class UnwritableError(OSError):
    """A file or folder cannot be written: the disk is full, read-only or somebody else's."""


@contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Raise an `UnwritableError` of one sentence that names ``path`` where the system has an error of its own."""
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
    """Give a temporary path beside ``path`` and move it there when the block ends without an error.

    A reader of ``path`` sees the old file or the whole new one, never half of it. Missing folders are made.

    Raises:
        UnwritableError: if it cannot be written.
    """
    path = Path(path)
    with writing(path), _beside(path) as temporary:
        # Opened, not made by `tempfile`, it has the mode that the umask says; a library that replaces it may not know.
        temporary.open("x").close()
        mode = temporary.stat().st_mode
        yield temporary
        with suppress(PermissionError):  # a share that knows no modes
            temporary.chmod(mode)
        os.replace(temporary, path)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path``, from which its content can be moved there whole.

    Raises:
        UnwritableError: if it cannot be made or filled.
    """
    with writing(path), _beside(path) as temporary:
        temporary.mkdir()
        yield temporary


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a free name beside ``path`` and remove what stands there in the end, or what a killed process left so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = f".{path.stem[:50]}-"  # file systems hold names of 255 bytes
    for left in path.parent.glob(f"{escape(stem)}*{escape(path.suffix)}"):
        if _is_nobodys(left, stem):
            _remove(left)
    # The suffix is kept, because libraries choose the file format by it.
    temporary = path.with_name(f"{stem}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
    finally:
        _remove(temporary)


def _is_nobodys(left: Path, stem: str) -> bool:
    """Whether the process that made a temporary file has ended; for other machines' processes, age has to tell."""
    machine, _, process = left.name.removeprefix(stem).partition("-")
    process = process.partition("-")[0]
    if machine == _machine() and process.isdecimal():
        return not psutil.pid_exists(int(process))
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
    """Stand for this machine since it started and, in a container, for its own numbering of processes."""
    facts = platform.node()
    with suppress(OSError):  # no Linux
        facts += Path("/proc/sys/kernel/random/boot_id").read_text() + os.readlink("/proc/self/ns/pid")
    return hashlib.blake2b(facts.encode(), digest_size=3).hexdigest()
