"""Training: resuming, repairing, texture last, what is logged, what is refused."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import ranks
import torch
from safetensors.torch import save_file
from tiny import blocks

from dgmlib import DeepGrouping, PerceptualParser, load_model, presets
from dgmlib.backbones import ResNet
from dgmlib.broden import BrodenPlus
from dgmlib.checkpoints import load_tensors
from dgmlib.decoders import DECODERS
from dgmlib.launch import sgd
from dgmlib.paths import UnwritableError
from dgmlib.reading import Reading
from dgmlib.training import train

SMOKE = presets.get("smoke")
TASKS = ("object", "part", "scene", "material", "texture")


def new_model(dataset, dgm="full"):
    torch.manual_seed(0)
    return PerceptualParser.from_preset(SMOKE, dgm, dataset.vocabulary, dataset.tasks)


def run(dataset, out, config=SMOKE.training, **kwargs):
    model = new_model(dataset)
    train(model, dataset, config, out, max_regions=SMOKE.model.max_regions, device="cpu", progress=False, **kwargs)
    return model


def log(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def dataset(smoke_data):
    return BrodenPlus(smoke_data, "train", TASKS)


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    """A run that nobody disturbed, and its folder."""
    out = tmp_path_factory.mktemp("run")
    return run(dataset, out).state_dict(), out


@pytest.mark.parametrize("after", [2, 4, 7])
def test_an_interrupted_run_ends_in_the_same_bits(dataset, finished, tmp_path, monkeypatch, after):
    """Interrupted before the first checkpoint, between two, and while the texture head is trained."""
    calls = []

    def interrupt(_):
        calls.append(1)
        if len(calls) == after:
            raise KeyboardInterrupt

    every = replace(SMOKE.training, checkpoint_every=3)
    with monkeypatch.context() as patch:
        patch.setattr("dgmlib.training.LOG_EVERY", 1)
        with pytest.raises(KeyboardInterrupt):
            run(dataset, tmp_path, every, on_log=interrupt)
    assert (tmp_path / "checkpoint.safetensors").exists() == (after >= 3)
    resumed = run(dataset, tmp_path, every).state_dict()
    assert all(torch.equal(resumed[name], value) for name, value in finished[0].items())
    assert not (tmp_path / "checkpoint.safetensors").exists()
    iterations = [(r["phase"], r["iteration"]) for r in log(tmp_path)]
    assert iterations == sorted(set(iterations))


def test_a_finished_run_is_not_trained_again(dataset, finished):
    before = (finished[1] / "model.safetensors").stat().st_mtime_ns
    again = run(dataset, finished[1], on_log=lambda _: pytest.fail("trained again")).state_dict()
    assert all(torch.equal(again[name], value) for name, value in finished[0].items())
    assert (finished[1] / "model.safetensors").stat().st_mtime_ns == before


def test_load_model_gives_the_same_predictions(dataset, finished):
    loaded = load_model(finished[1] / "model")
    model = new_model(dataset).eval()
    model.load_state_dict(finished[0])
    images, labels = torch.rand(1, 3, 64, 64), blocks(64, 64, 16)
    for task, logits in model(images, labels).items():
        assert torch.equal(loaded(images, labels)[task], logits)
    assert loaded.vocabulary == dataset.vocabulary
    assert json.loads((finished[1] / "model.json").read_text())["facts"]["seed"] == 0


def test_texture_is_trained_last_and_touches_nothing_else(dataset, finished, tmp_path):
    config = replace(SMOKE.training, texture_iterations=1)
    one = run(dataset, tmp_path, config).state_dict()
    changed = {name for name, value in finished[0].items() if not torch.equal(one[name], value)}
    assert changed
    assert all(name.startswith("heads.texture.") for name in changed)


def test_the_schedule_is_poly(dataset, finished):
    last = [r for r in log(finished[1]) if r["phase"] == 0][-1]
    config = SMOKE.training
    assert last["iteration"] == config.iterations
    assert last["lr"] == pytest.approx(config.lr * (1 - (config.iterations - 1) / config.iterations) ** config.power)


def test_weight_decay_spares_biases_and_normalisation(dataset):
    model = new_model(dataset)
    groups = sgd(model, SMOKE.training).param_groups
    decayed, spared = (
        [p for g in groups if bool(g["weight_decay"]) == decays for p in g["params"]] for decays in (1, 0)
    )
    assert sum(p.numel() for p in decayed + spared) == sum(p.numel() for p in model.parameters())
    norms = [p for m in model.modules() if "Norm" in type(m).__name__ for p in m.parameters(recurse=False)]
    assert {id(p) for p in norms} <= {id(p) for p in spared}
    assert all(p.dim() > 1 for p in decayed)


@pytest.mark.parametrize(("rate", "moves"), [(0.0, False), (0.1, True)])
def test_a_pretrained_backbone_keeps_its_statistics_and_at_rate_0_its_weights(dataset, tmp_path, rate, moves):
    before = new_model(dataset).backbone.state_dict()
    model = run(dataset, tmp_path, replace(SMOKE.training, backbone_rate=rate))
    after = model.backbone.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before if "running" in name)
    assert any(not torch.equal(after[name], before[name]) for name in before if "weight" in name) == moves
    assert all(p.requires_grad for p in model.parameters())


def test_the_log_says_how_well_the_graph_is_heard(dataset, finished):
    for record in log(finished[1]):
        assert [len(record[name]) for name in ("residual share", "graph share", "rank")] == [4, 4, 4]
        assert all(0 <= share <= 1 for share in record["residual share"] + record["graph share"])
        assert min(record["rank"]) >= 1


def test_with_and_without_dgm_the_first_step_is_the_same(dataset, tmp_path):
    """Same start, same batch, same random numbers of dropout: a residual of zero leaves the same loss."""
    model, losses = replace(SMOKE.model, decoder="deeplabv3", reading=Reading(start=0.0)), {}
    for dgm in (None, "full"):
        torch.manual_seed(0)
        network = PerceptualParser.from_config(model, dataset.vocabulary, dgm, ("object", "scene"))
        out = tmp_path / str(dgm)
        train(network, dataset, replace(SMOKE.training, iterations=1), out, 3, 32, "cpu", progress=False)
        losses[dgm] = log(out)[0]["loss"]
        assert network.dgm is None or network.dgm.emgp.draw is torch.rand
    assert losses["full"] == losses[None]


def test_a_checkpoint_of_other_settings_is_refused(dataset, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    config = replace(SMOKE.training, checkpoint_every=1)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, tmp_path, replace(config, iterations=10), on_log=interrupt)
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        run(dataset, tmp_path, replace(config, iterations=10, lr=0.5))
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        run(dataset, tmp_path, replace(config, iterations=10), identity="of other data")


def test_a_finished_model_of_other_settings_is_refused_and_left_alone(dataset, finished):
    before = (finished[1] / "model.safetensors").read_bytes()
    for config, more in ((replace(SMOKE.training, lr=0.5), {}), (SMOKE.training, {"identity": "of other data"})):
        with pytest.raises(
            ValueError, match=r"model belongs to a run with other settings or data; delete .* or choose"
        ):
            run(dataset, finished[1], config, **more)
    model = new_model(dataset)
    before_weights = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        train(model, dataset, SMOKE.training, finished[1], 1, SMOKE.model.max_regions, "cpu", progress=False)
    assert all(torch.equal(value, before_weights[name]) for name, value in model.state_dict().items())
    assert "facts" not in model.recipe
    renamed = replace(dataset.vocabulary, scenes=tuple(f"a {name}" for name in dataset.vocabulary.scenes))
    other = PerceptualParser.from_preset(SMOKE, "full", renamed, dataset.tasks)
    with pytest.raises(ValueError, match="of another network or other classes"):
        train(other, dataset, SMOKE.training, finished[1], max_regions=32, device="cpu", progress=False)
    assert (finished[1] / "model.safetensors").read_bytes() == before


def test_the_pace_of_saving_and_loading_makes_no_other_run(dataset, finished):
    paced = replace(SMOKE.training, checkpoint_every=2, workers=3)
    run(dataset, finished[1], paced, on_log=lambda _: pytest.fail("trained again"))


@pytest.mark.parametrize("damage", ["weights gone", "weights cut", "weights not finite", "recipe cut"])
def test_a_damaged_finished_model_is_told_and_trained_again(dataset, finished, tmp_path, damage):
    weights, recipe = tmp_path / "model.safetensors", tmp_path / "model.json"
    for path in (weights, recipe):
        path.write_bytes((finished[1] / path.name).read_bytes())
    if damage == "weights gone":
        weights.unlink()
    elif damage == "weights not finite":
        tensors = load_tensors(weights)[0]
        tensors["heads.scene.classifier.bias"][0] = float("nan")
        save_file(tensors, weights)
    else:
        path = recipe if damage == "recipe cut" else weights
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(UserWarning, match=r"model\.(json|safetensors) is .*It is trained again now"):
        repaired = run(dataset, tmp_path).state_dict()
    assert all(torch.equal(repaired[name], value) for name, value in finished[0].items())
    assert load_model(tmp_path / "model") is not None


def test_a_network_of_one_s_own_parts_is_trained_like_one_of_a_preset(dataset, finished, tmp_path):
    """The parts of preset smoke, put together by hand: the same weights, on disk too; trained once."""

    def put_together():
        torch.manual_seed(0)
        backbone = ResNet.from_name("resnet18", "7x7", 32, 8)
        decoder = DECODERS["upernet"](backbone.channels, 16, (1, 2, 3))
        model = PerceptualParser(backbone, decoder, dataset.vocabulary, None, dataset.tasks)
        model.dgm = DeepGrouping(decoder.channels, 16, iterations=2, testing_iterations=2)
        return model

    for on_log in (None, lambda _: pytest.fail("trained again")):
        model = put_together()
        train(model, dataset, SMOKE.training, tmp_path, 0, 32, "cpu", progress=False, on_log=on_log)
        assert all(torch.equal(model.state_dict()[name], value) for name, value in finished[0].items())
    with pytest.raises(ValueError, match="put together by the constructor"):
        load_model(tmp_path / "model")
    loaded = load_model(tmp_path / "model", network=put_together())
    assert torch.equal(loaded.heads["scene"].classifier.bias, model.heads["scene"].classifier.bias)
    assert (loaded.recipe["facts"]["max_regions"], loaded.recipe["facts"]["training"]["batch_size"]) == (32, 2)


def test_a_diverging_run_says_so(dataset, tmp_path):
    with pytest.raises(FloatingPointError, match="lower lr"):
        run(dataset, tmp_path, replace(SMOKE.training, lr=1e30))


def test_a_training_that_fails_leaves_no_trace_in_the_network(dataset, tmp_path):
    model = new_model(dataset)
    with pytest.raises(FloatingPointError):
        train(
            model, dataset, replace(SMOKE.training, lr=1e30, backbone_rate=0.0), tmp_path, device="cpu", progress=False
        )
    assert model.dgm.emgp.draw is torch.rand
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_any_number_of_processes_computes_what_one_does(smoke_data, tmp_path):
    """Two processes, stopped in their third step, and one that goes on, against one."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", ranks.__file__]
    done = subprocess.run([*command, smoke_data, tmp_path / "n", "3"], capture_output=True, text=True, timeout=240)
    assert "stopped" in done.stderr, done.stderr[-2000:]
    assert len(log(tmp_path / "n")) == 3
    ranks.train(smoke_data, tmp_path / "n")
    ranks.train(smoke_data, tmp_path / "1")
    one, several = (load_tensors(tmp_path / out / "model.safetensors")[0] for out in "1n")
    torch.testing.assert_close(several, one, rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(log(tmp_path / "n"), log(tmp_path / "1"), strict=True):
        for task in set(TASKS) & set(theirs):
            assert ours[task] == pytest.approx(theirs[task], rel=1e-9)


def test_one_folder_has_one_trainer(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("dgmlib.checkpoints.PATIENCE", 0.1)
    holder = "import sys, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print('held', flush=True)"
    holder += "; input()"
    (tmp_path / "run").mkdir()
    lock = str(tmp_path / "run" / ".lock")
    with subprocess.Popen(
        [sys.executable, "-c", holder, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=r"another process trains in .*run; wait until it is done, or end it"):
            run(dataset, tmp_path / "run")
        other.kill()
    monkeypatch.setattr("dgmlib.checkpoints.PATIENCE", 10)
    run(dataset, tmp_path / "run")  # a dead process holds nothing
    left = {".lock", "log.jsonl", "model.json", "model.safetensors"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == left


@pytest.mark.parametrize("name", ["log.jsonl", "checkpoint.safetensors", "model.safetensors", "model.json"])
def test_a_full_disk_is_told_and_the_same_call_goes_on(dataset, finished, tmp_path, monkeypatch, name):
    """The disk is full when the third writing of the log, or the first of another file, is done."""
    every = replace(SMOKE.training, checkpoint_every=3)
    left = [3 if name == "log.jsonl" else 1]

    def full(self, *arguments, **options):
        if self.name == name or (self.name.startswith(f".{name.split('.')[0]}-") and self.suffix == Path(name).suffix):
            left[0] -= 1
            if left[0] == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return usual(self, *arguments, **options)

    usual = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        with pytest.raises(UnwritableError, match=rf"{name} cannot be written \(No space left on device\); make room"):
            run(dataset, tmp_path, every)
    repaired = run(dataset, tmp_path, every).state_dict()
    assert all(torch.equal(repaired[key], value) for key, value in finished[0].items())
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") and path.name != ".lock"]
