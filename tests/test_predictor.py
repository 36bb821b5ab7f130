"""The one door for a photograph: at its own size, as evaluation sees it, by name, and what it says without groups."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from PIL import ExifTags, Image
from tiny import PHOTO, network

from dgmlib import Predictor, load_model, predictor, save_model, superpixels
from dgmlib.evaluation import predict
from dgmlib.explain import Click, gradcam
from dgmlib.labels import NO_PART
from dgmlib.predictor import CHECKPOINT, Scene

MAPS = ("objects", "parts", "materials", "textures")


@pytest.fixture(scope="module")
def scene(model):
    return Predictor(model, short_side=64)(PHOTO)


# what it sees


@pytest.mark.parametrize("shape", [(37, 61), (61, 37, 1), (33, 90, 4), (300, 200, 3)])
def test_all_maps_have_the_photographs_size(model, shape):
    scene = Predictor(model, short_side=64)(np.random.default_rng(0).random(shape))
    assert scene.photograph.shape == (*shape[:2], 3)
    for labels in scene.maps.values():
        assert labels.ids.shape == shape[:2]
        assert labels.ids.max() < len(labels.names)
    assert list(scene.maps) == list(MAPS)
    assert all(scene.groups(level).shape == shape[:2] for level in range(1, 5))
    mask = scene.click(shape[1] - 1, shape[0] - 1)  # the last pixel
    assert mask.shape == shape[:2]
    assert mask[-1, -1]
    assert scene.explain("scene").shape == shape[:2]
    assert scene.place.name in model.vocabulary.scenes


def test_a_photograph_at_twice_the_size_gives_the_same_at_twice_the_size(model):
    """At 32 pixels bilinear sampling meets the same two of 64 pixels, and the same of each repeated: equal views."""
    small = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    regions, see = superpixels.segment(small, 40), Predictor(model, short_side=32)
    one, two = see(small, regions), see(small.repeat(2, 0).repeat(2, 1), regions.repeat(2, 0).repeat(2, 1))
    for a, b in zip(one.seen, two.seen, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(two.regions, one.regions.repeat(2, 0).repeat(2, 1))
    for level in range(1, 5):
        np.testing.assert_array_equal(two.groups(level), one.groups(level).repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(two.click(21, 100), one.click(10, 50).repeat(2, 0).repeat(2, 1))
    assert two.place.name == one.place.name
    assert two.place.probability == pytest.approx(one.place.probability, abs=1e-5)
    for name in MAPS:  # of four pixels, each a quarter away from the one of the small photograph
        agree = two.maps[name].ids.reshape(64, 2, 64, 2) == one.maps[name].ids[:, None, :, None]
        assert agree.mean() > 0.9


def test_labels_are_those_that_evaluation_scores(model, scene):
    vocabulary = model.vocabulary
    sample = {"image": PHOTO, "part_valid": [True] * len(vocabulary.object_parts)}
    sample |= dict.fromkeys(("scene", "object", "part", "material"))
    with torch.inference_mode():
        expected = predict(model, [scene.seen], sample, vocabulary, ("scene", "object", "part", "material"))
        logits = model(*scene.seen)
    np.testing.assert_array_equal(scene.objects.ids, expected["object"])
    np.testing.assert_array_equal(scene.materials.ids, expected["material"])
    assert scene.place.name == vocabulary.scenes[int(expected["scene"])]
    assert scene.place.probability == pytest.approx(float(logits["scene"].softmax(1).max()))
    textures = F.interpolate(logits["texture"], PHOTO.shape[:2], mode="bilinear").argmax(1)[0]
    np.testing.assert_array_equal(scene.textures.ids, textures)  # per pixel
    for y, x in np.ndindex(PHOTO.shape[:2]):
        thing = int(scene.objects.ids[y, x])
        name = scene.parts.names[scene.parts.ids[y, x]]
        part = vocabulary.object_parts[thing][int(expected["part"][thing][y, x])] if thing in expected["part"] else 0
        assert name == (f"{vocabulary.objects[thing]}: {vocabulary.parts[part]}" if part else NO_PART)


def test_few_channels_at_a_time_make_no_difference(model, scene, monkeypatch):
    monkeypatch.setattr(predictor, "AT_ONCE", 3 * PHOTO[..., 0].size)
    again = Predictor(model, short_side=64)(PHOTO)
    for name in MAPS:
        np.testing.assert_array_equal(again.maps[name].ids, scene.maps[name].ids)


def test_file_picture_and_array_are_one_photograph(model, scene, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / "a.PNG"
    Image.fromarray(np.ascontiguousarray(np.rot90(PHOTO))).save(path, exif=exif)
    see = Predictor(model, short_side=64)
    for photograph in (path, str(path), Image.fromarray(PHOTO), PHOTO / 255, PHOTO * np.uint16(257)):
        again = see(photograph)
        np.testing.assert_array_equal(again.photograph, PHOTO)
        np.testing.assert_array_equal(again.objects.ids, scene.objects.ids)
        np.testing.assert_array_equal(again.groups(3), scene.groups(3))


def test_the_photograph_given_may_change_afterwards(model):
    photo = PHOTO.copy()
    scene = Predictor(model, short_side=64)(photo)
    photo[:] = 0
    np.testing.assert_array_equal(scene.photograph, PHOTO)


# superpixels


def test_superpixels_lost_in_scaling_join_their_neighbours(model):
    image = np.zeros((400, 400, 3), dtype=np.uint8)
    image[:200] = 255
    image[100, 100] = image[300, 303] = (255, 0, 0)  # single pixels, gone at a side of 32
    scene = Predictor(model, short_side=32)(image)
    nodes = scene.grouping.nodes[0].shape[1]
    np.testing.assert_array_equal(np.unique(scene.regions), np.arange(nodes))
    assert scene.regions[100, 100] == scene.regions[99, 99]


def test_regions_are_the_nodes_of_level_one(scene):
    """The superpixel of a pixel of the photograph is the node of the same place in the model's view."""
    seen = scene.grouping.regions[0].numpy()
    rows = (np.arange(seen.shape[0]) + 0.5) * 48 / seen.shape[0]
    columns = (np.arange(seen.shape[1]) + 0.5) * 72 / seen.shape[1]
    np.testing.assert_array_equal(scene.regions[np.ix_(rows.astype(int), columns.astype(int))], seen)
    np.testing.assert_array_equal(scene.groups(1), scene.regions)


