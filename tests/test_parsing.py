"""PerceptualParser: sizes, tasks, what a preset builds, what is refused."""

from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from tiny import VOCABULARY, blocks
from torch.nn.parallel.distributed import _find_tensors  # no public name tells

from dgmlib import TASKS, DeepGrouping, Vocabulary, presets
from dgmlib.decoders import DECODERS
from dgmlib.parsing import PerceptualParser
from dgmlib.reading import Reading


def broden_plus_vocabulary() -> Vocabulary:
    """Names do not matter for counting: Broden+'s 336 objects, 427 part channels, 365 scenes, 26 materials."""
    names = [tuple(map(str, range(n))) for n in (336, 153, 365, 26, 47)]
    parts = {i: tuple(range(6 if i <= 42 else 5)) for i in range(1, 78)}  # 42 x 6 + 35 x 5 = 427
    return Vocabulary(*names, object_parts=parts)


def test_official_upernet_has_its_published_number_of_parameters():
    with torch.device("meta"):
        tasks = ("scene", "object", "part", "material")
        model = PerceptualParser.from_preset("paper", dgm=None, vocabulary=broden_plus_vocabulary(), tasks=tasks)
    assert sum(p.numel() for p in model.parameters()) == 74_178_626
    heads = {task: sum(p.numel() for p in head.parameters()) for task, head in model.heads.items()}
    assert heads == {"scene": 2_547_565, "object": 2_532_688, "part": 2_579_371, "material": 2_373_658}


@pytest.mark.parametrize(("dgm", "more"), [("full", 4_467_712), ("no_top_down", 3_417_088)])
def test_dgm_adds_what_table_3_prints(dgm, more):
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in PerceptualParser.from_preset("paper", d, VOCABULARY).parameters())
            for d in (None, dgm)
        ]
    assert sizes[1] - sizes[0] == more


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("decoder", DECODERS)
def test_a_network_of_any_precision_parses_alike(decoder, kind):
    """From images in float32, too."""
    config = replace(presets.get("smoke").model, decoder=decoder)
    model = PerceptualParser.from_config(config, VOCABULARY, "full").eval()
    images, labels = torch.rand(1, 3, 64, 64), blocks(64, 64, 16)
    with torch.inference_mode():
        expected, found = model(images, labels), model.to(kind)(images, labels)
    for task, logits in found.items():
        assert logits.dtype == kind
        assert (logits - expected[task]).norm() < 0.1 * expected[task].norm()


@pytest.mark.parametrize("dgm", ["full", "no_top_down", "plus", None])
def test_every_task_gets_logits_of_its_size(dgm):
    model = PerceptualParser.from_preset("smoke", dgm, VOCABULARY)
    labels = blocks(64, 96, 16).expand(2, 64, 96)
    out = model(torch.rand(2, 3, 64, 96), labels)
    assert {task: tuple(t.shape) for task, t in out.items()} == {
        "scene": (2, 3),
        "object": (2, 4, 16, 24),
        "part": (2, 5, 16, 24),
        "material": (2, 3, 16, 24),
        "texture": (2, 2, 16, 24),
    }
    assert (out.grouping is None) == (dgm is None)
    assert set(model(torch.rand(1, 3, 64, 64), labels[:1, :, :64], tasks=("scene",))) == {"scene"}


@pytest.mark.parametrize("decoder", ["upernet", "hrnet", "deeplabv3"])
def test_networks_of_one_seed_share_all_weights_but_those_of_the_grouping(decoder):
    """So whatever a pair differs in after training comes from the Deep Grouping Model, not from the start."""
    config, weights = replace(presets.get("smoke").model, decoder=decoder), {}
    for dgm in (None, "no_top_down", "full", "plus"):
        torch.manual_seed(4)
        weights[dgm] = PerceptualParser.from_config(config, VOCABULARY, dgm).state_dict()
    assert set(weights[None]) < set(weights["no_top_down"]) < set(weights["full"]) < set(weights["plus"])
    for smaller, larger in ((None, "full"), ("no_top_down", "full"), ("full", "plus")):
        assert all(torch.equal(tensor, weights[larger][name]) for name, tensor in weights[smaller].items())


def test_a_wrapper_that_converts_outputs_leaves_the_grouping():
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY).eval()
    squares = blocks(64, 64, 16)
    wrapped = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed").setup_module(model)
    parsed = wrapped(torch.rand(1, 3, 64, 64), squares)
    assert torch.equal(parsed.grouping.label_map(1), squares)
    assert set(parsed.keys()) == set(TASKS)
    assert len(parsed) == len(list(parsed)) == len(TASKS)


