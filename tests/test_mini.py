"""Broden-mini: drawn alike everywhere, whole or not at all, and labelled without contradictions."""

import filecmp
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from dgmlib.broden import BrodenPlus
from dgmlib.broden.ade20k import decode_classes
from dgmlib.mini import MANIFEST, PRESETS, MiniCounts, generate, vocabulary
from dgmlib.mini.canvas import Canvas, Light, Plane
from dgmlib.mini.drawing import BOOK, OUTLINES, blob, capsule, ellipse, paint_scene, rectangle, ridge, rounded
from dgmlib.mini.materials import RECIPES, motif, oklch, surface, texture_picture
from dgmlib.mini.names import (
    ADE_NAMES,
    CONTEXT_LABELS,
    INDOOR,
    MATERIALS,
    OBJECT_PARTS,
    OBJECTS,
    PARTS,
    SCENES,
    TEXTURES,
)
from dgmlib.mini.notation import number, read
from dgmlib.mini.sources import SOURCES, SUBJECTS, write_mat

TASKS = {
    "ade20k": {"object", "part", "scene"},
    "pascal": {"object", "part", "scene"},
    "os": {"material"},
    "dtd": {"texture"},
}


@pytest.fixture(scope="module")
def drawings() -> dict[str, list[dict[str, np.ndarray]]]:
    """Label maps of every scene, twelve times each."""
    found = {}
    for name in SCENES:
        found[name] = []
        for seed in range(12):
            canvas = Canvas(80, 60)
            paint_scene(name, canvas, np.random.default_rng([7, seed]))
            found[name].append(canvas.labels)
    return found


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def draw(root: Path, source: str, number: int, seed: int = 0) -> dict:
    """Draw one training picture as `generate` does."""
    return SOURCES[source](
        root, np.random.default_rng([seed, list(SOURCES).index(source), 0, number]), 80, "train", number
    )


# -- the tree on disk ----------------------------------------------------------------------------------------------


def test_same_bytes_for_any_number_of_workers(smoke_data, tmp_path):
    other = generate(tmp_path / "other", seed=0, counts="smoke", workers=2)
    assert set(files(other)) <= set(files(smoke_data))  # where other tests may have cached more
    same, different, broken = filecmp.cmpfiles(smoke_data, other, files(other), shallow=False)
    assert (different, broken) == ([], [])
    assert len(same) > 100


def test_another_seed_draws_other_pictures(smoke_data, tmp_path):
    for seed in (0, 1):
        record = draw(tmp_path / str(seed), "ade20k", 0, seed)
    name = Path("ade20k") / record["folder"] / record["filename"]
    assert (tmp_path / "0" / name).read_bytes() == (smoke_data / name).read_bytes()
    assert (tmp_path / "1" / name).read_bytes() != (smoke_data / name).read_bytes()


def test_a_complete_tree_is_left_alone(smoke_data, monkeypatch):
    def refuse(*_):
        raise AssertionError("drawn again")

    for source in SOURCES:
        monkeypatch.setitem(SOURCES, source, refuse)
    assert generate(str(smoke_data), seed=0, counts="smoke") == smoke_data
    assert generate(smoke_data, 0, PRESETS["smoke"][0], 80, workers=5) == smoke_data


def test_what_another_version_has_drawn_is_drawn_anew(tmp_path):
    """The manifest tells versions apart by what they draw; in the other version here, lamps have no shade."""
    root, few = tmp_path / "mini", MiniCounts(*[(10, 1)] * 4)
    code = "from dgmlib.mini import MiniCounts, drawing, generate; drawing.BOOK['lamp'].steps.pop();"
    code += f"generate({str(root)!r}, counts=MiniCounts(*[(10, 1)] * 4), size=32, workers=1)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    manifests, pictures = [], []
    for _ in range(2):
        manifests.append(json.loads((root / MANIFEST).read_text()))
        pictures.append([(root / name).read_bytes() for name in files(root) if name.endswith(".jpg")])
        generate(root, counts=few, size=32, workers=1)
    assert {key for key in manifests[0] if manifests[0][key] != manifests[1][key]} == {"method"}
    assert pictures[0] != pictures[1]


