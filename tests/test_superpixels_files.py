import json

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from skimage import data

from dgmlib import superpixels
from dgmlib.superpixels import folder as folder_module
from dgmlib.superpixels import ucm as ucm_module


def contour_map(levels):
    """Literal ucm2 of nested label maps, finest first: a side's value says how many of the maps draw it."""
    height, width = levels[0].shape
    ucm = np.zeros((2 * height + 1, 2 * width + 1))
    for labels in levels:
        for y, x in np.ndindex(height, width):
            if x + 1 < width:
                ucm[2 * y + 1, 2 * x + 2] += labels[y, x] != labels[y, x + 1]
            if y + 1 < height:
                ucm[2 * y + 2, 2 * x + 1] += labels[y, x] != labels[y + 1, x]
    for y, x in np.ndindex(height + 1, width + 1):  # junctions: the highest side that meets there
        around = ucm[max(2 * y - 1, 0) : 2 * y + 2, max(2 * x - 1, 0) : 2 * x + 2]
        ucm[2 * y, 2 * x] = around.max()
    ucm[[0, -1]] = ucm[:, [0, -1]] = len(levels)  # the frame, which readers ignore
    return ucm


@pytest.fixture(scope="module")
def levels():
    return superpixels.segment_hierarchy(data.astronaut()[100:140, 150:200], (60, 20, 5))


def save(path, ucm, version):
    if version == "7.3":
        with h5py.File(path, "w", userblock_size=512) as file:
            file["ucm2"] = ucm.T
    else:
        savemat(path, {"ucm2": ucm})
    return path


@pytest.mark.parametrize("version", ["7", "7.3"])
@pytest.mark.parametrize("scale", [np.float64(0.1), np.float32(0.25), np.uint8(50)])
def test_official_contour_map_round_trip(tmp_path, levels, version, scale):
    path = save(tmp_path / "a.mat", (contour_map(levels) * scale).astype(scale.dtype), version)
    for labels in levels:
        np.testing.assert_array_equal(superpixels.labels_from_ucm(path, labels.max() + 1), labels)
    np.testing.assert_array_equal(superpixels.labels_from_ucm(path), levels[0])


def test_contour_map_with_ties_is_cut_at_exactly_the_count(tmp_path, levels):
    path = save(tmp_path / "a.mat", contour_map(levels), "7")
    previous = superpixels.labels_from_ucm(path, 60)
    for count in (59, 41, 20, 19, 1):
        labels = superpixels.labels_from_ucm(path, count)
        assert labels.max() + 1 == count
        assert len(np.unique(np.stack([labels.ravel(), previous.ravel()]), axis=1).T) == previous.max() + 1
        previous = labels


def test_contour_map_in_plain_python(tmp_path, levels, monkeypatch):
    path = save(tmp_path / "a.mat", contour_map(levels), "7")
    compiled = superpixels.labels_from_ucm(path, 33)
    monkeypatch.setattr(ucm_module, "_kruskal", ucm_module._kruskal.py_func)
    np.testing.assert_array_equal(superpixels.labels_from_ucm(path, 33), compiled)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"ucm": np.zeros((5, 5))}, "no variable 'ucm2'"),
        ({"ucm2": np.zeros((4, 5))}, r"\(4, 5\); it must be"),
        ({"ucm2": np.zeros((3, 3, 3))}, "it must be"),
        ({"ucm2": np.full((5, 5), np.nan)}, "finite numbers"),
        ({"ucm2": -np.ones((5, 5))}, "finite numbers"),
        ({"ucm2": np.array([["text"]], object)}, "it must be"),
    ],
)
def test_malformed_contour_map_is_named(tmp_path, content, message):
    path = tmp_path / "broken.mat"
    savemat(path, content)
    with pytest.raises(ValueError, match=message) as error:
        superpixels.labels_from_ucm(path)
    assert "broken.mat" in str(error.value)


def test_damaged_contour_map_is_named(tmp_path, levels):
    path = save(tmp_path / "cut.mat", contour_map(levels), "7")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"cut\.mat is not a readable MATLAB file"):
        superpixels.labels_from_ucm(path)
    with pytest.raises(FileNotFoundError):
        superpixels.labels_from_ucm(tmp_path / "none.mat")
    with pytest.raises(ValueError, match="at least one region"):
        superpixels.labels_from_ucm(path, 0)


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


