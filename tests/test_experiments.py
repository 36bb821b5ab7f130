"""Cells of Tables 1 and 2: what is built, from which weights, on which data, into which folder, and read back."""

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from broden_tree import picture
from safetensors.torch import save_file

from dgmlib import PerceptualParser, Vocabulary, experiments, presets, reproduce
from dgmlib.__main__ import train
from dgmlib.backbones import EfficientNet, HRNet, ResNet
from dgmlib.broden import BrodenPlus
from dgmlib.evaluation import fractions
from dgmlib.experiments import Cell
from dgmlib.provenance import provenance

SMOKE, OBJECTS = presets.get("smoke"), presets.get("smoke-objects")
VOCABULARY = Vocabulary(objects=("-", "cat", "sky", "car"))


@pytest.mark.parametrize("system", experiments.SYSTEMS)
def test_every_system_is_what_its_name_says(system):
    model = experiments.build(OBJECTS, system, VOCABULARY, ("object",), seed=0)
    decoder = "UPerNet" if system.startswith("DGM") else system.split(" + ")[0].replace("V2", "Head")
    assert type(model.decoder).__name__ == decoder
    assert isinstance(model.backbone, HRNet if decoder == "HRNetHead" else ResNet)
    assert model.backbone.strides[-1] == (32 if decoder in ("UPerNet", "HRNetHead") else 8)
    assert (model.dgm is None) == ("DGM" not in system)
    assert model.dgm is None or (len(model.dgm.tdmp.gconvs) == 0) == ("w/o top-down" in system)
    assert str(model.heads["object"].conv) == "Identity()"


def test_paper_systems_have_the_published_sizes():
    """Parameters of backbone, decoder and a classifier of 150 classes; the modules alone are counted elsewhere."""
    names = [str(i) for i in range(150)]
    vocabulary, sizes = Vocabulary(objects=("-", *names)), {}
    config = presets.with_weights(presets.get("paper-objects"), "random")
    with torch.device("meta"):
        for system in ("UPerNet", "HRNetV2", "DeepLabV3", "OCNet", "CCNet", "APCNet"):
            model = experiments.build(config, system, vocabulary, ("object",), seed=0)
            parts = (model.backbone, model.decoder)
            sizes[system] = sum(p.numel() for part in parts for p in part.parameters())
    deep_101 = 42_623_936
    assert sizes["DeepLabV3"] == deep_101 + 16_125_440
    assert sizes["OCNet"] == deep_101 + 15_178_624
    assert sizes["CCNet"] == deep_101 + 23_924_353
    assert sizes["APCNet"] == deep_101 + 30_455_858


def test_a_misspelt_system_or_setting_is_told(tmp_path):
    with pytest.raises(ValueError, match="there is no 'GDM'; choose one of OCNet, APCNet, UPerNet, DGM"):
        Cell(SMOKE, "GDM", "O", 0, tmp_path)
    with pytest.raises(ValueError, match=r"there is no 'O\+M'; choose one of O\+P\+S, O\+P\+S\+M\+T, O, O\+P\+T\."):
        Cell(SMOKE, "DGM", "O+M", 0, tmp_path)


@pytest.mark.parametrize("seed", [-1, 2**30 + 1, 1.0, True])
def test_seeds_that_torch_cannot_take_are_told(seed, tmp_path):
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to 1073741824, not"):
        Cell(SMOKE, "DGM", "O", seed, tmp_path)


def test_training_starts_from_a_file_of_imagenet_weights(smoke_data, tmp_path, monkeypatch):
    weights = ResNet.from_name("resnet18", width=8).state_dict()
    save_file(weights, tmp_path / "imagenet.safetensors")
    seen = {}
    monkeypatch.setattr(experiments, "train", lambda network, *_, **__: seen.update(network.backbone.state_dict()))
    preset = presets.with_weights(SMOKE, str(tmp_path / "imagenet.safetensors"))
    Cell(preset, "UPerNet", "O+P+S", 0, smoke_data, tmp_path).train()
    assert all(bool((seen[name] == value).all()) for name, value in weights.items())
    with pytest.raises(ValueError, match="is not a file"):
        Cell(presets.with_weights(preset, "nowhere.pth"), "UPerNet", "O+P+S", 0, smoke_data, tmp_path).train()