def test_ones_own_superpixels_are_taken_whatever_their_numbers_and_type(model):
    squares = np.arange(48)[:, None] // 12 * 6 + np.arange(72) // 12  # 24 of them
    expected = Predictor(model, short_side=64)(PHOTO, squares)
    np.testing.assert_array_equal(expected.regions, squares)
    for kind in (np.uint8, np.int16, np.uint16, np.uint32):
        again = Predictor(model, short_side=64)(PHOTO, (3 * squares + 5).astype(kind))
        np.testing.assert_array_equal(again.groups(2), expected.groups(2))
    for wrong in (squares[:, 1:], squares / 2, squares - 1, squares[None]):
        with pytest.raises(ValueError, match=r"regions must be integers from 0 of the photograph's shape \(48, 72\)"):
            Predictor(model)(PHOTO, wrong)


# models


def test_the_model_sees_the_size_asked_for(model):
    assert Predictor(model, 32)(PHOTO).seen[0].shape == (1, 3, 32, 64)  # sides: multiples of 32
    assert Predictor(model, 64, max_size=64)(PHOTO).seen[1].shape == (1, 64, 64)


def test_a_checkpoint_knows_the_size_it_was_tested_at(model, tmp_path):
    save_model(model, tmp_path / "model", short_side=32)
    assert Predictor.load(tmp_path / "model")(PHOTO).seen[0].shape == (1, 3, 32, 64)
    assert Predictor.load(load_model(tmp_path / "model"))(PHOTO).seen[0].shape == (1, 3, 32, 64)
    assert Predictor.load(model, max_size=640, tasks=())(PHOTO).seen[0].shape == (1, 3, 448, 640)  # 450 by default


def test_a_checkpoint_comes_with_the_project_and_another_that_is_missing_is_told(tmp_path):
    assert CHECKPOINT.with_suffix(".safetensors").exists()
    assert Predictor.load("street-dgm", tasks=("object",))(PHOTO).objects.names[1:3] == ("sky", "building")
    with pytest.raises(FileNotFoundError, match="there is no model"):
        Predictor.load(tmp_path / "none")