def test_an_interruption_leaves_nothing_behind(smoke_data, tmp_path, monkeypatch):
    root, calls, whole = tmp_path / "mini", [], SOURCES["ade20k"]

    def interrupted(*task):
        calls.append(task)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(*task)

    few = MiniCounts((10, 1), (1, 1), (1, 1), (1, 1))
    monkeypatch.setitem(SOURCES, "ade20k", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate(root, counts=few, size=32, workers=1)
    assert list(tmp_path.iterdir()) == []

    monkeypatch.setitem(SOURCES, "ade20k", whole)
    generate(root, counts=few, size=32, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mini"]
    before = {name: (root / name).read_bytes() for name in files(root)}

    monkeypatch.setitem(SOURCES, "ade20k", interrupted)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):  # while it is being replaced by another seed
        generate(root, seed=1, counts=few, size=32, workers=1)
    assert {name: (root / name).read_bytes() for name in files(root)} == before

    monkeypatch.setitem(SOURCES, "ade20k", whole)
    generate(root, seed=1, counts=few, size=32, workers=1)
    assert json.loads((root / MANIFEST).read_text())["seed"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["mini"]


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no preset 'huge'; choose from mini, demo, smoke"):
        generate(tmp_path / "mini", counts="huge")
    with pytest.raises(ValueError, match="at least 10 ADE20K pictures"):
        generate(tmp_path / "mini", counts=MiniCounts((9, 4), (4, 2), (8, 4), (8, 4)))
    with pytest.raises(ValueError, match="1 of everything else"):
        generate(tmp_path / "mini", counts=MiniCounts((10, 4), (4, 0), (8, 4), (8, 4)))
    with pytest.raises(ValueError, match="at least 32 pixels, not 0"):
        generate(tmp_path / "mini", counts="smoke", size=0)
    with pytest.raises(ValueError, match="seed must be a whole number from 0, not -1"):
        generate(tmp_path / "mini", seed=-1)
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else than Broden-mini; choose an empty folder"):
        generate(tmp_path)
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_matlab_files_hold_no_time(tmp_path):
    write_mat(tmp_path / "a.mat", {"LabelMap": np.eye(3, dtype=np.uint16)})
    assert (tmp_path / "a.mat").read_bytes()[:116] == b"MATLAB 5.0 MAT-file, Broden-mini".ljust(116)
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "a.mat")["LabelMap"], np.eye(3))


# -- read back by the one reader -----------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_record_carries_its_source_s_labels(smoke_data, split):
    names, found = vocabulary(), list(BrodenPlus(smoke_data, split))
    counts = PRESETS["smoke"][0]
    for source, tasks in TASKS.items():
        own = [sample for sample in found if sample["source"] == source]
        assert len(own) == getattr(counts, source)[split == "val"]
        for sample in own:
            assert set(sample) & {"object", "part", "scene", "material", "texture"} == tasks
            height, width = sample["image"].shape[:2]
            assert 70 <= min(height, width) <= 90
            for task in tasks & {"object", "material"}:
                assert sample[task].shape == (height, width)
                assert 0 < sample[task].max() < names.channels(task)
            for task in tasks & {"scene", "texture"}:
                assert -1 <= sample[task] < names.channels(task)
    assert len({sample["key"] for sample in found}) == len(found)


def test_labels_are_heterogeneous(smoke_data):
    found = [*BrodenPlus(smoke_data, "train"), *BrodenPlus(smoke_data, "val")]
    ade = [sample for sample in found if sample["source"] == "ade20k"]
    assert {sample["part_valid"].any() for sample in ade} == {True, False}  # some come without a parts file
    assert all(sample["scene"] == -1 for sample in found if sample["source"] == "pascal")
    surfaces = [sample["material"] for sample in found if sample["source"] == "os"]
    assert np.mean([(labels == 0).mean() for labels in surfaces]) > 0.1  # unlabelled pixels are common


def test_the_reader_gets_what_was_drawn(smoke_data, monkeypatch, tmp_path):
    drawn = []
    keep = Canvas.picture
    monkeypatch.setattr(Canvas, "picture", lambda canvas, rng: drawn.append(canvas.labels) or keep(canvas, rng))
    dataset, names = BrodenPlus(smoke_data, "train"), vocabulary()
    for i, record in enumerate(dataset.records):
        if record.source in ("ade20k", "pascal"):
            draw(tmp_path, record.source, record.index)
            labels, sample = drawn[-1], dataset[i]
            np.testing.assert_array_equal(sample["object"], labels["object"])
            annotated = (
                names.object_parts if record.source == "ade20k" else map(OBJECTS.index, ("car", "dog", "person"))
            )
            for thing in annotated if record.has_parts else ():
                inside = labels["object"] == thing
                parts = np.array(names.object_parts[thing])[sample["part"][inside]]
                np.testing.assert_array_equal(parts, labels["part"][inside])


