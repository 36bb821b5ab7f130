import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dgmlib.backbones import ResNet
from dgmlib.decoders import UPerNet
from dgmlib.decoders.layers import BatchNorm2d
from dgmlib.decoders.upernet import interpolation_integrals, precise_roi_pool

RESNET50 = (256, 512, 1024, 2048)
SMALL = (8, 16, 32, 64)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def on_meta(build):
    with torch.device("meta"):
        return build()


def randomise(module):
    """Give every parameter and running statistic its own value, so that no layer is neutral."""
    torch.manual_seed(0)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 1.5) if tensor.dim() == 1 else nn.init.normal_(tensor, std=0.3)
    return module.double().eval()


# --- Precise RoI pooling ------------------------------------------------------------------------------------------


def literal_precise_roi_pool(x, bins):
    """The definition by the midpoint rule, on as many points as make it exact: no kink falls between two of them."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (0, 1, 0, 1))  # value 0 at coordinates H and W, where the region ends

    def samples(size):
        t = (torch.arange(bins * size, dtype=x.dtype) + 0.5) / bins
        left = t.floor().long()
        return left, t - left

    (top, v), (left, u) = samples(height), samples(width)
    top, v = top[:, None], v[:, None]
    value = (
        padded[..., top, left] * (1 - v) * (1 - u)
        + padded[..., top + 1, left] * v * (1 - u)
        + padded[..., top, left + 1] * (1 - v) * u
        + padded[..., top + 1, left + 1] * v * u
    )
    return F.avg_pool2d(value, (height, width))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (7, 7)])
@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_precise_roi_pool_is_the_integral(size, bins):
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(precise_roi_pool(x, bins), literal_precise_roi_pool(x, bins))


def test_precise_roi_pool_by_hand():
    """One bin over two values: half a hat, a whole hat; two bins: [1/2, 1/2] and, running off the end, [0, 1/2]."""
    one = torch.tensor([[0.25, 0.5]], dtype=torch.float64)
    two = torch.tensor([[0.5, 0.5], [0.0, 0.5]], dtype=torch.float64)
    like = torch.empty(0, dtype=torch.float64)
    torch.testing.assert_close(interpolation_integrals(2, 1, like), one)
    torch.testing.assert_close(interpolation_integrals(2, 2, like), two)


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 40), bins=st.integers(1, 12))
def test_interpolation_integrals_add_up(size, bins):
    """Bins tile [0, W], where the first hat keeps a half of itself and every other hat, reaching at most W, all."""
    weights = interpolation_integrals(size, bins, torch.empty(0, dtype=torch.float64))
    whole = torch.ones(size, dtype=torch.float64)
    whole[0] = 0.5
    torch.testing.assert_close(weights.sum(0) * size / bins, whole)
    assert (weights >= 0).all()


def test_precise_roi_pool_gradient():
    x = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: precise_roi_pool(x, 3), x)


# --- UPerNet ------------------------------------------------------------------------------------------------------


def broden_heads(dim=512):
    """The four trained heads of the official network for Broden+ (no texture)."""

    def head(outputs):
        return nn.Sequential(
            nn.Conv2d(dim, dim, 3, bias=False), nn.BatchNorm2d(dim), nn.ReLU(), nn.Conv2d(dim, outputs, 1)
        )

    return nn.ModuleList(head(outputs) for outputs in (365, 336, 427, 26))


def test_upernet_parameter_counts():
    backbone = on_meta(lambda: ResNet.from_name("resnet50", stem="deep"))
    decoder = on_meta(lambda: UPerNet(backbone.channels))
    assert parameters(backbone) + parameters(decoder) + parameters(on_meta(broden_heads)) == 74_178_626
    # CSAIL's decoders for ADE20K end in one 1x1 convolution to 150 classes.
    assert parameters(decoder) + 512 * 150 + 150 == 40_590_486
    assert parameters(on_meta(lambda: UPerNet(RESNET50, dim=256))) + 256 * 150 + 150 == 18_265_750


def test_upernet_names_are_the_authors():
    names = {f"ppm_conv.{i}" for i in range(4)} | {"ppm_last_conv", "conv_fusion"}
    names |= {f"fpn_in.{i}" for i in range(3)} | {f"fpn_out.{i}.0" for i in range(3)}
    fields = ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked")
    assert set(UPerNet(SMALL, dim=4).state_dict()) == {f"{name}.{field}" for name in names for field in fields}


def literal_upernet(decoder, features):
    """The official forward pass, layer by layer, with its order of resizing before the pooled convolutions."""

    def up(x, like):
        return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)

    c5 = features[-1]
    context = [c5] + [
        conv(up(precise_roi_pool(c5, bins), c5)) for bins, conv in zip((1, 2, 3, 6), decoder.ppm_conv, strict=True)
    ]
    f = decoder.ppm_last_conv(torch.cat(context, 1))
    pyramid = [f]
    for i in (2, 1, 0):
        lateral = decoder.fpn_in[i](features[i])
        f = lateral + up(f, lateral)
        pyramid.append(decoder.fpn_out[i](f))
    pyramid.reverse()
    return pyramid, decoder.conv_fusion(torch.cat([up(p, pyramid[0]) for p in pyramid], 1))


@pytest.mark.parametrize("training", [False, True])
def test_upernet_is_the_official_forward_pass(training):
    decoder = randomise(UPerNet(SMALL, dim=6)).train(training)
    features = [
        torch.randn(2, c, *s, dtype=torch.float64)
        for c, s in zip(SMALL, ((17, 22), (9, 11), (5, 6), (3, 3)), strict=True)
    ]
    pyramid, fused = literal_upernet(decoder, features)
    torch.testing.assert_close(decoder.levels(features), pyramid)
    torch.testing.assert_close(decoder(features), fused)


@pytest.mark.parametrize("size", [(1, 1), (32, 32), (65, 47), (97, 33)])
def test_upernet_takes_any_image_size(size):
    backbone = ResNet.from_name("resnet18", width=4).eval()
    decoder = UPerNet(backbone.channels, dim=8).train()
    features = backbone(torch.randn(1, 3, *size))
    levels = decoder.levels(features)
    assert [tuple(m.shape) for m in levels] == [(1, 8, *f.shape[2:]) for f in features]
    fused = decoder.fuse(levels)
    assert fused.shape == (1, decoder.out_channels, *features[0].shape[2:])
    assert fused.isfinite().all()


def test_single_values_are_normalised_by_the_running_statistics():
    norm = BatchNorm2d(3).train()
    norm.running_mean.fill_(1.0)
    torch.testing.assert_close(norm(torch.ones(1, 3, 1, 1)), torch.zeros(1, 3, 1, 1))
    assert norm(torch.randn(2, 3, 1, 1)).std() > 0