def test_the_models_mode_makes_no_difference_and_is_left_alone(model, scene):
    model.train()
    try:
        other = Predictor(model, short_side=64)(PHOTO)
        assert model.training
        assert model.dgm.emgp.training
        failing = Predictor(model, short_side=64)
        failing.tasks = ("weather",)
        with pytest.raises(ValueError, match="no head"):
            failing(PHOTO)
        assert model.training
    finally:
        model.eval()
    click = Click(30, 20, level=3)
    np.testing.assert_array_equal(other.clicks.weights(click), scene.clicks.weights(click))
    np.testing.assert_array_equal(other.parts.ids, scene.parts.ids)


def test_models_of_other_precision():
    double = Predictor(network(dtype=torch.float64), short_side=64)(PHOTO)
    single = Predictor(network(), short_side=64)(PHOTO)
    assert double.seen[0].dtype == torch.float64
    assert (double.objects.ids == single.objects.ids).mean() > 0.99
    assert double.explain("scene").max() == pytest.approx(single.explain("scene").max(), rel=1e-3)
    for dtype in (torch.float16, torch.bfloat16):
        half = Predictor(network(dtype=dtype), short_side=64)(PHOTO)
        assert (half.objects.ids == single.objects.ids).mean() > 0.9
        assert half.click(20, 20).any()
        assert (half.groups(2) == single.groups(2)).mean() > 0.9
        assert half.explain("object", "cat", level=2).shape == PHOTO.shape[:2]


def test_tasks_that_were_not_asked_for_are_not_there(model):
    scene = Predictor(model, short_side=64, tasks=("part", "material"))(PHOTO)
    assert list(scene.maps) == ["objects", "parts", "materials"]  # parts are looked for in objects
    assert scene.place is None
    nothing = Predictor(model, short_side=64, tasks=())(PHOTO)
    assert nothing.maps == {}
    assert nothing.groups(4).shape == (48, 72)
    assert len([axis for axis in nothing.plot().axes if axis.get_title()]) == 4


def test_a_model_of_one_task():
    scene = Predictor(network(tasks=("object",)), short_side=64)(PHOTO)
    assert list(scene.maps) == ["objects"]
    with pytest.raises(ValueError, match=r"no head for \['scene'\]; it was built with tasks=\('object',\)"):
        scene.explain("scene")


def test_a_model_without_groups_still_parses():
    scene = Predictor(network(dgm=None), short_side=64)(PHOTO)
    assert list(scene.maps) == list(MAPS)
    assert scene.levels == 0
    assert [axis.get_title() for axis in scene.plot().axes if axis.get_title()][1:] == list(MAPS)
    for ask in (lambda: scene.groups(1), lambda: scene.click(1, 1), lambda: scene.explain("scene")):
        with pytest.raises(ValueError, match="no Deep Grouping Model"):
            ask()


# clicks


def test_a_click_is_added_to_those_of_the_scene(model):
    scene = Predictor(model, short_side=64)(PHOTO)
    scene.click(30, 20, level=1)
    np.testing.assert_array_equal(scene.click(60, 40, positive=False, level=3), scene.clicks.mask)
    assert scene.clicks.clicks == [Click(30, 20, True, 1), Click(60, 40, False, 3)]


# Grad-CAM


@pytest.mark.parametrize(
    ("task", "name", "target"),
    [
        ("scene", None, None),
        ("scene", "street", 1),
        ("object", "sky", 2),
        ("part", "cat: leg", (1, 2)),
        ("part", "car: wheel", (3, 1)),
        ("material", "metal", 2),
        ("texture", "striped", 1),
    ],
)
def test_explanations_are_grad_cams_at_the_photographs_size(task, name, target):
    model = network()
    scene = Predictor(model, short_side=64)(PHOTO)
    cam = gradcam(model, *scene.seen, task, target)
    rows = ((np.arange(64) + 0.5) * 48 / 64).astype(int)
    columns = ((np.arange(96) + 0.5) * 72 / 96).astype(int)
    for level in range(1, 5):
        heat = scene.explain(task, name, level)
        assert heat.shape == (48, 72)
        np.testing.assert_allclose(heat[np.ix_(rows, columns)], cam.pixels[level - 1][0], rtol=1e-4, atol=1e-9)


