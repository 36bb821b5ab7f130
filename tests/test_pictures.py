"""The one reader of pictures: every format, mode and number type, and what it says where it cannot read."""

import io

import numpy as np
import pytest
from broden_tree import deep_picture, turned
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from dgmlib.pictures import SUFFIXES, find_pictures, read_picture, to_rgb

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
GREY = PIXELS[..., 0]
BYTES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(4)))


def check(picture, expected):
    result = read_picture(picture)
    assert result.dtype == np.uint8
    assert result.flags.writeable
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("suffix", [*SUFFIXES, *map(str.upper, SUFFIXES), ".gif", ".unheard"])
def test_files_of_every_format_are_what_pillow_makes_of_them(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    kind = Image.registered_extensions().get(suffix.lower(), "PNG")
    Image.fromarray(PIXELS).save(path, kind)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
        check(image, expected)
    check(path, expected)
    check(str(path), expected)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"])
def test_modes_without_alpha_are_converted_as_pillow_does(mode):
    """So no photograph that was read by ``convert("RGB")`` alone has changed."""
    image = Image.fromarray(PIXELS).convert("RGB" if mode == "RGBX" else mode)
    check(image.convert(mode), image.convert(mode).convert("RGB"))


@pytest.mark.parametrize("modes", [["LA"], ["LA", "La"], ["P", "PA"], ["RGBA"], ["RGBA", "RGBa"]])
def test_opaque_alpha_changes_nothing(modes):
    image = Image.fromarray(np.stack([GREY] * 3, 2))
    for mode in modes:
        image = image.convert(mode)
    check(image, image.convert("RGB") if "P" in modes else np.stack([GREY] * 3, 2))


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I;16N", "I"])
def test_sixteen_bits_of_grey(mode, tmp_path):
    kind = {"I;16B": ">u2", "I": "<i4"}.get(mode, "<u2")
    image = Image.frombytes(mode, GREY.shape[::-1], (GREY * np.array(257, kind)).astype(kind).tobytes())
    check(image, np.stack([GREY] * 3, 2))
    image.convert("I").save(tmp_path / "a.tif")
    check(tmp_path / "a.tif", np.stack([GREY] * 3, 2))
    if mode in ("I;16", "I;16B"):
        image.save(tmp_path / "a.png")
        check(tmp_path / "a.png", np.stack([GREY] * 3, 2))


def test_sixteen_bits_of_colour_are_the_same_as_a_file_and_as_an_array(tmp_path):
    deep = np.random.default_rng(1).integers(0, 65536, (8, 12, 3), dtype=np.uint16)
    deep_picture(tmp_path / "a.png", deep)
    check(tmp_path / "a.png", deep >> 8)
    check(deep, deep >> 8)


def test_floats_in_files(tmp_path):
    Image.fromarray((GREY / 255).astype(np.float32)).save(tmp_path / "a.tif")
    check(tmp_path / "a.tif", np.stack([GREY] * 3, 2))
    Image.fromarray(GREY.astype(np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(ValueError, match=r"b\.tif cannot be used\. The float image spans .* scale it to \[0, 1\]"):
        read_picture(tmp_path / "b.tif")
    Image.fromarray(np.full((3, 4), 70000, np.int32)).save(tmp_path / "c.tif")
    with pytest.raises(ValueError, match=r"c\.tif cannot be used\. The image spans 70000 to 70000"):
        read_picture(tmp_path / "c.tif")


@settings(deadline=None, max_examples=50)
@given(BYTES)
def test_what_is_transparent_lies_on_white(pixels):
    white = Image.new("RGBA", pixels.shape[1::-1], (255, 255, 255, 255))
    expected = np.asarray(Image.alpha_composite(white, Image.fromarray(pixels)).convert("RGB")).astype(int)
    for picture in (pixels, Image.fromarray(pixels)):
        assert np.abs(read_picture(picture) - expected).max() <= 1  # Pillow rounds alpha first
    colours, share = pixels[..., :3] / 255, pixels[..., 3:] / 255
    np.testing.assert_array_equal(to_rgb(pixels), np.floor(255 * (colours * share + 1 - share) + 0.5 + 1e-9))
    grey = pixels[..., [0, 3]]
    np.testing.assert_array_equal(to_rgb(grey), to_rgb(pixels[..., [0, 0, 0, 3]]))
    np.testing.assert_array_equal(read_picture(Image.fromarray(grey, "LA")), to_rgb(grey))


def test_a_transparent_colour_of_a_palette_lies_on_white(tmp_path):
    image = Image.fromarray(GREY // 128).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", transparency=0)
    check(tmp_path / "a.png", np.where((GREY < 128)[..., None], 255, [40, 50, 60]))


@settings(deadline=None, max_examples=50)
@given(BYTES, st.sampled_from(["<f2", "<f4", ">f4", "<f8", ">f8", "g", "<u2", ">u2", "<u4", "<u8"]), st.integers(0, 3))
def test_number_types_that_hold_the_same_picture_give_the_same_bytes(pixels, kind, channel):
    expected = to_rgb(pixels)
    kind = np.dtype(kind)
    if kind.kind == "f":
        same = (pixels / 255).astype(kind)
    else:
        same = (pixels.astype(np.uint64) * (int(np.iinfo(kind).max) // 255)).astype(kind)
    np.testing.assert_array_equal(to_rgb(same), expected)
    np.testing.assert_array_equal(to_rgb(same[..., channel]), pixels[..., [channel] * 3])
    np.testing.assert_array_equal(to_rgb(same[..., [channel]]), pixels[..., [channel] * 3])


def test_bools_are_black_and_white():
    mask = GREY > 128
    check(mask, np.stack([mask * 255] * 3, 2))
    check(Image.fromarray(mask), np.stack([mask * 255] * 3, 2))


def test_the_array_given_is_left_alone():
    result = read_picture(PIXELS)
    assert not np.shares_memory(result, PIXELS)
    check(PIXELS[::-1, ::2], PIXELS[::-1, ::2])


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_cameras_that_were_turned(tmp_path, turn, suffix):
    blocks = PIXELS[:2, :3].repeat(16, 0).repeat(16, 1)  # lossy formats keep them well enough
    path = tmp_path / f"a.{suffix}"
    turned(blocks, turn, path, quality=100)
    for picture in (path, Image.open(path)):
        result = read_picture(picture)
        assert result.shape == blocks.shape
        assert np.abs(result.astype(int) - blocks)[8::16, 8::16].max() < 40


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5)), "shape"),
        (np.zeros((5, 5, 5)), "1 to 4 channels"),
        (np.zeros((2, 5, 5, 3)), "shape"),
        (None, "shape"),
        (np.full((4, 4), np.nan), "NaN or infinite"),
        (np.full((4, 4), np.inf, np.float32), "NaN or infinite"),
        (np.full((4, 4), 255.0), r"scale it to \[0, 1\]"),
        (np.zeros((4, 4), np.int64), "dtype int64"),
        (np.zeros((4, 4), complex), "dtype complex128"),
    ],
)
def test_arrays_that_are_no_pictures(image, message):
    with pytest.raises(ValueError, match=message):
        read_picture(image)


def test_paths_that_are_no_pictures(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no picture \S+none\.jpg"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(ValueError, match="is a folder; name a picture in it"):
        read_picture(tmp_path)
    (tmp_path / "a.jpg").write_text("words")
    with pytest.raises(ValueError, match=r"a\.jpg is no picture that Pillow can read"):
        read_picture(tmp_path / "a.jpg")


def test_open_files_and_pictures_that_pillow_has_not_decoded_yet(tmp_path):
    Image.fromarray(PIXELS.repeat(40, 0).repeat(40, 1)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    with open(tmp_path / "a.png", "rb") as file, Image.open(tmp_path / "a.png") as lazy:
        for picture in (file, lazy, io.BytesIO(content)):
            np.testing.assert_array_equal(read_picture(picture), read_picture(tmp_path / "a.png"))
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    with open(tmp_path / "half.png", "rb") as file, Image.open(tmp_path / "half.png") as lazy:
        for picture, name in ((file, "half.png"), (lazy, "half.png"), (io.BytesIO(content[:99]), "the picture")):
            with pytest.raises(ValueError, match=f"{name} cannot be decoded .*; restore the file"):
                read_picture(picture)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"]), st.data())
def test_broken_files_are_named_in_one_sentence(tmp_path_factory, kind, draw):
    file = io.BytesIO()
    Image.fromarray(PIXELS.repeat(4, 0).repeat(4, 1)).save(file, kind)
    content = bytearray(file.getvalue())
    if draw.draw(st.booleans()):
        content = content[: draw.draw(st.integers(1, len(content) - 1))]
    else:
        for place in draw.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
            content[place] ^= draw.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("broken") / "a.png"
    path.write_bytes(content)
    try:
        told = None
        assert read_picture(path).dtype == np.uint8  # what is broken may not matter
    except ValueError as error:
        told = str(error)
    assert told is None or (str(path) in told and "\n" not in told)


def test_pictures_of_a_folder(tmp_path):
    for name in ("b.JPG", "a.png", "sub/c.Tiff", "maps/b.png", ".hidden.png", ".trash/d.png", "notes.txt", "._a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    names = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert names == ["a.png", "b.JPG", "maps/b.png", "sub/c.Tiff"]
    (tmp_path.parent / "link").symlink_to(tmp_path)
    without = [path.name for path in find_pictures(tmp_path, outside=tmp_path.parent / "link" / "maps")]
    assert without == ["a.png", "b.JPG", "c.Tiff"]


@pytest.mark.parametrize("kind", [np.uint32, np.uint64])
def test_32_bits_that_hold_8_or_16_are_not_black(kind):
    grey = np.array([[0, 7, 255]], np.uint8)
    expected = np.stack([grey] * 3, 2)
    for values in (grey, grey.astype(np.uint16) * 257):
        np.testing.assert_array_equal(to_rgb(values.astype(kind)), expected)
        np.testing.assert_array_equal(to_rgb(Image.fromarray(values.astype(np.int32))), expected)