@pytest.mark.parametrize(
    ("combine", "first", "counts"),
    [("sum", "neighbours", (6_833_152, 7_883_776)), ("concat", "pooled", (8_540_416, 9_591_040))],
)
def test_the_backbone_s_maps_need_embeddings_that_table_3_has_no_room_for(combine, first, counts):
    reading = Reading(combine=combine, first=first)
    networks = (DeepGrouping((256, 512, 1024, 2048), top_down=t, reading=reading) for t in (False, True))
    assert tuple(sum(p.numel() for p in network.parameters()) for network in networks) == counts


def test_groups_of_the_backbone_s_maps_as_sec_5_2_has_them():
    config = replace(presets.get("smoke").model, groups="backbone")
    torch.manual_seed(0)
    model = PerceptualParser.from_config(config, VOCABULARY, "full").eval()
    assert model.dgm.in_channels == tuple(model.backbone.channels)
    image, regions = torch.rand(1, 3, 64, 64), blocks(64, 64, 16)
    seen = []
    model.decoder.levels, levels = lambda features: seen.append(features) or levels(features), model.decoder.levels
    with torch.no_grad():
        parsed = model(image, regions)
        features = model.backbone((image - model.mean) / model.std)
        residuals, _ = model.dgm(features, regions)
    for given, f, residual in zip(seen[0], features, residuals, strict=True):
        torch.testing.assert_close(given, f + residual, atol=1e-4, rtol=1e-4)
    assert parsed["scene"].shape == (1, len(VOCABULARY.scenes))
    with pytest.raises(ValueError, match=r"dgm expects levels of \(8, 16, 32, 64\) channels, the decoder gives"):
        PerceptualParser(model.backbone, model.decoder, VOCABULARY, model.dgm)


def test_every_residual_and_the_readout_reach_a_head():
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY)
    labels = blocks(64, 64, 16).expand(2, 64, 64)
    sum(t.square().mean() for t in model(torch.rand(2, 3, 64, 64), labels).values()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.dgm.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image, regions: (image[0], regions), r"images must be a floating tensor \(B, 3, H, W\).*\(3, 64, 64\)"),
        (lambda image, regions: (image.permute(0, 2, 3, 1), regions), r"not torch.float32 \(1, 64, 64, 3\)"),
        (lambda image, regions: (image[:, :1], regions), r"not torch.float32 \(1, 1, 64, 64\)"),
        (lambda image, regions: ((255 * image).byte(), regions), "not torch.uint8"),  # would be read as bright noise
        (lambda image, regions: (image.numpy(), regions), "dgmlib.predictor.Predictor reads pictures"),
        (lambda image, regions: ([image], regions), r"not list \(\)"),
        (lambda image, regions: (image, regions[0]), r"regions must be an integer tensor \(1, 64, 64\)"),
        (lambda image, regions: (image, regions[:, :40, :40]), "a superpixel for every pixel of images"),  # cropped
        (lambda image, regions: (image, regions.repeat(2, 1, 1)), r"regions must be an integer tensor \(1, 64, 64\)"),
        (lambda image, regions: (image, regions.numpy()), "regions must be a tensor, not ndarray"),
        (lambda image, regions: (image, regions / 2), "regions must be an integer tensor"),
    ],
)
def test_inputs_of_another_kind_are_refused(change, message):
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY).eval()
    given = change(torch.rand(1, 3, 64, 64), torch.arange(64 * 64).view(1, 64, 64) // 512)
    with pytest.raises(ValueError, match=message):
        model(*given)


def test_one_task_can_be_named_alone():
    model = PerceptualParser.from_preset("smoke", None, VOCABULARY).eval()
    assert list(model(torch.rand(1, 3, 64, 64), tasks="object")) == ["object"]


def test_mistakes_are_explained():
    model = PerceptualParser.from_preset("smoke", "full", VOCABULARY, tasks=("object",))
    with pytest.raises(ValueError, match="regions are missing"):
        model(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match=r"no head for \['scene'\]"):
        model(torch.rand(1, 3, 32, 32), tasks=("scene",))
    with pytest.raises(ValueError, match="needs vocabulary="):
        PerceptualParser.from_preset("paper")
    with pytest.raises(ValueError, match="there is no preset 'huge'"):
        PerceptualParser.from_preset("huge")
    with pytest.raises(ValueError, match="dgm must be"):
        PerceptualParser.from_preset("smoke", "half", VOCABULARY)


def test_several_processes_wait_for_no_gradient_but_those_of_the_logits():
    """Of what DistributedDataParallel finds tensors in, it expects gradients, though a batch may not have them."""
    model = PerceptualParser.from_preset("smoke", "full")
    parsed = model(torch.rand(1, 3, 64, 64), torch.arange(4096).view(1, 64, 64) // 512, ["object"])
    assert [id(found) for found in _find_tensors(parsed)] == [id(parsed["object"])]