def test_vocabulary_is_complete(smoke_data):
    names = vocabulary()
    assert names == BrodenPlus(smoke_data, "train").vocabulary
    assert {names.objects[thing] for thing in names.object_parts} == set(OBJECT_PARTS)
    assert {part for parts in names.object_parts.values() for part in parts} == set(range(len(PARTS)))
    assert (names.scenes, names.materials, names.textures) == (SCENES, MATERIALS, TEXTURES)
    assert list(SCENES) == sorted(SCENES)  # raw scene labels are alphabetical ranks
    assert len(set(ADE_NAMES)) == len(ADE_NAMES)
    assert len(set(CONTEXT_LABELS)) == len(CONTEXT_LABELS)


# -- raw files -----------------------------------------------------------------------------------------------------


def test_ade_parts_lie_inside_their_objects(smoke_data):
    paths = sorted((smoke_data / "ade20k").rglob("*_parts_1.png"))
    assert paths
    for path in paths:
        parts = np.array(Image.open(path))
        objects = np.array(Image.open(path.with_name(path.name.replace("_parts_1", "_seg"))))
        has_part = decode_classes(parts) > 0
        pairs = np.unique(np.stack([decode_classes(objects)[has_part], decode_classes(parts)[has_part]]), axis=1)
        assert all(ADE_NAMES[p - 1] in OBJECT_PARTS[ADE_NAMES[o - 1]] for o, p in pairs.T)
        np.testing.assert_array_equal(parts[..., 2][has_part], objects[..., 2][has_part])  # the same instance


def test_pascal_masks_nest(smoke_data):
    paths = sorted((smoke_data / "pascal" / "part" / "Annotations_Part").glob("*.mat"))
    assert paths
    for path in paths:
        context = scipy.io.loadmat(smoke_data / "pascal" / "context" / "trainval" / path.name)["LabelMap"]
        annotation = scipy.io.loadmat(path)["anno"][0, 0]
        assert annotation["imname"].item() == path.stem
        for thing in annotation["objects"][0]:
            mask = thing["mask"] > 0
            assert {CONTEXT_LABELS[v - 1] for v in np.unique(context[mask])} == {thing["class"].item()}
            parts = [part["mask"] for part in thing["parts"][0]] if thing["parts"].size else []
            total = np.sum([np.zeros(mask.shape), *parts], axis=0)
            assert total.max() <= 1
            assert not total[~mask].any()


# -- scenes --------------------------------------------------------------------------------------------------------


def test_parts_belong_to_the_objects_they_are_on(drawings):
    for labels in (one for several in drawings.values() for one in several):
        pairs = np.unique(np.stack([labels["object"].ravel(), labels["part"].ravel()]), axis=1)
        for thing, part in pairs.T:
            assert part == 0 or PARTS[part] in OBJECT_PARTS[OBJECTS[thing]]


def test_every_class_occurs(drawings):
    everything = [one for several in drawings.values() for one in several]
    for task, names in (("object", OBJECTS), ("material", MATERIALS)):
        assert set(np.concatenate([np.unique(one[task]) for one in everything])) == set(range(len(names)))
    pairs = {pair for one in everything for pair in zip(one["object"].ravel(), one["part"].ravel(), strict=True)}
    for thing, parts in OBJECT_PARTS.items():
        assert {(OBJECTS.index(thing), PARTS.index(part)) for part in parts} <= pairs


def test_the_scene_decides_which_objects_are_likely(drawings):
    # Scenes are told apart by the area of their objects alone, with the mean of half the drawings as a prototype.
    histograms = {
        name: np.sqrt(
            [np.bincount(one["object"].ravel(), minlength=len(OBJECTS)) / one["object"].size for one in several]
        )
        for name, several in drawings.items()
    }
    prototypes = np.stack([histogram[::2].mean(0) for histogram in histograms.values()])
    right = [
        np.argmin(np.abs(prototypes - one).sum(1)) == i
        for i, histogram in enumerate(histograms.values())
        for one in histogram[1::2]
    ]
    assert np.mean(right) > 0.8
    outside = [OBJECTS.index(name) for name in ("sky", "road", "car", "grass")]
    for name, histogram in histograms.items():
        assert (histogram[:, outside].sum() == 0) == (name in INDOOR)


