"""The one reader of pictures: files, PIL pictures and arrays -> (H, W, 3) uint8 RGB, upright as viewers show them."""

import io
import os
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import ExifTags, Image, UnidentifiedImageError

#: ImageNet's, of RGB in [0, 1]: networks read (image - MEAN) / STD.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: Suffixes that `find_pictures` accepts, in upper or lower case.
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

#: What Pillow raises for a damaged file.
DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

#: Types that `read_picture` accepts.
Picture = str | os.PathLike | BinaryIO | Image.Image | ArrayLike

# Not ImageOps.exif_transpose: it rewrites the other tags, and fails on broken ones.
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
    """Read a picture from a file or from memory, as (H, W, 3) uint8 RGB.

    Args:
        picture: a path or an open file, of any format that Pillow reads (its first frame); a PIL picture of any mode;
            or an array, see `to_rgb`. Files and PIL pictures are turned upright by their EXIF orientation tag.

    Raises:
        FileNotFoundError: if the path does not exist.
        ValueError: if it cannot be read; the message names the file, if any, and the problem.
    """
    path, ready = isinstance(picture, str | os.PathLike), isinstance(picture, Image.Image)
    if not (path or ready or hasattr(picture, "read")):
        return to_rgb(picture)
    name = picture if path else getattr(picture, "filename" if ready else "name", "") or "the picture"
    try:
        with nullcontext(picture) if ready else Image.open(picture) as image:
            image.load()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no picture {name}; check the path.") from error
    except IsADirectoryError as error:
        raise ValueError(f"{name} is a folder; name a picture in it.") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is no picture that Pillow can read; convert it to PNG or JPEG.") from error
    except Exception as error:  # broken bytes raise almost any exception
        raise ValueError(f"{name} cannot be decoded ({brief(error)}); restore the file.") from error
    try:
        return to_rgb(upright(image))
    except ValueError as error:
        raise ValueError(f"{name} cannot be used. {error}") from error


def to_rgb(picture: Image.Image | ArrayLike) -> np.ndarray:
    """Convert a picture in memory to (H, W, 3) uint8 RGB, without turning it.

    Grey is replicated. Transparent pixels are composited on white. Of 16 bits, the upper 8 are kept, as Pillow does
    with colour files of that depth; floats are rounded.

    Args:
        picture: a PIL picture of any mode; or an array (H, W), or (H, W, C) with C = 1 grey, 2 grey and alpha, 3 RGB or
            4 RGBA, of bools, floats in [0, 1], or unsigned integers over their full range; of more than 16 bits, over
            that of the narrowest type that holds all values.

    Raises:
        ValueError: if an array is empty or has a wrong shape or type, or if values are not finite or out of range.
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
        if pixels.dtype.itemsize > 2:  # 32 bits often hold 8 or 16, and would be black
            pixels = pixels.astype(np.min_scalar_type(pixels.max()))
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
    return np.array(np.broadcast_to(colours, (*pixels.shape[:2], 3)))  # a copy, whose memory torch may share


def _plain(image: Image.Image) -> Image.Image | np.ndarray:
    """Convert any of Pillow's modes to one whose array `to_rgb` takes."""
    if image.mode == "I":  # 32 bits, which may hold 16 or 8
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"The image spans {values.min()} to {values.max()}; store it with 8 or 16 bits.")
        return values.astype(np.min_scalar_type(values.max()))
    if image.mode == "F" or image.mode.startswith("I;"):
        return image
    if image.mode == "La":  # premultiplied; Pillow converts it only to LA
        image = image.convert("LA")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8; 1 (upright) if the tag is missing or the tags are broken."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken tags raise almost any exception, and viewers ignore them
        return 1
    return value if value in _TURNS else 1


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture upright by its EXIF orientation tag."""
    image.load()  # for a TIFF, Pillow turns the pixels itself and removes the tag
    turn = _TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def brief(error: Exception) -> str:
    """Return the first line of another library's message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def find_pictures(folder: str | os.PathLike, outside: str | os.PathLike | None = None) -> list[Path]:
    """List the pictures in a folder and its sub-folders by their `SUFFIXES`, sorted, without hidden files and folders.

    Pictures in the folder ``outside`` are left out: an earlier run may have written results there.
    """
    besides = Path(outside).resolve() if outside else None
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
        and not (besides and path.resolve().is_relative_to(besides))
    )


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    """Encode a picture as the content of a file of that kind, with Pillow's options."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()
