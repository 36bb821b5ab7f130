"""Reading single files of a data set, with errors that name the file and the remedy, and writing label maps."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from dgmlib.matlab import load_matlab
from dgmlib.paths import write_atomic
from dgmlib.pictures import DAMAGED, brief, orientation, to_rgb, upright

META = "copy it from meta_file in https://github.com/CSAILVision/unifiedparsing"
MAX_LABEL = 2**16 - 1  # label maps hold 16 bits


class BrodenError(ValueError):
    """Something is wrong with the data on disk; the message names the file and the remedy."""

    problem = "bad list"  # the column of `dgmlib broden check` that counts it


class MissingFileError(BrodenError):
    """A file that a list promises does not exist."""

    problem = "missing"


class UnreadableFileError(BrodenError):
    """A file exists but cannot be decoded."""

    problem = "unreadable"


class WrongSizeError(BrodenError):
    """An image or label map differs in size from its record or its image."""

    problem = "wrong size"


class NotResizedError(WrongSizeError):
    """An image or label map still has its published size; `dgmlib broden prepare` brings it to its record's."""


class LabelRangeError(BrodenError):
    """A label map holds labels that are not in the vocabulary."""

    problem = "out of range"


def require(path: str | Path, remedy: str) -> Path:
    """Return ``path`` as a Path; raise MissingFileError with ``remedy`` if there is no such file."""
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist; {remedy}.")
    return path


def read_csv(
    path: str | Path, columns: tuple[str, ...], labels: tuple[str, ...] = (), remedy: str = META
) -> pd.DataFrame:
    """Read a metadata table, which must have ``columns``, as text; the columns in ``labels`` as whole numbers."""
    path = require(path, remedy)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} is not a readable csv table ({brief(error)}); copy it again.") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise BrodenError(f"{path} lacks the column {missing[0]!r}; its header must be {','.join(columns)}.")
    for column in labels:
        table[column] = np.array(whole_numbers(table[column], path), dtype=np.int64)
    return table


def whole_numbers(texts: Iterable[str], path: str | Path) -> list[int]:
    """Parse labels from the metadata file ``path``."""
    numbers = []
    for text in texts:
        try:
            numbers.append(int(text))
        except ValueError as error:
            raise BrodenError(f"{path} has {text!r} where a whole number is expected; copy it again.") from error
        if numbers[-1] > MAX_LABEL:
            raise LabelRangeError(
                f"{path} has the label {text}, but label maps hold {MAX_LABEL} at most; copy it again."
            )
    return numbers


def largest_label(texts: Iterable[str], path: str | Path) -> int:
    """Find the largest label in the metadata file ``path``."""
    numbers = whole_numbers(texts, path)
    if not numbers:
        raise BrodenError(f"{path} names no label; copy it again.")
    return max(numbers)


def read_lines(path: str | Path) -> list[str]:
    """Read the lines of a text list, without blank ones."""
    lines = require(path, META).read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_mat(path: str | Path, variable: str, remedy: str) -> Any:
    """Read one variable of a MATLAB file; structs become dicts, arrays of structs become lists of dicts."""
    path = require(path, remedy)
    try:
        content = load_matlab(path, simplify_cells=True, variable_names=[variable])
    # SciPy does not validate the stream it decodes: broken bytes surface as almost any exception.
    except Exception as error:
        raise UnreadableFileError(f"{path} is not a readable .mat file ({brief(error)}); {remedy}.") from error
    if variable not in content:
        raise UnreadableFileError(f"{path} has no variable {variable!r}; {remedy}.")
    return content[variable]


def image_shape(path: str | Path, remedy: str, shape: tuple[int, int] | None = None) -> tuple[int, int]:
    """Read the height and width of an image, as `read_photo` returns it, from its header."""
    with _opened(path, remedy) as image:
        stored = image.height, image.width
        lying = orientation(image) in (5, 6, 7, 8)  # height and width are swapped
    return stored[::-1] if lying and stored != shape else stored


def read_photo(path: str | Path, remedy: str, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Decode a photograph to upright (H, W, 3) uint8 RGB, as `dgmlib.pictures.to_rgb` does.

    A rotated camera is recorded in the EXIF orientation tag. Viewers, annotation tools and OpenCV, with which Broden+
    was made, turn such a picture upright. So do we, unless only the picture as stored fits ``shape``, the height and
    width of its labels.
    """
    with _opened(path, remedy) as stored:
        turned = upright(stored)
        return to_rgb(stored if stored.size[::-1] == shape != turned.size[::-1] else turned)


def read_label_rgb(path: str | Path, remedy: str) -> np.ndarray:
    """Decode a label map encoded in the channels of an 8-bit RGB image, to (H, W, 3) uint8."""
    with _opened(path, remedy) as image:
        if any(";16" in str(tile[3]) for tile in image.tile):
            raise ValueError("16 bits per channel where 8 are expected")  # Pillow would keep half of each
        image.load()
    if image.mode != "RGB":
        raise UnreadableFileError(
            f"{path} is a picture of mode {image.mode}, not 8-bit RGB, so its label codes are lost; {remedy}."
        )
    return np.asarray(image)


def read_label_gray(path: str | Path, remedy: str) -> np.ndarray:
    """Decode a label map of one value per pixel (gray, palette index or bit), to (H, W) int64."""
    with _opened(path, remedy) as image:
        layout = image.tile[0][3] if image.tile else ""
        raw_mode = layout if isinstance(layout, str) or not layout else layout[0]
        image.load()
    if image.mode not in ("1", "L", "P", "I", "I;16"):
        raise UnreadableFileError(f"{path} is a picture of mode {image.mode}, not one label per pixel; {remedy}.")
    # Pillow spreads grey values of 2 and 4 bits over 0 to 255.
    return np.asarray(image).astype(np.int64) // {"L;2": 85, "L;4": 17}.get(raw_mode, 1)


def write_maps(path: Path, maps: dict[str, np.ndarray]) -> None:
    """Write up to two 16-bit label maps, (H, W) each, into the four channels of one PNG."""
    first, *second = maps.values()
    pair = np.stack([first, second[0] if second else np.zeros_like(first)], axis=-1).astype("<u2")
    with write_atomic(path) as temporary:
        Image.fromarray(pair.view(np.uint8)).save(temporary)  # (H, W, 4)


def read_maps(path: Path, tasks: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read label maps back, (H, W) int64 each, named in the order they were written."""
    with _opened(path, "delete it and run `dgmlib broden prepare` again") as image:
        pair = np.array(image).view("<u2")
    return {task: pair[..., number].astype(np.int64) for number, task in enumerate(tasks)}


@contextmanager
def _opened(path: str | Path, remedy: str) -> Iterator[Image.Image]:
    """Open an image; errors in decoding it while it is open are raised as UnreadableFileError."""
    path = require(path, remedy)
    try:
        with Image.open(path) as image:
            yield image
    except DAMAGED as error:
        raise UnreadableFileError(f"{path} cannot be decoded ({brief(error)}); {remedy}.") from error
