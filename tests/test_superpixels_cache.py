"""Superpixels on disk: computed once, never read stale or damaged, resumed after an interruption."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from skimage import data

from dgmlib import superpixels
from dgmlib.paths import UnwritableError
from dgmlib.pictures import read_picture
from dgmlib.superpixels import RegionMaps, cache, precompute


@pytest.fixture
def calls(monkeypatch):
    """Records the cap of every call of `segment`, and interrupts the call that "stop" counts down to."""
    log = {"caps": [], "stop": None}

    def segment(image, max_regions):
        if len(log["caps"]) == log["stop"]:
            raise KeyboardInterrupt
        log["caps"].append(max_regions)
        return superpixels.segment(image, max_regions)

    monkeypatch.setattr(cache, "segment", segment)
    return log


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)


# --- One map after another


def test_superpixels_are_computed_once(tmp_path, calls, image):
    regions = RegionMaps(tmp_path, 25)("ade20k/x", image)
    again = RegionMaps(tmp_path, 25)
    calls["caps"].clear()  # without the probes
    np.testing.assert_array_equal(again("ade20k/x", image), regions)
    assert calls["caps"] == []
    np.testing.assert_array_equal(regions, superpixels.segment(image, 25))
    assert regions.dtype == again("ade20k/x", image).dtype == again.read("ade20k/x", image).dtype == np.int32
    assert regions.max() == 24
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")] == [
        "superpixels-25/ade20k/x.png"
    ]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint16])
def test_a_map_of_ones_own_is_read_as_it_was_kept(tmp_path, calls, image, dtype):
    """Whatever its type: else another would be made in its place."""
    own = (np.arange(30)[:, None] // 6 * 4 + np.arange(40) // 10).astype(dtype)
    RegionMaps(tmp_path, 25).keep("x", image, own)
    maps = RegionMaps(tmp_path, 25)
    calls["caps"].clear()
    np.testing.assert_array_equal(maps("x", image), own)
    assert calls["caps"] == []


def test_a_changed_image_setting_or_method_never_reads_a_stale_map(tmp_path, calls, image, monkeypatch):
    RegionMaps(tmp_path, 25)("x", image)
    other = image.copy()
    other[0, 0, 0] ^= 1
    maps = RegionMaps(tmp_path, 25)
    calls["caps"].clear()
    maps("x", other)
    maps("x", np.ascontiguousarray(image.reshape(40, 30, 3)))  # the same bytes in another shape
    assert calls["caps"] == [25, 25]
    maps = RegionMaps(tmp_path, 26)
    calls["caps"].clear()
    maps("x", image)
    assert calls["caps"] == [26]
    monkeypatch.setattr(cache, "segment", lambda image, max_regions: np.zeros(image.shape[:2], np.int32))
    assert RegionMaps(tmp_path, 25).read("x", image) is None
    assert RegionMaps(tmp_path, 25)("x", image).max() == 0


def cut(path):
    path.write_bytes(path.read_bytes()[:-60])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    """Change one bit of the compressed pixels; Pillow decodes most of such files without a word."""
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 60] ^= 1
    path.write_bytes(content)


def another_image(path):
    maps = RegionMaps(path.parents[1], 25)
    maps("other", np.zeros((30, 40, 3), np.uint8))
    maps.path("other").replace(path)


def another_size(path):
    with Image.open(path) as map_:
        map_.resize((20, 15), Image.Resampling.NEAREST).save(path)


def no_map(path):
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(path)


def text(path):
    path.write_text("not a picture")


@pytest.mark.parametrize("damage", [cut, empty, flip, another_image, another_size, no_map, text])
def test_a_damaged_or_foreign_map_is_made_anew(tmp_path, image, damage):
    maps = RegionMaps(tmp_path, 25)
    expected = maps("x", image)
    damage(maps.path("x"))
    assert maps.read("x", image) is None
    np.testing.assert_array_equal(maps("x", image), expected)
    np.testing.assert_array_equal(maps.read("x", image), expected)


@pytest.mark.parametrize("key", ["../a", "street/../../a", "/a"])
def test_no_map_lies_outside_its_folder(tmp_path, image, key):
    with pytest.raises(ValueError, match="key must be a path within the folder, not"):
        RegionMaps(tmp_path / "maps")(key, image)
    assert not list(tmp_path.rglob("*.png"))


def test_superpixel_maps_are_written_whole(tmp_path, monkeypatch):
    maps = RegionMaps(tmp_path, 9)

    def crash(self, path, **options):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", crash)
    with pytest.raises(KeyboardInterrupt):
        maps("x", np.zeros((8, 8, 3), np.uint8))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- A folder of images


@pytest.fixture
def photos(tmp_path):
    """A folder of five images in several formats, one of them damaged."""
    photo = data.astronaut()[::8, ::8]
    root = tmp_path / "photos"
    (root / "street").mkdir(parents=True)
    Image.fromarray(photo).save(root / "a.png")
    Image.fromarray(photo).convert("P").save(root / "b.png")
    Image.fromarray(photo[..., 0].astype(np.uint16) * 257).save(root / "deep.png")
    Image.fromarray(photo).convert("CMYK").save(root / "street" / "a.jpg")
    Image.fromarray(photo).save(root / "cut.jpg")
    (root / "cut.jpg").write_bytes((root / "cut.jpg").read_bytes()[:700])
    (root / "notes.txt").write_text("not an image")
    return root


NAMES = ["a.png", "b.png", "deep.png", "street/a.jpg"]


def test_precompute_reads_everything_and_reports_the_damaged_image(photos, tmp_path):
    failed = precompute(photos, tmp_path / "maps", max_regions=50)
    assert list(failed) == ["cut.jpg"]
    maps = RegionMaps(tmp_path / "maps", 50)
    for name in NAMES:
        image = read_picture(photos / name)
        np.testing.assert_array_equal(maps.read(name, image), superpixels.segment(image, 50))
    assert maps.read("cut.jpg", image) is None


def test_precompute_in_two_processes_gives_the_same_files(photos, tmp_path):
    precompute(photos, tmp_path / "one", max_regions=50)
    precompute(photos, tmp_path / "two", max_regions=50, workers=2)
    files = [path for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 5
    for path in files:
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def run(photos, out, calls, **kwargs):
    """How many images a run of precompute segments; it takes one probe of the method."""
    calls["caps"].clear()
    precompute(photos, out, **kwargs)
    return len(calls["caps"]) - 1


def test_precompute_goes_on_after_an_interruption_and_never_keeps_stale_maps(photos, tmp_path, calls):
    out = tmp_path / "maps"
    (photos / "cut.jpg").unlink()
    calls["stop"] = 4  # the probe and three images
    with pytest.raises(KeyboardInterrupt):
        precompute(photos, out)
    calls["stop"] = None
    assert len(list(out.rglob("*.png"))) == 3
    assert run(photos, out, calls) == 1
    assert run(photos, out, calls) == 0
    assert not list(out.rglob(".*")), "temporary files stay behind"

    Image.fromarray(data.coffee()[::16, ::16]).save(photos / "b.png")  # another image under the same name
    assert RegionMaps(out).read("b.png", read_picture(photos / "b.png")) is None
    assert run(photos, out, calls) == 1
    assert run(photos, out, calls, max_regions=20) == 4  # another cap
    assert run(photos, out, calls) == 0, "maps of two caps stand side by side"

    maps = out / "superpixels-512"
    manifest = (maps / "manifest.jsonl").read_text()
    (maps / "manifest.jsonl").write_text(manifest[:-30])
    assert run(photos, out, calls) == 0
    assert (maps / "manifest.jsonl").read_text() == manifest

    (maps / "a.png.png").unlink()
    cut(maps / "b.png.png")
    assert run(photos, out, calls) == 2


def test_manifest_lines_are_plain_json(photos, tmp_path):
    precompute(photos, tmp_path / "maps", max_regions=9)
    text = (tmp_path / "maps" / "superpixels-9" / "manifest.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["image"] for row in rows] == NAMES
    assert all(set(row) == {"image", "pixels", "max_regions", "method"} for row in rows)
    assert {row["max_regions"] for row in rows} == {9}


def test_maps_below_the_photographs_are_no_photographs(photos, calls):
    (photos / "cut.jpg").unlink()
    assert run(photos, photos / "maps", calls, max_regions=9) == 4
    assert run(photos, photos / "maps", calls, max_regions=9) == 0
    assert run(photos, photos, calls, max_regions=9) == 4
    assert len(list(photos.rglob("*.png.png"))) == 2 * 3


def test_a_photograph_without_its_contour_map_is_reported_and_the_others_are_cut(photos, tmp_path):
    (photos / "cut.jpg").unlink()
    shape = np.asarray(read_picture(photos / "a.png")).shape[:2]
    (tmp_path / "maps" / "ucm2").mkdir(parents=True)
    savemat(tmp_path / "maps" / "ucm2" / "a.png.mat", {"ucm2": np.zeros([2 * side + 1 for side in shape])})
    failed = precompute(photos, tmp_path / "maps", max_regions=50)
    assert set(failed) == set(NAMES) - {"a.png"}
    assert all("ucm2" in reason for reason in failed.values())


def test_precompute_tells_what_it_cannot_do(tmp_path):
    with pytest.raises(ValueError, match="has no images"):
        precompute(tmp_path, tmp_path / "maps")
    with pytest.raises(ValueError, match="1 to 65535"):
        precompute(tmp_path, tmp_path / "maps", max_regions=70000)


def test_where_nothing_may_be_written_superpixels_are_computed_each_time(tmp_path, calls, image):
    (tmp_path / "data").write_text("")  # a file where a folder is needed stops root, too
    maps = RegionMaps(tmp_path / "data", 9)
    with pytest.warns(UserWarning, match=r"cannot be kept in .*data.superpixels-9 \(.*\) and are .* as cache="):
        first = maps("train/a", image)
    with pytest.warns(UserWarning, match="cannot be kept"):
        np.testing.assert_array_equal(maps("train/a", image), first)
    assert calls["caps"][1:] == [9, 9]  # after the probe of the method


def test_precompute_tells_at_once_where_it_cannot_write(photos, tmp_path, calls):
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "superpixels-9").write_text("")
    with pytest.raises(UnwritableError, match=r"maps.superpixels-9.* cannot be written \(.*\); make room"):
        precompute(photos, tmp_path / "maps", max_regions=9)
    assert calls["caps"] == [16]  # the probe of the method
