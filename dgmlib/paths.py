"""The one module that knows folders."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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

ABANDONED = 86_400  # seconds after which a temporary file is nobody's


@contextmanager
def write_atomic(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and move it there when the block ends without an error.

    A reader of ``path`` sees the old file or the whole new one, never half of it. Missing folders are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.stem}-*{path.suffix}"):  # by a process that was killed
        if time.time() - left.stat().st_mtime > ABANDONED:
            left.unlink(missing_ok=True)
    # The suffix is kept, because libraries choose the file format by it. Opened, not made by `tempfile`, the file has
    # the mode that the umask says; a library that replaces it has other ideas.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(6)}{path.suffix}")
    try:
        temporary.open("x").close()
        mode = temporary.stat().st_mode
        yield temporary
        with suppress(PermissionError):  # a share that knows no modes
            temporary.chmod(mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