def test_material_is_not_given_by_the_object(drawings):
    """The same object comes in several materials, and the same material on several objects."""
    areas = np.zeros((len(OBJECTS), len(MATERIALS)))
    for one in (one for several in drawings.values() for one in several):
        np.add.at(areas, (one["object"], one["material"]), 1)
    common = areas > 0.02 * areas.sum(1, keepdims=True)
    for name in ("wall", "floor", "table", "sofa", "building", "house"):
        assert common[OBJECTS.index(name), 1:].sum() >= 2
    for name in ("wood", "fabric", "metal", "glass", "stone", "foliage"):
        assert (areas[1:, MATERIALS.index(name)] > 0).sum() >= 3


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_close_up_shows_its_subject_larger(name):
    scenes, subject = SUBJECTS[name]
    areas = []
    for put in ("", subject):
        areas.append(0)
        for seed in range(3):
            canvas = Canvas(107, 80)
            paint_scene(scenes[0], canvas, np.random.default_rng(seed), put)
            areas[-1] += (canvas.labels["object"] == OBJECTS.index(name)).mean() / 3
    assert areas[1] > areas[0] + 0.02


def test_a_zoomed_scene_is_a_window_of_the_whole():
    whole, part = Canvas(160, 120), Canvas(80, 60, 2.0, (0.5, 0.5))
    for canvas in (whole, part):
        paint_scene("street", canvas, np.random.default_rng(3))
    same = whole.labels["object"][30:90, 40:120] == part.labels["object"]
    assert same.mean() > 0.99  # but for the edges, which fall on other samples


# -- tables --------------------------------------------------------------------------------------------------------


def test_numbers():
    rng, units = np.random.default_rng(0), {"": 2.0, "m": 1.0, "a": 10.0}
    assert number(".5", rng) == 0.5
    assert number("-.5", rng, units) == -1.0
    assert number("a+.3m-1", rng, units) == pytest.approx(10.0 + 0.3 - 2.0)
    assert number("-a", rng, units) == -10.0
    drawn = [number("-1~1m", rng, units) for _ in range(200)]
    assert -2 <= min(drawn) < -1.8
    assert 0.8 < max(drawn) <= 1
    assert {number("1|3|5~5", rng) for _ in range(60)} == {1, 3, 5}
    for wrong in ("", "1..2", "3-", "1 2", "a:b"):
        with pytest.raises(ValueError, match=r"is no number; write a sum such as \.5-\.3m\."):
            number(wrong, rng, units)


def test_descriptions():
    found = read("""
tea=table 1~2 .7 : leg = wood / metal .5 ; top ?= leg
  ?a,-b box leg:leg ±.1:.2+.1m 0:1&2:3 tone=.5 ; poly leg ±.1,-2 0,3
side=^ : rect leg
""")
    assert set(found) == {"tea", "side"}
    assert (found["tea"].label, found["tea"].sizes) == ("table", ["1~2", ".7"])
    assert (found["side"].label, found["side"].sizes) == ("^", ["1"])
    leg, top, box, poly = found["tea"].steps
    assert leg.words == [("leg", "wood / metal .5", "")]
    assert top.words == [("top", "leg", "?")]
    assert (box.flags, box.verb, box.options) == (["a", "-b"], "box", {"tone": ".5"})
    left, right = "-.1:-.2-.1m", ".1:.2+.1m"
    assert box.words == [("leg:leg", x, z) for x in (left, right) for z in ("0:1", "2:3")]
    assert poly.words == [("leg", "-.1,-2", "0,3"), ("leg", ".1,-2", "0,3")]


def painted(monkeypatch, text: str, width: int = 64, height: int = 48) -> Canvas:
    """A scene of its own, seen from 1.5 m with a focal length of the picture's height."""
    for name, thing in read(text).items():
        monkeypatch.setitem(BOOK, name, thing)
    canvas = Canvas(width, height)
    paint_scene("stage", canvas, np.random.default_rng(0))
    return canvas


