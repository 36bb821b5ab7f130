"""Models on disk: what was saved is what is loaded, and what is missing, damaged or foreign is told by its name."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny import VOCABULARY

from dgmlib import DeepGrouping, PerceptualParser, checkpoints, load_model, presets, save_model
from dgmlib.backbones import ResNet
from dgmlib.checkpoints import DamagedFileError, load_tensors, save_tensors
from dgmlib.decoders import DECODERS
from dgmlib.paths import UnwritableError


def new_model(tasks=("scene", "object", "part", "material", "texture"), seed=0):
    torch.manual_seed(seed)
    return PerceptualParser.from_preset("smoke", "full", VOCABULARY, tasks)


def put_together(channels=16):
    """A network of one's own parts, by the constructor."""
    torch.manual_seed(1)
    backbone = ResNet.from_name("resnet18", "7x7", 32, 8)
    decoder = DECODERS["upernet"](backbone.channels, channels, (1, 2, 3))
    return PerceptualParser(backbone, decoder, VOCABULARY, DeepGrouping(decoder.channels, 16), ("object", "scene"))


def equal(one, other):
    return all(torch.equal(other.state_dict()[name], value) for name, value in one.state_dict().items())


def edit(path, **changes):
    recipe = json.loads(path.read_text())
    path.write_text(json.dumps({**recipe, **changes}))


@pytest.fixture
def saved(tmp_path):
    """A model's path, and the model."""
    model = new_model()
    save_model(model, tmp_path / "model.v2", data="drawn")
    return tmp_path / "model.v2", model


def test_what_was_saved_is_loaded(saved):
    path, model = saved
    loaded = load_model(path)
    assert equal(model, loaded)
    assert not loaded.training
    assert loaded.vocabulary == VOCABULARY
    assert loaded.recipe["facts"] == {"data": "drawn"}
    assert {file.name for file in path.parent.iterdir()} == {"model.v2.json", "model.v2.safetensors"}


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_model_may_be_named_by_one_of_its_files(saved, suffix):
    path, model = saved
    assert equal(model, load_model(f"{path}{suffix}"))


def test_a_network_of_one_s_own_parts_is_saved_and_loaded_into_another_of_them(tmp_path):
    save_model(put_together(), tmp_path / "mine")
    other = put_together()
    torch.nn.init.zeros_(other.heads["scene"].classifier.weight)
    assert load_model(tmp_path / "mine", network=other) is other
    assert equal(put_together(), other)
    with pytest.raises(ValueError, match=r"put together by the constructor of PerceptualParser; .* network="):
        load_model(tmp_path / "mine")
    with pytest.raises(ValueError, match="does not fit PerceptualParser"):
        load_model(tmp_path / "mine", network=put_together(channels=8))


def test_weights_are_never_loaded_into_another_network(saved):
    path, _ = saved
    renamed = replace(VOCABULARY, objects=("-", "dog", "sky", "car"))
    for dgm, vocabulary in (("no_top_down", VOCABULARY), ("full", renamed)):
        network = PerceptualParser.from_preset("smoke", dgm, vocabulary)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        with pytest.raises(ValueError, match=r"model\.v2\.json is of another network or other classes"):
            load_model(path, network=network)
        assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())


def test_where_weights_were_started_from_does_not_make_another_network(saved):
    path, model = saved
    network = new_model(seed=5)
    network.recipe["model"]["pretrained"] = "/another/place/resnet18.pth"
    assert equal(model, load_model(path, network=network))


def test_damaged_and_missing_files_are_named(saved, tmp_path):
    path, _ = saved
    weights, recipe = (path.with_name(path.name + suffix) for suffix in (".safetensors", ".json"))
    with pytest.raises(FileNotFoundError, match=r"model\.json is missing"):
        load_model(tmp_path / "model")
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedFileError, match=r"model\.v2\.safetensors is damaged"):
        load_model(path)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="is missing; train the model again"):
        load_tensors(weights)
    weights.write_bytes(whole)
    edit(recipe, tasks=["object"])
    with pytest.raises(ValueError, match=r"unexpected heads\.scene"):
        load_model(path)


@pytest.mark.parametrize(
    "text",
    [b"{}", b"[]", b"3", b"{", b"", b"\xff\xfe", b"[" * 100_000, b'{"vocabulary": {}, "model": 3}'],
)
def test_what_is_no_recipe_is_told(saved, text):
    path, _ = saved
    path.with_name(path.name + ".json").write_bytes(text)
    with pytest.raises(DamagedFileError, match=r"model\.v2\.json is not a dgmlib recipe"):
        load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"em_iterations": 1e12},
        {"dim": "64"},
        {"stem": 5},
        {"colour": "red"},
        {"reading": {"sigma2": 0}},
        {"reading": {"bandwidth": float("nan")}},
    ],
)
def test_a_recipe_of_an_impossible_network_is_told(saved, changes):
    path, model = saved
    edit(path.with_name(path.name + ".json"), model=model.recipe["model"] | changes)
    (field,) = changes.get("reading", changes)
    with pytest.raises(DamagedFileError, match=field):
        load_model(path)


