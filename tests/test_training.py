"""Training: resuming, checkpoints, texture last, what is logged, what is refused."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from dgmlib import presets
from dgmlib.broden import BrodenPlus
from dgmlib.checkpoints import load_model, load_tensors, save_model
from dgmlib.parsing import PerceptualParser
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
    images, labels = torch.rand(1, 3, 64, 64), (torch.arange(64)[:, None] // 16 * 4 + torch.arange(64) // 16)[None]
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
    from dgmlib.training import _sgd

    model = new_model(dataset)
    groups = _sgd(model, SMOKE.training).param_groups
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
        assert network.dgm is None or network.dgm.emgp.generator is None
    assert losses["full"] == losses[None]


def test_a_checkpoint_of_other_settings_is_refused(dataset, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    config = replace(SMOKE.training, checkpoint_every=1)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, tmp_path, replace(config, iterations=10), on_log=interrupt)
    with pytest.raises(ValueError, match="belongs to a run with other settings"):
        run(dataset, tmp_path, replace(config, iterations=10, lr=0.5))


def test_a_diverging_run_says_so(dataset, tmp_path):
    with pytest.raises(FloatingPointError, match="lower lr"):
        run(dataset, tmp_path, replace(SMOKE.training, lr=1e30))


def test_damaged_and_missing_files_are_named(dataset, finished, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.json is missing"):
        load_model(tmp_path / "model")
    save_model(new_model(dataset), tmp_path / "model")
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        load_model(tmp_path / "model")
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="is missing; train the model again"):
        load_tensors(weights)
    weights.write_bytes((finished[1] / "model.safetensors").read_bytes())
    recipe = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**recipe, "tasks": ["object"]}))
    with pytest.raises(ValueError, match=r"unexpected heads\.scene"):
        load_model(tmp_path / "model")
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="not a dgmlib recipe"):
        load_model(tmp_path / "model")


def test_two_processes_train_one_model(smoke_data, tmp_path):
    """The same command under torchrun: gradients are averaged and one process writes."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, pathlib, sys, torch\n"
        "from dgmlib import presets, PerceptualParser, BrodenPlus\n"
        "from dgmlib.training import train\n"
        "torch.set_num_threads(1)\n"
        "preset = presets.get('smoke')\n"
        "data = BrodenPlus(sys.argv[1], 'train', ('object', 'part', 'scene'))\n"
        "torch.manual_seed(0)\n"
        "model = PerceptualParser.from_preset(preset, None, data.vocabulary, data.tasks)\n"
        "train(model, data, preset.training, sys.argv[2], max_regions=32, device='cpu', progress=False)\n"
        "total = sum(p.double().sum() for p in model.parameters()).item()\n"
        "pathlib.Path(sys.argv[2] + '-total-' + os.environ['RANK']).write_text(repr(total))\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, smoke_data, tmp_path / "run"], capture_output=True, text=True, env=environment, timeout=240
        )
    except subprocess.TimeoutExpired:
        pytest.fail("two processes did not finish in four minutes")
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = ((tmp_path / f"run-total-{rank}").read_text() for rank in (0, 1))
    assert first == second
    assert load_model(tmp_path / "run" / "model") is not None