def test_a_label_is_explained_once_for_all_levels():
    model, runs = network(), []
    scene = Predictor(model, short_side=64)(PHOTO)
    model.register_forward_hook(lambda *call: runs.append(call))
    maps = [scene.explain("scene", "room", level) for level in (1, 2, 3, 4)]
    strongest = scene.explain("scene", "room")
    assert len(runs) == 1
    assert strongest.max() > 0
    np.testing.assert_array_equal(strongest, max(maps, key=np.max))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (("object", "dog"), "there is no object 'dog'; choose one of cat, sky, car"),
        (("object", "-"), "there is no object '-'"),
        (("part", "leg"), "there is no part 'leg'; choose one of cat: head, cat: leg, car: wheel"),
        (("part", NO_PART), "there is no part 'no part'"),
        (("object",), "there is no object None; choose one of cat, sky, car"),
        (("weather",), r"no head for \['weather'\]"),
        (("scene", None, 5), r"level must be 1 \(superpixels\) to 4, not 5"),
        (("scene", None, 0), r"level must be 1 \(superpixels\) to 4, not 0"),
    ],
)
def test_what_cannot_be_explained_is_told(ask, message):
    scene = Predictor(network(), short_side=64)(PHOTO)
    with pytest.raises(ValueError, match=message):
        scene.explain(*ask)


def test_a_class_that_is_nowhere_has_an_empty_map_and_a_warning():
    model = network()
    with torch.no_grad():
        model.heads["object"].classifier.bias[3] = -1e4
    scene = Predictor(model, short_side=64)(PHOTO)
    with pytest.warns(UserWarning, match="the heat map of car is zero: the network predicts it at no pixel"):
        assert not scene.explain("object", "car").any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene.explain("object", "cat")


# pictures


def test_a_plot_shows_the_photograph_its_groups_and_all_maps(scene, monkeypatch):
    figure = scene.plot()
    assert isinstance(figure, Figure)
    shown = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert shown[0] == f"place: {scene.place.name} ({scene.place.probability:.0%})"
    counts = [len(np.unique(scene.groups(level))) for level in (2, 3, 4)]
    assert shown[1:4] == [f"level {level}: {count} groups" for level, count in zip((2, 3, 4), counts, strict=True)]
    assert shown[4:] == list(MAPS)
    height, width, _ = figure.axes[4].images[0].get_array().shape  # enlarged
    assert (height % 48, width % 72, height * 72) == (0, 0, width * 48)
    monkeypatch.setattr(predictor, "SHOWN", 40)  # what a large photograph comes to
    height, width, _ = scene.plot().axes[4].images[0].get_array().shape  # of half the size, enlarged
    assert (height % 24, width % 36, height % 48 > 0) == (0, 0, True)
    assert repr(scene).startswith("Scene(72 x 48 pixels, ")


def test_middles_are_deepest_in_the_deepest_groups_and_those_at_the_frame_come_last():
    groups = np.zeros((20, 30), int)
    groups[3:8, 4:9] = 1  # 5 x 5
    groups[10:17, 10:25] = 2  # 7 x 15
    scene = SimpleNamespace(groups=lambda level: groups)
    first, second, last = Scene.middles(scene, 1, 5)
    assert first[1] == 13
    assert 13 <= first[0] <= 21
    assert second == (6, 5)
    assert groups[last[1], last[0]] == 0
    assert Scene.middles(scene, 1, 1) == [first]


def test_middles_of_one_group_and_of_groups_of_a_pixel():
    assert Scene.middles(SimpleNamespace(groups=lambda level: np.zeros((5, 7), int)), 1) == [(2, 2)]
    assert len(Scene.middles(SimpleNamespace(groups=lambda level: np.arange(12).reshape(3, 4)), 1, 12)) == 12


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"short_side": 0}, "short_side must be a whole number of pixels, at least 1, not 0"),
        ({"short_side": "96"}, "short_side must be .*, not '96'"),
        ({"max_size": 99.5}, r"max_size must be .*, not 99\.5"),
        ({"tasks": ("objects",)}, r"tasks must be among .*object.*, not objects"),
    ],
)
def test_settings_that_cannot_be(model, settings, told):
    with pytest.raises(ValueError, match=told):
        Predictor(model, **settings)