def test_what_is_put_is_drawn_from_far_to_near(monkeypatch):
    canvas = painted(monkeypatch, """
stage=- : camera lamp 1.5 .5 1 ; put near 0 2 ; put far 0 6 ; put middle 0 4
near=dog .4 3 .1 : rect plain
middle=person 2 3 .1 : rect plain
far=wall 20 3 .1 : rect plain
""")  # fmt: skip
    for x, z, name in ((0, 2, "dog"), (0.8, 4, "person"), (1.8, 6, "wall")):  # seen past what is nearer
        ((column, row),) = canvas.project(Plane("z", z), np.array([[x, 1.5]])).astype(int)
        assert OBJECTS[canvas.labels["object"][row, column]] == name


def test_details_fill_their_cells(monkeypatch):
    canvas = painted(monkeypatch, """
stage=- : camera lamp 1.5 .5 1 ; put house 0 3
house=building 3 3 1 : rect brick ; cells pane -.5:.5 0:1 1m,1.5m
pane=^ : rect glass:window -.25:.25 .25:.75
""")  # fmt: skip
    windows = (canvas.labels["part"] == PARTS.index("window")) & (canvas.labels["material"] == MATERIALS.index("glass"))
    assert windows.sum() == pytest.approx((48 / 3) ** 2 * 3 * 3 / 4, rel=0.15)  # a quarter of 3 x 3 m
    assert (windows.any(0)[1:] & ~windows.any(0)[:-1]).sum() == 3  # columns
    assert (windows.any(1)[1:] & ~windows.any(1)[:-1]).sum() == 2  # rows
    assert set(np.unique(canvas.labels["object"])) == {0, OBJECTS.index("building")}
    assert set(np.unique(canvas.labels["instance"])) == {0, 1}


def test_flags_and_inherited_paints(monkeypatch):
    canvas = painted(monkeypatch, """
stage=- : camera lamp 1.5 .5 1 ; skin = brick ; put one 0 3 as=red ; put two -1.2 3
one=car 1 1 1 : either red green ; skin ?= wood ; ?red rect skin:door ; ?green rect skin:window
two=car 1 1 1 : maybe sure 1 ; maybe never 0 ; skin = wood ; ?sure,-never rect skin:wheel ; ?never rect skin:window
""")  # fmt: skip
    pairs = {
        (PARTS[p], MATERIALS[m])
        for p, m in zip(*map(np.ravel, map(canvas.labels.get, ("part", "material"))), strict=True)
    }
    assert pairs == {("-", "-"), ("door", "brick"), ("wheel", "wood")}


def test_no_description_and_no_material_is_idle_and_no_verb_unknown():
    steps = [step for thing in BOOK.values() for step in thing.steps]
    texts = [text for step in steps for found in step.words for text in found]
    words = {word for text in texts for word in text.replace("|", " ").replace(":", " ").split()}
    assert set(BOOK) - set(SCENES) <= words | {"paints"}
    assert {line.split()[0] for line in RECIPES.strip().splitlines()} <= words
    verbs = ["=", "either", "maybe", "let", "object", "with", "mirror", "draw", "put", "cells", "box", "shadow", "glow"]
    assert {step.verb for step in steps} == {*OUTLINES, *verbs, "camera"}


# -- canvas, shapes, colours ---------------------------------------------------------------------------------------


def canvas_in_daylight(width: int = 64, height: int = 48, **options) -> Canvas:
    canvas = Canvas(width, height, **options)
    light = Light(np.array([0.0, 0.0, 1.0]), np.zeros(3), np.ones(3), np.inf, False, np.ones(3), np.ones(3))
    canvas.look(eye=1.5, horizon=0.4, focal=1.0, light=light)
    return canvas


@pytest.mark.parametrize(
    "plane", [Plane("x", -2.0), Plane("x", 1.5), Plane("y", 0.0), Plane("y", 2.6), Plane("z", 4.0)]
)
def test_unproject_inverts_project(plane):
    canvas = canvas_in_daylight(zoom=1.7, centre=(0.2, 0.9))
    rng = np.random.default_rng(0)
    points = rng.uniform(2, 9, (20, 2))
    for point, (x, y) in zip(points, canvas.project(plane, points), strict=True):
        back = canvas.unproject(plane, np.float32([[x]]), np.float32([[y]]))
        np.testing.assert_allclose([back[0].item(), back[1].item()], point, rtol=1e-4)
        depth = {"x": point[0], "y": point[1], "z": plane.at}[plane.axis]
        np.testing.assert_allclose(back[2].item(), depth, rtol=1e-4)