@pytest.mark.parametrize("preset", ["paper", "paper-objects"])
def test_the_paper_s_presets_start_from_imagenet_and_say_which_file_is_missing(preset, tmp_path):
    preset = presets.get(preset)
    resnet = preset.model.backbone
    for system, backbone in (("UPerNet", resnet), ("OCNet", resnet), ("HRNetV2 + DGM", "hrnetv2-w48")):
        setting = preset.settings[0]
        told = rf"paper.*' starts from ImageNet, as the paper does: pass pretrained=FOLDER with {backbone}\.pth in it, "
        with pytest.raises(ValueError, match=told + ".* or pretrained=random to learn from scratch"):
            Cell(preset, system, setting, 0, tmp_path)
        random = Cell(presets.with_weights(preset, "random"), system, setting, 0, tmp_path).preset
        assert random.model.pretrained == ""
        given = presets.with_weights(preset, str(tmp_path))
        with pytest.raises(ValueError, match=rf"{backbone}\.pth is not a file; give the path"):
            Cell(given, system, setting, 0, tmp_path)


def test_weights_that_are_missing_are_told_before_data_are_read(tmp_path):
    for run in (partial(reproduce.reproduce, data=tmp_path), partial(train, data=tmp_path)):
        with pytest.raises(ValueError, match="'paper' starts from ImageNet"):
            run("paper")
        with pytest.raises(ValueError, match=r"resnet50\.pth is not a file"):
            run("paper", pretrained=str(tmp_path))


def test_random_weights_are_trained_in_full():
    mini = presets.with_weights(presets.get("mini"), "random")
    assert (mini.model.pretrained, mini.training.backbone_rate) == ("", 1.0)
    assert replace(mini, model=presets.get("mini").model, training=presets.get("mini").training) == presets.get("mini")


def test_the_appendix_s_rows_are_had_by_name():
    assert list(experiments.APPENDIX) == ["GCU", "HRNetV2", "HRNetV2 + DGM w/o top-down", "HRNetV2 + DGM"]
    assert set(experiments.APPENDIX) & set(experiments.TABLE1) == set()


def test_weights_come_from_a_folder_by_the_backbones_name(tmp_path):
    save_file(HRNet.from_name("hrnetv2-smoke").state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "weights.safetensors").rename(tmp_path / "hrnetv2-smoke.pth")
    preset = presets.with_weights(OBJECTS, str(tmp_path))
    with pytest.raises(ValueError, match=r"resnet18\.pth"):
        experiments.build(preset, "UPerNet", VOCABULARY, ("object",), seed=0)


def test_hrnet_learns_from_scratch_where_the_others_start_from_imagenet(tmp_path):
    """No package has its weights."""
    mini = presets.get("mini")
    alone = Cell(mini, "HRNetV2", "O+P+S", 0, tmp_path).preset
    assert (alone.model.pretrained, alone.training.backbone_rate) == ("", 1.0)
    assert Cell(mini, "DGM", "O+P+S", 0, tmp_path).preset == mini
    start, again = (
        experiments.build(mini, "UPerNet", VOCABULARY, ("object",), seed).backbone.state_dict() for seed in (0, 1)
    )
    published = EfficientNet.from_name("efficientnet-lite0")
    published.load("efficientnet-lite0")
    assert all(torch.equal(start[name], tensor) for name, tensor in published.state_dict().items())
    assert all(torch.equal(again[name], tensor) for name, tensor in published.state_dict().items())


@pytest.fixture
def folder(tmp_path):
    """Images with two classes, left and right, in the layout of `FolderDataset`."""
    side = np.arange(80)[None] // 40 * np.ones((64, 1), int)
    for split in ("train", "val"):
        for i in range(2):
            image = np.stack([side * 200 + i, side * 100, 255 - side * 200], -1)
            picture(tmp_path / "pictures" / split / "images" / f"{i}.png", image)
            picture(tmp_path / "pictures" / split / "labels" / f"{i}.png", side)
    (tmp_path / "pictures/names.txt").write_text("left\nright\n")
    return tmp_path / "pictures"


@pytest.fixture
def cell(folder, tmp_path):
    """Table 2's UPerNet with DGM, trained and scored on them."""
    cell = Cell(OBJECTS, "UPerNet + DGM", "O", 0, folder, tmp_path / "runs")
    cell.metrics(device="cpu", progress=False)
    return cell


def test_a_cell_is_trained_scored_and_read_back(cell, monkeypatch):
    for function in ("train", "count"):
        monkeypatch.setattr(experiments, function, lambda *_, **__: pytest.fail("not read back"))
    again = replace(cell)
    metrics = again.metrics()
    assert {"object/mIoU", "object/pixel accuracy", "object/mIoU (multi-scale)"} <= set(metrics)
    assert again.model().recipe["facts"]["data"] == "pictures"
    assert json.loads((cell.folder / "metrics.json").read_text())["data"] == "pictures"
    assert {"log.jsonl", "model.json", "model.safetensors"} <= {path.name for path in again.folder.iterdir()}
    counts = {task: torch.from_numpy(counted.sum(0)) for task, counted in again.counts().items()}
    assert fractions([counts], again.model().vocabulary).items() <= metrics.items()


