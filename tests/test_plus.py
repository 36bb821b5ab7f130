"""The variant "plus": its residual and its names by hand, who hears them, training and the files it leaves."""

from dataclasses import replace

import pytest
import torch
from tiny import VOCABULARY, blocks

from dgmlib import PerceptualParser, presets
from dgmlib.broden import BrodenPlus
from dgmlib.checkpoints import load_model, save_model
from dgmlib.groups import unit_vectors
from dgmlib.losses import perceptual_loss
from dgmlib.plus import Plus
from dgmlib.regions import RegionGrid
from dgmlib.training import train

SMOKE = presets.get("smoke").model


def parser(**changes):
    torch.manual_seed(0)
    return PerceptualParser.from_config(replace(SMOKE, **changes), VOCABULARY, "plus")


def seen():
    torch.manual_seed(1)
    return torch.rand(2, 3, 64, 64), blocks(64, 64, 16).expand(2, 64, 64)


def grouped(model):
    return model(*seen()).grouping


def test_the_fused_map_s_residual_is_re_projection_of_its_superpixels():
    model = parser().eval()
    grouping, fused = grouped(model), torch.rand(2, SMOKE.dim, 16, 16)
    grid = RegionGrid(seen()[1], [(16, 16)])
    means = torch.stack(
        [fused[..., y : y + 4, x : x + 4].mean((2, 3)) for y in range(0, 16, 4) for x in range(0, 16, 4)], 1
    )
    pooled = unit_vectors(means, grid.mask, centred=True)
    nodes = model.plus.reprojection(pooled, grouping.nodes[0], grid.mask)  # (B, 16, C)
    expected = nodes.mT.reshape(2, -1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(model.plus(fused, grouping), expected)


def test_names_read_all_levels_side_by_side():
    model = parser().eval()
    grouping = grouped(model)
    said = [grouping.nodes[0]]
    product = torch.eye(16).expand(2, 16, 16)
    for level, share in enumerate(grouping.top_down, 1):
        product = product @ share
        said.append(product @ grouping.nodes[level])
    for level, expected in enumerate(said, 1):
        torch.testing.assert_close(grouping.message(level), expected)
    said = torch.cat([unit_vectors(m, grouping.masks[0], centred=True) for m in said], -1) * SMOKE.dim**0.5
    found = model.plus.names(grouping, ("object", "part", "material", "scene"))
    assert set(found) == {"object", "part", "material"}
    layer = model.plus.naming["object"]
    logits = said @ layer.weight.T + layer.bias  # (B, 16, classes)
    torch.testing.assert_close(found["object"][..., ::4, ::4], logits.mT.reshape(2, -1, 4, 4))


def test_names_are_given_while_training_alone_and_by_the_tasks_asked_for():
    model = parser()
    assert set(model(*seen(), tasks=("object", "scene")).named) == {"object"}
    assert model.eval()(*seen()).named == {}
    assert PerceptualParser.from_config(SMOKE, VOCABULARY, "full")(*seen()).named == {}


def test_the_heads_hear_the_residual_and_every_level_learns_from_the_names():
    model = parser()
    parsed = model(*seen())
    labels = {"object": torch.randint(1, 4, (2, 16, 16))}
    sum(perceptual_loss(parsed.named, labels, VOCABULARY, {"object": 1.0}).values()).backward()
    assert all(layer.gconv.linear.weight.grad.abs().sum() > 0 for layer in model.dgm.projections)
    assert model.heads["object"].classifier.weight.grad is None  # by themselves
    model.eval()
    before = model(*seen(), tasks=("object", "material"))
    torch.nn.init.zeros_(model.plus.reprojection.residual.norm.weight)
    after = model(*seen(), tasks=("object", "material"))
    assert not torch.allclose(before["object"], after["object"])
    assert torch.equal(before["material"], after["material"])  # read from level 1, not from the fused map


def test_names_are_trained(smoke_data, tmp_path):
    dataset = BrodenPlus(smoke_data, "train", ("object",))
    model = PerceptualParser.from_config(SMOKE, dataset.vocabulary, "plus", ("object",))
    before = model.plus.naming["object"].bias.clone()  # which no weight decay moves
    settings = replace(presets.get("smoke").training, iterations=2, texture_iterations=0)
    train(model, dataset, settings, tmp_path / "run", max_regions=SMOKE.max_regions, device="cpu", progress=False)
    assert not torch.equal(model.plus.naming["object"].bias, before)


@pytest.mark.parametrize("decoder", ["hrnet", "deeplabv3"])
def test_other_decoders_fused_maps_fit(decoder):
    assert set(parser(decoder=decoder)(*seen()).named) == {"object", "part", "material"}


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    model = parser().double().eval()
    grouping = grouped(model)
    plus = Plus(SMOKE.dim, 4, 8, {"object": 3}, SMOKE.reading).double()
    fused = torch.rand(2, 8, 16, 16, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda x: plus.eval()(x, grouping), fused, fast_mode=True)


def test_a_saved_model_says_the_same_again(tmp_path):
    model = parser().eval()
    save_model(model, tmp_path / "plus")
    again = load_model(tmp_path / "plus")
    for task, logits in model(*seen()).items():
        assert torch.equal(again(*seen())[task], logits)


def test_half_precision_leaves_it_in_float32():
    model = parser().to(torch.bfloat16)
    assert model.plus.naming["object"].weight.dtype == torch.float32
    images, labels = seen()
    parsed = model(images.bfloat16(), labels)
    assert parsed["object"].dtype == torch.bfloat16
    assert parsed["object"].isfinite().all()
