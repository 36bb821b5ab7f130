"""Pictures held upright, as viewers show them."""

from PIL import ExifTags, Image

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


def orientation(image: Image.Image) -> int:
    """Read how a camera was turned, 1 to 8; 1 (upright) where no tag says so or the tags are broken."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken tags surface as almost any exception, and viewers pass over them
        return 1
    return value if value in _TURNS else 1


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation tag asks."""
    turn = _TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)
