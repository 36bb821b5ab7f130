"""Cells of Tables 1 and 2: what is built, from which weights, on which data, into which folder."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from dgmlib import experiments, presets
from dgmlib.backbones import HRNet, ResNet
from dgmlib.broden import Vocabulary

VOCABULARY = Vocabulary(objects=("-", "cat", "sky", "car"))


@pytest.mark.parametrize("system", experiments.SYSTEMS)
def test_every_system_is_what_its_name_says(system):
    model = experiments.build(presets.get("smoke").single_task, system, VOCABULARY, ("object",), seed=0)
    decoder = "UPerNet" if system.startswith("DGM") else system.split(" + ")[0].replace("V2", "Head")
    assert type(model.decoder).__name__ == decoder
    assert isinstance(model.backbone, HRNet if decoder == "HRNetHead" else ResNet)
    assert model.backbone.strides[-1] == (32 if decoder in ("UPerNet", "HRNetHead") else 8)
    assert (model.dgm is None) == ("DGM" not in system)
    assert model.dgm is None or (len(model.dgm.tdmp.gconvs) == 0) == ("w/o" in system)
    assert str(model.heads["object"].conv) == "Identity()"


def test_paper_systems_have_the_published_sizes():
    """Parameters of backbone, decoder and a classifier of 150 classes; the modules alone are counted elsewhere."""
    names = [str(i) for i in range(150)]
    vocabulary, sizes = Vocabulary(objects=("-", *names)), {}
    config = presets.get("paper").single_task
    with torch.device("meta"):
        for system in ("UPerNet", "HRNetV2", "DeepLabV3", "OCNet", "CCNet", "APCNet"):
            model = experiments.build(config, system, vocabulary, ("object",), seed=0)
            sizes[system] = sum(p.numel() for p in model.parameters()) - sum(
                p.numel() for p in model.heads.parameters()
            )
    deep_101 = 42_623_936
    assert sizes["DeepLabV3"] == deep_101 + 16_125_440
    assert sizes["OCNet"] == deep_101 + 15_178_624
    assert sizes["CCNet"] == deep_101 + 23_924_353
    assert sizes["APCNet"] == deep_101 + 30_455_858


def test_other_settings_get_another_folder(smoke_data):
    smoke = presets.get("smoke")
    folders = {
        experiments.cell_folder(preset, "DGM", "O+P+S", seed, smoke_data)
        for preset in (smoke, presets.Preset("smoke", "Broden-mini (smoke)", mini="smoke"))
        for seed in (0, 1)
    }
    assert len(folders) == 4


def test_presets_on_broden_plus_ask_for_the_data():
    with pytest.raises(ValueError, match="which you bring: pass the folder"):
        experiments.data_root(presets.get("paper"))


def test_training_starts_from_a_file_of_imagenet_weights(smoke_data, tmp_path, monkeypatch):
    weights = ResNet.from_name("resnet18", width=8).state_dict()
    save_file(weights, tmp_path / "imagenet.safetensors")
    seen = {}
    monkeypatch.setattr(experiments, "train", lambda network, *_, **__: seen.update(network.backbone.state_dict()))
    preset = presets.with_weights(presets.get("smoke"), str(tmp_path / "imagenet.safetensors"))
    experiments.train_cell(preset, "UPerNet", "O+P+S", 0, smoke_data, tmp_path)
    assert all(bool((seen[name] == value).all()) for name, value in weights.items())
    with pytest.raises(ValueError, match="is not a file"):
        experiments.train_cell(presets.with_weights(preset, "nowhere.pth"), "UPerNet", "O+P+S", 0, smoke_data, tmp_path)


def test_weights_come_from_a_folder_by_the_backbones_name(tmp_path):
    save_file(HRNet.from_name("hrnetv2-smoke").state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "weights.safetensors").rename(tmp_path / "hrnetv2-smoke.pth")
    preset = presets.with_weights(presets.get("smoke"), str(tmp_path)).single_task
    with pytest.raises(ValueError, match=r"resnet18\.pth"):
        experiments.build(preset, "UPerNet", VOCABULARY, ("object",), seed=0)
    with pytest.raises(ValueError, match="torchvision has no weights of hrnetv2-smoke"):
        experiments.build(
            presets.with_weights(presets.get("smoke"), "imagenet"), "HRNetV2", VOCABULARY, ("object",), seed=0
        )


@pytest.fixture
def folder(tmp_path):
    """Images with two classes, left and right, in the layout of `FolderDataset`."""
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "pictures" / split / kind).mkdir(parents=True)
        for i in range(2):
            side = np.arange(80)[None] // 40 * np.ones((64, 1), int)
            image = np.stack([side * 200 + i, side * 100, 255 - side * 200], -1).astype(np.uint8)
            Image.fromarray(image).save(tmp_path / "pictures" / split / "images" / f"{i}.png")
            Image.fromarray(side.astype(np.uint8)).save(tmp_path / "pictures" / split / "labels" / f"{i}.png")
    (tmp_path / "pictures/names.txt").write_text("left\nright\n")
    return tmp_path / "pictures"


def test_a_folder_of_pictures_goes_through_the_same_runs(folder, tmp_path):
    preset = presets.get("smoke")
    root = experiments.data_root(preset, folder)
    metrics = experiments.run(preset, "UPerNet + DGM", "O", 0, root, tmp_path / "runs", device="cpu", progress=False)
    assert {"object/mIoU", "object/mIoU (multi-scale)"} <= set(metrics)
    own = experiments.settings_for(preset, ("object",), root)
    assert own.data == "pictures"  # never passed off as Broden-mini
    with pytest.raises(ValueError, match="has labels of objects only, not of object, part, scene; choose setting O"):
        experiments.run(preset, "DGM", "O+P+S", 0, root, tmp_path / "runs", device="cpu", progress=False)
