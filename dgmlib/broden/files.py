"""Reading single files of Broden+, with errors that name the file and the remedy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.io
from PIL import Image


class BrodenError(ValueError):
    """Something is wrong with the data on disk; the message names the file and what to do about it."""


def require(path: str | Path, remedy: str) -> Path:
    """Return ``path`` as a Path; raise BrodenError with ``remedy`` where no such file stands."""
    path = Path(path)
    if not path.is_file():
        raise BrodenError(f"{path} does not exist; {remedy}.")
    return path


def inside(root: str | Path, relative: str) -> Path:
    """Join ``relative`` to ``root``; raise BrodenError where it would leave that folder."""
    path = Path(root) / relative
    if ".." in Path(relative).parts or Path(relative).is_absolute():
        raise BrodenError(f"{relative!r} leaves the data folder {root}; correct the list that names it.")
    return path


def read_csv(path: str | Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Read a metadata table as text and check that it has ``columns``."""
    path = require(path, "copy it from unifiedparsing's meta_file folder")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise BrodenError(f"{path} is not a readable csv table ({error}); copy it again.") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise BrodenError(f"{path} lacks the column {missing[0]!r}; its header must be {','.join(columns)}.")
    return table


def read_lines(path: str | Path) -> list[str]:
    """Read the lines of a text list, without blank ones."""
    path = require(path, "copy it from unifiedparsing's meta_file folder")
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def read_json_lines(path: str | Path) -> list[dict]:
    """Read one JSON object per line."""
    records = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise BrodenError(
                f"{path}, line {number}, is not a JSON object ({error}); copy it again."
            ) from error
    return records


def read_mat(path: str | Path, variable: str, remedy: str) -> Any:
    """Read one variable of a MATLAB file (structs come as nested record arrays, squeezed)."""
    path = require(path, remedy)
    try:
        content = scipy.io.loadmat(path, squeeze_me=True)
    except (ValueError, TypeError, OSError, NotImplementedError, scipy.io.matlab.MatReadError) as error:
        raise BrodenError(f"{path} is not a readable .mat file ({error}); {remedy}.") from error
    if variable not in content:
        raise BrodenError(f"{path} has no variable {variable!r}; {remedy}.")
    return content[variable]


def read_photo(path: str | Path, remedy: str) -> np.ndarray:
    """Decode a photograph to (H, W, 3) uint8 RGB."""
    with _open(path, remedy) as image:
        return np.asarray(image.convert("RGB"))


def read_label_rgb(path: str | Path, remedy: str) -> np.ndarray:
    """Decode a label map that is stored in the channels of an RGB image, as (H, W, 3) uint8."""
    with _open(path, remedy) as image:
        if image.mode not in ("RGB", "RGBA"):
            raise BrodenError(
                f"{path} is a {image.mode} image, not 8-bit RGB, so its label codes are lost; {remedy}."
            )
        return np.asarray(image)[..., :3]


def read_label_gray(path: str | Path, remedy: str) -> np.ndarray:
    """Decode a label map of one value per pixel (gray or palette), as (H, W) int64."""
    with _open(path, remedy) as image:
        if image.mode not in ("L", "P", "I;16", "I", "1"):
            raise BrodenError(f"{path} is a {image.mode} image, not one label per pixel; {remedy}.")
        return np.asarray(image).astype(np.int64)


def _open(path: str | Path, remedy: str) -> Image.Image:
    """Open and decode an image file completely."""
    path = require(path, remedy)
    try:
        image = Image.open(path)
        image.load()  # decodes now, so that a truncated file is told here
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BrodenError(f"{path} cannot be decoded ({error}); {remedy}.") from error
    return image