def test_precompute_reads_everything_and_reports_the_damaged_image(photos, tmp_path, capsys):
    failed = superpixels.precompute(photos, tmp_path / "maps", max_regions=50)
    assert list(failed) == ["cut.jpg"]
    assert "no map for" in capsys.readouterr().out.splitlines()[-1]
    maps = superpixels.LabelMaps(photos, tmp_path / "maps", 50)
    assert sorted(maps.rows) == ["a.png", "b.png", "deep.png", "street/a.jpg"]
    for name in maps.rows:
        expected = superpixels.segment(photos / name, 50)
        np.testing.assert_array_equal(maps[name], expected)
    with pytest.raises(ValueError, match=r"cut\.jpg\.png is missing or stale"):
        maps["cut.jpg"]


def test_precompute_in_two_processes_gives_the_same_files(photos, tmp_path):
    superpixels.precompute(photos, tmp_path / "one", max_regions=50)
    superpixels.precompute(photos, tmp_path / "two", max_regions=50, workers=2)
    for path in (tmp_path / "one").rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


@pytest.fixture
def calls(monkeypatch):
    """Records every call of `segment`, and interrupts the one that `stop` counts down to."""
    log = {"images": 0, "stop": None}

    def segment(image, max_regions):
        if log["images"] == log["stop"]:
            raise KeyboardInterrupt
        log["images"] += 1
        return superpixels.segment(image, max_regions)

    monkeypatch.setattr(folder_module, "segment", segment)
    return log


def run(photos, out, calls, **kwargs):
    """How many images a run of precompute segments; constructing its `LabelMaps` takes one probe."""
    calls["images"] = -1
    superpixels.precompute(photos, out, **kwargs)
    return calls["images"]


def test_precompute_goes_on_after_an_interruption_and_never_keeps_stale_maps(photos, tmp_path, calls):
    out = tmp_path / "maps"
    (photos / "cut.jpg").unlink()
    calls["stop"] = 3
    with pytest.raises(KeyboardInterrupt):
        superpixels.precompute(photos, out)
    calls["stop"] = None
    done = len(superpixels.LabelMaps(photos, out).rows)
    assert run(photos, out, calls) == 4 - done
    assert run(photos, out, calls) == 0
    assert not list(out.rglob(".*")), "temporary files stay behind"

    Image.fromarray(data.coffee()[::16, ::16]).save(photos / "b.png")  # another image under the same name
    with pytest.raises(ValueError, match="stale"):
        superpixels.LabelMaps(photos, out)["b.png"]
    assert run(photos, out, calls) == 1
    assert run(photos, out, calls, max_regions=20) == 4  # other settings

    manifest = (out / "manifest.jsonl").read_text()
    (out / "manifest.jsonl").write_text(manifest[:-30])  # as an interruption leaves it
    assert run(photos, out, calls, max_regions=20) == 1
    assert run(photos, out, calls, max_regions=20) == 0

    (out / "a.png.png").unlink()
    assert run(photos, out, calls, max_regions=20) == 1


def test_another_method_makes_maps_stale(photos, tmp_path, monkeypatch):
    (photos / "cut.jpg").unlink()
    superpixels.precompute(photos, tmp_path / "maps")
    monkeypatch.setattr(folder_module, "segment", lambda image, max_regions: np.zeros(image.shape[:2], np.int32))
    maps = superpixels.LabelMaps(photos, tmp_path / "maps")
    with pytest.raises(ValueError, match="stale"):
        maps["a.png"]


def test_precompute_tells_what_it_cannot_do(tmp_path):
    with pytest.raises(ValueError, match="has no images"):
        superpixels.precompute(tmp_path, tmp_path / "maps")
    with pytest.raises(ValueError, match="1 to 65535"):
        superpixels.precompute(tmp_path, tmp_path / "maps", max_regions=70000)


def test_manifest_lines_are_plain_json(photos, tmp_path):
    superpixels.precompute(photos, tmp_path / "maps", max_regions=9)
    rows = [json.loads(line) for line in (tmp_path / "maps" / "manifest.jsonl").read_text().splitlines()]
    assert all(set(row) == {"image", "sha256", "max_regions", "method"} for row in rows)
    assert {row["max_regions"] for row in rows} == {9}