def test_later_strokes_cover_earlier_ones():
    canvas, rng = canvas_in_daylight(), np.random.default_rng(0)
    canvas.paint(Plane("z", 5.0), [rectangle((-9, 9), (-9, 9))], surface("plain", rng, 0.9, 0, 0), ("wall", 1, "-"))
    box = rectangle((-0.5, 0.5), (0.5, 2.5))
    canvas.paint(Plane("z", 4.0), [box], surface("painted", rng, 0.3, 0, 0), ("person", 2, "torso"))
    objects = canvas.labels["object"]
    assert set(np.unique(objects)) == {OBJECTS.index("wall"), OBJECTS.index("person")}
    # 1 m wide and 2 m high, 4 m away, 48 pixels of focal length
    assert (objects == OBJECTS.index("person")).sum() == 12 * 24
    inside = objects == OBJECTS.index("person")
    assert set(canvas.labels["part"][inside]) == {PARTS.index("torso")}
    assert set(canvas.labels["material"][inside]) == {MATERIALS.index("painted")}
    assert set(canvas.labels["instance"][inside]) == {2}
    dark = canvas.colour.reshape(48, 2, 64, 2, 3).mean((1, 3, 4)) < 0.5
    np.testing.assert_array_equal(dark, inside)


def test_shapes_have_their_size():
    for outline, low, high in (
        (ellipse((1, 2), (3, 1)), (-2, 1), (4, 3)),
        (rounded((0, 4), (1, 2), 0.3), (0, 1), (4, 2)),
        (capsule((0, 0), (0, 5), 1.0), (-1, -1), (1, 6)),
    ):
        np.testing.assert_allclose(outline.min(0), low, atol=0.03)
        np.testing.assert_allclose(outline.max(0), high, atol=0.03)
    radius = np.hypot(*(blob(np.random.default_rng(0), (5, 5), (2, 2), 0.1) - 5).T)
    assert 1 < radius.min() < radius.max() < 3


def test_a_ridge_keeps_its_line_and_is_cut():
    high, low = (ridge(np.random.default_rng(0), (-8, 8), (0, top), 0.8, 1, 7) for top in (4, 2))
    np.testing.assert_allclose(high[:110], low[:110] * (1, 2))
    assert low[:110, 1].max() <= 2
    assert low[:110, 1].min() >= 2 * (1 - 0.8)
    peaks = ridge(np.random.default_rng(0), (-8, 8), (0, 4), 0.8, 1, 7, 3)
    np.testing.assert_array_equal(peaks[:110], high[:110])
    assert (peaks[110:, 1] <= peaks[109::-1, 1]).all()
    assert peaks[110:, 1].min() < 3.2


def test_oklch_known_colours():
    np.testing.assert_allclose(oklch(1.0, 0.0, 0.0), [1, 1, 1], atol=1e-3)
    np.testing.assert_allclose(oklch(0.628, 0.2577, 29.23), [1, 0, 0], atol=0.02)  # sRGB's red
    np.testing.assert_allclose(oklch(0.452, 0.3132, 264.05), [0, 0, 1], atol=0.02)


@pytest.mark.parametrize("kind", TEXTURES)
def test_textures_repeat_and_differ(kind):
    pattern = motif(kind, np.random.default_rng(4), period=0.5)
    v, u = np.mgrid[0:40, 0:40].astype(np.float32) / 41
    size = np.full_like(u, 1 / 41)
    colours = np.broadcast_to(pattern(u, v, size), (40, 40, 3))
    assert colours.std((0, 1)).max() > 0.02
    if kind not in ("banded", "marbled", "honeycombed"):  # repeat to the right after two periods at the latest
        moved = np.broadcast_to(pattern(u + np.float32(2.0), v, size), (40, 40, 3))
        assert np.mean(np.abs(moved - colours)) < 0.02
    picture = texture_picture(kind, np.random.default_rng(4), 40, 30)
    assert (picture.shape, picture.dtype) == ((30, 40, 3), np.uint8)


def test_of_two_processes_that_draw_the_same_the_first_to_finish_is_kept(smoke_data, tmp_path, monkeypatch):
    def draw_while_another_finishes(tree, seed, counts, size, workers):
        shutil.copytree(smoke_data, tmp_path / "drawn")
        (tmp_path / "drawn/in use").touch()
        tree.mkdir()

    monkeypatch.setattr("dgmlib.mini.tree._draw", draw_while_another_finishes)
    generate(tmp_path / "drawn", counts="smoke", workers=1)
    assert (tmp_path / "drawn/in use").exists()