def test_counts_of_a_cell_are_taken_anew_where_they_are_missing(cell):
    counts = cell.counts()
    (cell.folder / "counts.npz").unlink()
    assert all(np.array_equal(counts[task], counted) for task, counted in cell.counts().items())


def test_a_cut_graph_stays_cut_in_training_and_in_tests(folder, tmp_path):
    cell = Cell(OBJECTS, "DGM w/o graph", "O", 0, folder, tmp_path)
    cell.metrics(progress=False)
    assert cell.heard()["graph share"] == [0.0] * 4


def test_neither_the_place_of_the_data_nor_the_pace_of_training_makes_another_cell(cell, folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "elsewhere" / "named otherwise")
    monkeypatch.chdir(tmp_path)
    paced = replace(OBJECTS, training=replace(OBJECTS.training, workers=3, checkpoint_every=7))
    for other in (
        replace(cell, data=tmp_path / "elsewhere" / "named otherwise"),
        replace(cell, data=folder.relative_to(tmp_path)),
        replace(cell, preset=paced),
    ):
        assert other.folder == cell.folder


def test_other_settings_seeds_and_data_make_another_cell(cell, folder):
    others = [
        replace(cell, seed=1),
        replace(cell, system="UPerNet"),
        replace(cell, preset=replace(OBJECTS, model=replace(OBJECTS.model, em_iterations=3))),
        replace(cell, preset=replace(OBJECTS, training=replace(OBJECTS.training, lr=0.5))),
        replace(cell, preset=replace(OBJECTS, testing=replace(OBJECTS.testing, short_side=96))),
    ]
    before = [cell, *others]
    folders = {other.folder for other in before}
    (folder / "names.txt").write_text("left\nside\n")
    folders |= {replace(other).folder for other in before}
    assert len(folders) == 2 * len(before)


def test_weights_to_start_from_count_by_what_they_are(cell, tmp_path):
    def started(path):
        return replace(cell, preset=presets.with_weights(OBJECTS, str(path))).identity

    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "resnet18.pth").write_bytes(b"some")
    (weights / "resnet50.pth").write_bytes(b"of no say")
    shutil.copy(weights / "resnet18.pth", tmp_path / "copy.pth")
    assert started(weights) == started(tmp_path / "copy.pth") != cell.identity
    (tmp_path / "copy.pth").write_bytes(b"others")
    assert started(weights) != started(tmp_path / "copy.pth")


def test_what_is_not_the_cell_s_is_never_handed_out(cell):
    """A folder copied to where another cell's would be, and one whose metrics are damaged."""
    other = replace(cell, seed=1)
    with pytest.raises(FileNotFoundError, match=r"there is no model .*; train it or check the path"):
        other.model()
    shutil.copytree(cell.folder, other.folder)
    with pytest.raises(ValueError, match="holds the model of another cell; delete it and train again"):
        other.model()
    with pytest.raises(ValueError, match="belongs to a run with other settings or data; delete"):
        other.metrics(device="cpu", progress=False)
    measured = cell.metrics()
    assert cell.made() == f"{provenance()['commit']} on {provenance()['device']}"
    (cell.folder / "metrics.json").write_text('{"metrics": {"object/mIoU": 1')
    assert cell.metrics(device="cpu", progress=False) == measured


def test_a_damaged_cell_is_repaired_by_training_it_again(cell):
    weights = cell.folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-50])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged .*; delete it and train or copy it again"):
        cell.model()
    with pytest.warns(UserWarning, match="It is trained again now"):
        cell.train(device="cpu", progress=False)
    assert weights.read_bytes() == whole


def test_a_folder_of_pictures_has_objects_alone(folder, tmp_path):
    with pytest.raises(ValueError, match="has labels of object only, not of part, scene; choose a setting without"):
        Cell(SMOKE, "DGM", "O+P+S", 0, folder, tmp_path / "runs").metrics(device="cpu", progress=False)


def test_a_model_is_scored_on_the_device_that_was_asked_for(smoke_data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model = PerceptualParser.from_preset(SMOKE, None).eval()
    experiments.score(model, SMOKE, smoke_data, False, images=1, device="cpu")
    assert model.mean.device.type == "cpu"


def test_what_is_heard_is_heard_at_the_single_scale(smoke_data):
    dataset = BrodenPlus(smoke_data, "val", ("object",))
    model = experiments.build(OBJECTS, "UPerNet + DGM", dataset.vocabulary, ("object",), seed=0)
    single = replace(OBJECTS, testing=replace(OBJECTS.testing, multi_scale=()))
    several, one = (experiments.score(model, preset, smoke_data, False, images=2)[2] for preset in (OBJECTS, single))
    assert OBJECTS.testing.multi_scale
    assert several == one
