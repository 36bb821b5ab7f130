"""The one reader of pictures: whatever holds a picture -> (H, W, 3) uint8 RGB, held upright as viewers show it."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import ExifTags, Image, UnidentifiedImageError

#: ImageNet's, of RGB in [0, 1]: what networks are fed is less the one, over the other.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: What `find_pictures` takes for a picture, in any case of letters.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

#: What `read_picture` reads.
Picture = str | os.PathLike | Image.Image | ArrayLike

# Not ImageOps.exif_transpose: it writes the other tags anew, and fails on broken ones.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(picture: Picture) -> np.ndarray:
    """Read a picture from wherever it is, as (H, W, 3) uint8 RGB.

    Args:
        picture: a path to any format that Pillow reads (its first frame); a PIL picture of any mode; or an array, see
            `to_rgb`. Files and PIL pictures are turned upright by their EXIF orientation tag.

    Raises:
        FileNotFoundError: for a path where nothing is.
        ValueError: for what cannot be read; the message names the file, if it is one, and what is wrong.
    """
    if isinstance(picture, Image.Image):
        return to_rgb(upright(picture))
    if not isinstance(picture, str | os.PathLike):
        return to_rgb(picture)
    try:
        with Image.open(picture) as image:
            image.load()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no picture {picture}; check the path.") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{picture} is no picture that Pillow can read; convert it to PNG or JPEG.") from error
    except Exception as error:  # broken bytes surface as almost any exception
        raise ValueError(f"{picture} cannot be decoded ({brief(error)}); restore the file.") from error
    try:
        return to_rgb(upright(image))
    except ValueError as error:
        raise ValueError(f"{picture} cannot be used. {error}") from error


def to_rgb(picture: Image.Image | ArrayLike) -> np.ndarray:
    """Convert a picture in memory, as it is held, to (H, W, 3) uint8 RGB.

    Grey is replicated. Where alpha is below its maximum, the picture lies on white. Of 16 bits the upper 8 are kept, as
    Pillow does with colour files of that depth; floats are rounded.

    Args:
        picture: a PIL picture of any mode; or an array (H, W), or (H, W, C) with C = 1 grey, 2 grey and alpha, 3 RGB or
            4 RGBA, of bools, unsigned integers over their full range, or floats in [0, 1].

    Raises:
        ValueError: for an empty, wrongly shaped or typed array, and for values that are not finite or out of range.
    """
    pixels = np.asarray(_plain(picture) if isinstance(picture, Image.Image) else picture)
    if pixels.ndim not in (2, 3) or pixels.size == 0 or (pixels.ndim == 3 and pixels.shape[2] > 4):
        raise ValueError(f"The image has shape {pixels.shape}; pass (H, W) or (H, W, C) with 1 to 4 channels.")
    if np.issubdtype(pixels.dtype, np.floating):
        low, high = pixels.min(), pixels.max()
        if not np.isfinite(low + high):
            raise ValueError("The image holds NaN or infinite values; replace them, with numpy.nan_to_num for example.")
        if low < -1e-3 or high > 1 + 1e-3:  # interpolation overshoots by a little, a wrong scale by a lot
            raise ValueError(f"The float image spans {low:.4g} to {high:.4g}; scale it to [0, 1] or pass uint8.")
        pixels = np.rint(255 * pixels.astype(float).clip(0, 1))
    elif np.issubdtype(pixels.dtype, np.unsignedinteger):
        pixels = pixels >> 8 * (pixels.dtype.itemsize - 1)
    elif pixels.dtype == bool:
        pixels = 255 * pixels
    else:
        raise ValueError(f"The image has dtype {pixels.dtype}; pass unsigned integers or floats in [0, 1].")
    pixels = pixels.astype(np.uint8).reshape(*pixels.shape[:2], -1)  # (H, W, C)
    colours, alpha = (pixels, None) if pixels.shape[2] % 2 else (pixels[..., :-1], pixels[..., -1:])
    if alpha is not None and alpha.min() < 255:
        share = alpha.astype(np.uint16)  # 255 * 255 + 127 fits
        colours = ((colours * share + 255 * (255 - share) + 127) // 255).astype(np.uint8)
    return np.array(np.broadcast_to(colours, (*pixels.shape[:2], 3)))  # a copy, which torch may share


def _plain(image: Image.Image) -> Image.Image | np.ndarray:
    """Bring any of Pillow's modes to one whose array `to_rgb` takes."""
    if image.mode == "I":  # 32 bits, in which Pillow may hold 16
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"The image spans {values.min()} to {values.max()}; store it with 8 or 16 bits.")
        return values.astype(np.uint16)
    if image.mode == "F" or image.mode.startswith("I;"):
        return image
    if image.mode == "La":  # premultiplied; Pillow converts it to LA alone
        image = image.convert("LA")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def orientation(image: Image.Image) -> int:
    """Read how a camera was turned, 1 to 8; 1 (upright) where no tag says so or the tags are broken."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken tags surface as almost any exception, and viewers pass over them
        return 1
    return value if value in _TURNS else 1


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation tag asks."""
    image.load()  # of a TIFF, Pillow turns the pixels itself, and takes the tag away
    turn = _TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def brief(error: Exception) -> str:
    """Give the first line of another library's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def find_pictures(folder: str | os.PathLike, outside: str | os.PathLike | None = None) -> list[Path]:
    """List the pictures in a folder and its sub-folders by their `SUFFIXES`, sorted, without hidden files.

    Those in the folder ``outside`` are left out too: results of a first run may have gone there.
    """
    besides = Path(outside).resolve() if outside else None
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
        and not (besides and path.resolve().is_relative_to(besides))
    )