def test_a_network_far_too_large_for_its_weights_takes_no_memory(saved):
    path, model = saved
    edit(path.with_name(path.name + ".json"), model=model.recipe["model"] | {"dim": 2**16})
    with pytest.raises(ValueError, match="does not fit PerceptualParser"):
        load_model(path)  # 2^16 x 2^16 weights a layer are 17 GB


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_neither_written_nor_read(saved, value):
    path, model = saved
    weights = path.with_name(path.name + ".safetensors")
    before = weights.read_bytes()
    with torch.no_grad():
        model.heads["scene"].classifier.bias[0] = value
    with pytest.raises(FloatingPointError, match=r"heads\.scene\.classifier\.bias is not finite.*lower lr"):
        save_model(model, path)
    assert weights.read_bytes() == before
    save_file(model.state_dict(), weights)
    with pytest.raises(DamagedFileError, match=r"damaged \(heads\.scene\.classifier\.bias is not finite\); delete it"):
        load_model(path)


def test_weights_are_not_replaced_where_their_recipe_cannot_be(saved, monkeypatch):
    path, model = saved
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with torch.no_grad():
        model.heads["scene"].classifier.bias += 1

    def full(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UnwritableError, match=r"json cannot be written"):
        save_model(model, path, note="another training")
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_full_disk_is_told_as_such(tmp_path, monkeypatch):
    def full(*_):
        raise checkpoints.SafetensorError("No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(UnwritableError, match=r"weights\.safetensors cannot be written \(No space left on device\)"):
        save_tensors({"a": torch.zeros(1)}, tmp_path / "weights.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_damaged_checkpoint_is_named(tmp_path):
    path, model = tmp_path / "checkpoint.safetensors", new_model()
    for metadata in ({}, {"run": "{", "phase": "0", "iteration": "1"}, {"run": "{}", "phase": "", "iteration": "1"}):
        save_tensors(model.state_dict(), path, metadata)
        with pytest.raises(DamagedFileError, match=r"checkpoint\.safetensors is damaged .*; delete it and train again"):
            checkpoints.load_checkpoint(path, model, {})


def test_a_log_goes_on_from_the_checkpoint(tmp_path):
    path = tmp_path / "log.jsonl"
    records = [{"phase": 0, "iteration": 10}, {"phase": 0, "iteration": 20}, {"phase": 1, "iteration": 10}]
    path.write_text("\n".join(map(json.dumps, records)) + '\n{"phase": 1, "iter')
    checkpoints.cut_log(path, (0, 20))
    checkpoints.log(path, {})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [*records[:2], {}]
    path.write_text("{}\n")
    with pytest.raises(DamagedFileError, match=r"log\.jsonl is damaged .* delete it"):
        checkpoints.cut_log(path, (0, 20))


def test_weights_that_pip_installed_are_not_stored_again(tmp_path):
    config = replace(presets.get("mini").model, dim=16)
    torch.manual_seed(0)
    model = PerceptualParser.from_config(config, VOCABULARY, None, ("object",)).eval()
    model.backbone.load(config.backbone)
    with torch.no_grad():
        model.backbone.blocks[3].project_conv.weight += 0.01  # one that was tuned
    save_model(model, tmp_path / "model")
    stored = [name for name in load_tensors(tmp_path / "model.safetensors")[0] if name.startswith("backbone.")]
    assert stored == ["backbone.blocks.3.project_conv.weight"]
    assert equal(load_model(tmp_path / "model"), model)
    save_model(model, tmp_path / "half", torch.float16)
    half, image = load_model(tmp_path / "half"), torch.rand(1, 3, 64, 64)
    assert half.backbone.conv_stem.weight.dtype == torch.float32
    assert torch.equal(half.backbone.conv_stem.weight, model.backbone.conv_stem.weight)
    torch.testing.assert_close(half(image)["object"], model(image)["object"], atol=0.02, rtol=0.02)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "model.safetensors").stat().st_size


def test_facts_that_cannot_be_written_replace_nothing(tmp_path):
    save_model(new_model(), tmp_path / "model", seed=0)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        save_model(new_model(seed=1), tmp_path / "model", folder=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
