import pytest
import torch
from counting import gflops, on_meta, parameters, randomise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from dgmlib.backbones import HRNet, ResNet
from dgmlib.decoders import GCU, APCNet, BaseOCNet, CCNet, DeepLabV3, HRNetHead, OCNet, UPerNet
from dgmlib.decoders.context import AdaptiveContext, CrissCrossAttention, GraphConvolutionalUnit, ObjectContext
from dgmlib.decoders.layers import BatchNorm2d, conv_bn_relu
from dgmlib.decoders.pyramids import interpolation_integrals, precise_roi_pool
from dgmlib.grouping import DeepGrouping

RESNET50 = (256, 512, 1024, 2048)
SMALL = (8, 16, 32, 64)


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


# --- The other systems of Tables 1 to 3 ---------------------------------------------------------------------------


class OnC5(nn.Module):
    """A decoder that reads C5 only, as a module of one tensor."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, c5):
        return self.decoder([c5])


@pytest.mark.parametrize(
    ("decoder", "count", "gflop"),
    [
        (OCNet, 15_178_624, 287.4),
        (BaseOCNet, 10_359_296, 288.0),
        (CCNet, 23_924_353, 460.5),
        (APCNet, 30_455_858, 474.6),
        (DeepLabV3, 16_125_440, 293.5),
    ],
)
def test_counts_of_published_modules(decoder, count, gflop):
    module = on_meta(lambda: decoder(RESNET50)).eval()
    assert parameters(module) == count
    assert round(gflops(OnC5(module), 1, 2048, 97, 97), 1) == gflop


def test_counts_of_criss_cross_attention():
    block = on_meta(lambda: CrissCrossAttention(512))
    assert parameters(block) == 328_321
    assert round(2 * gflops(block, 1, 512, 97, 97), 2) == 16.54  # recurrence 2


def test_hrnet_parameter_counts():
    backbone = on_meta(HRNet)
    head = on_meta(lambda: HRNetHead(backbone.channels))
    assert parameters(backbone) + parameters(head) + 180 * 150 + 150 == 66_519_030  # CSAIL's hrnetv2 + c1 for ADE20K


DECODERS = [UPerNet, HRNetHead, DeepLabV3, OCNet, BaseOCNet, APCNet, CCNet, GCU]
SIZES = {
    "strided": ((17, 22), (9, 11), (5, 6), (3, 3)),
    "dilated": ((17, 22),) + ((9, 11),) * 3,
    "one cell": ((1, 1),) * 4,
}


def features_of(sizes, batch=2, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, c, *s, dtype=dtype, generator=generator) for c, s in zip(SMALL, sizes, strict=True)]


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("batch", [1, 2])
def test_every_decoder_keeps_the_interface(decoder, sizes, batch):
    module = decoder(SMALL, dim=16).train()
    features = features_of(SIZES[sizes], batch)
    levels = module.levels(features)
    assert tuple(level.shape[1] for level in levels) == module.channels
    fused = module.fuse(levels)
    assert fused.shape == (batch, module.out_channels, *levels[0].shape[2:])
    assert fused.isfinite().all()
    fused.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("sizes", ["dilated", "one cell"])
def test_every_decoder_runs_in_bfloat16(decoder, sizes):
    module = decoder(SMALL, dim=16).train()
    with torch.autocast("cpu", torch.bfloat16):
        fused = module(features_of(SIZES[sizes], batch=1))
    assert fused.isfinite().all()
    fused.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_level_reaches_the_fused_map(decoder):
    """DeepGrouping's residual on any level must change what the heads read."""
    module = randomise(decoder(SMALL, dim=16))
    levels = module.levels(features_of(SIZES["dilated"], dtype=torch.float64))
    before = module.fuse(levels)
    for i, level in enumerate(levels):
        shifted = module.fuse([*levels[:i], level + torch.rand_like(level), *levels[i + 1 :]])
        assert not torch.allclose(shifted, before)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("top_down", [False, True])
def test_deep_grouping_is_an_add_on_to_every_decoder(decoder, top_down):
    backbone = ResNet.from_name("resnet18", width=4, output_stride=8)
    module = decoder(backbone.channels, dim=8)
    dgm = DeepGrouping(module.channels, dim=8, top_down=top_down)
    labels = torch.arange(65 * 49).view(1, 65, 49) // 200
    levels = module.levels(backbone(torch.randn(1, 3, 65, 49)))
    residuals, _ = dgm(levels, labels)
    fused = module.fuse([level + residual for level, residual in zip(levels, residuals, strict=True)])
    assert fused.isfinite().all()
    fused.sum().backward()
    assert all(p.grad is not None for p in module.parameters())


# --- Attention against literal implementations --------------------------------------------------------------------


def double_map(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1), (4, 6)])
def test_criss_cross_is_masked_full_attention(size):
    block = randomise(CrissCrossAttention(16))
    height, width = size
    x = double_map(2, 16, height, width)
    query, key, value = (f(x).flatten(2) for f in (block.query, block.key, block.value))
    y, z = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    y, z = y.flatten(), z.flatten()
    seen = (y[:, None] == y) | (z[:, None] == z)  # same row or same column, itself once
    attention = (query.mT @ key).masked_fill(~seen, -torch.inf).softmax(2)
    expected = block.gamma * (value @ attention.mT).view_as(x) + x
    torch.testing.assert_close(block(x), expected)


def test_two_criss_crosses_reach_every_pixel():
    block = randomise(CrissCrossAttention(8))
    x = double_map(1, 8, 4, 5).requires_grad_()
    for steps, reached in ((1, 4 + 5 - 1), (2, 4 * 5)):
        out = x
        for _ in range(steps):
            out = block(out)
        (gradient,) = torch.autograd.grad(out[0, :, 1, 2].sum(), x)
        assert (gradient.abs().sum(1) > 0).sum() == reached


def test_criss_cross_gradient():
    block = randomise(CrissCrossAttention(8))
    assert torch.autograd.gradcheck(block, double_map(1, 8, 2, 3).requires_grad_())


@pytest.mark.parametrize(("size", "scale"), [((3, 4), 1), ((5, 7), 2), ((1, 1), 2), ((1, 3), 2)])
def test_object_context_pixel_by_pixel(size, scale):
    block = randomise(ObjectContext(6, key_channels=4, value_channels=5, scale=scale))
    x = double_map(2, 6, *size)
    cell = min(scale, *size)
    pooled = torch.stack(
        [
            x[:, :, r * cell : (r + 1) * cell, c * cell : (c + 1) * cell].amax((2, 3))
            for r in range(size[0] // cell)
            for c in range(size[1] // cell)
        ],
        2,
    )
    key, value = block.key(pooled[..., None])[..., 0], block.value(pooled[..., None])[..., 0]
    context = torch.zeros(2, 5, pooled.shape[2], dtype=torch.float64)
    for image in range(2):
        for i in range(pooled.shape[2]):
            weight = torch.stack([torch.exp(key[image, :, i] @ key[image, :, j] / 2) for j in range(pooled.shape[2])])
            for j in range(pooled.shape[2]):
                context[image, :, i] += weight[j] / weight.sum() * value[image, :, j]
    context = block.output(context.view(2, 5, size[0] // cell, size[1] // cell))
    expected = F.interpolate(context, size, mode="bilinear", align_corners=True)
    torch.testing.assert_close(block(x), expected)


def test_object_context_starts_as_nothing():
    for module in (OCNet(SMALL, dim=8).context[1], BaseOCNet(SMALL, dim=8).context):
        assert module(torch.randn(1, module.output.out_channels, 3, 3)).abs().max() == 0


@pytest.mark.parametrize("grid", [1, 2, 3, 6])
def test_adaptive_context_pixel_by_pixel(grid):
    block = randomise(AdaptiveContext(6, 4, grid))
    height, width = 5, 7
    x = double_map(2, 6, height, width)

    def edges(i, size):
        return i * size // grid, -(-(i + 1) * size // grid)

    regions = torch.zeros(2, 6, grid, grid, dtype=torch.float64)
    for r in range(grid):
        for c in range(grid):
            (top, bottom), (left, right) = edges(r, height), edges(c, width)
            regions[:, :, r, c] = x[:, :, top:bottom, left:right].mean((2, 3))
    regions, reduced = block.regions(regions), block.reduce(x)
    guide = block.guide(reduced.mean((2, 3), keepdim=True))
    affinity = torch.sigmoid(block.affinity(reduced + guide))
    context = torch.zeros_like(reduced)
    for y in range(height):
        for z in range(width):
            for i in range(grid * grid):
                context[:, :, y, z] += affinity[:, i, y, z, None] * regions[:, :, i // grid, i % grid]
    torch.testing.assert_close(block(x), block.fusion(F.relu(block.residual(context) + reduced)))


def literal_branch(branch, x, dilation):
    """A 3x3 convolution tap by tap, then normalisation and activation."""
    weight = branch[0].weight
    height, width = x.shape[2:]
    out = torch.zeros(len(x), len(weight), height, width, dtype=x.dtype)
    for y in range(height):
        for z in range(width):
            for i in (-1, 0, 1):
                for j in (-1, 0, 1):
                    row, column = y + i * dilation, z + j * dilation
                    if 0 <= row < height and 0 <= column < width:
                        out[:, :, y, z] += x[:, :, row, column] @ weight[:, :, i + 1, j + 1].T
    return branch[2](branch[1](out))


def test_atrous_pyramid_tap_by_tap():
    dilations = (2, 3, 6)
    module = randomise(DeepLabV3(SMALL, dim=4, dilations=dilations))
    c5 = double_map(2, SMALL[-1], 9, 7)
    local, *atrous, image = module.levels([c5])
    point = torch.einsum("oi,bihw->bohw", module.pyramid[0][0].weight[..., 0, 0], c5)
    torch.testing.assert_close(local, module.pyramid[0][1:](point))
    for level, branch, dilation in zip(atrous, module.pyramid[1:], dilations, strict=True):
        torch.testing.assert_close(level, literal_branch(branch, c5, dilation))
    torch.testing.assert_close(image, module.image(c5.flatten(2).mean(2)[..., None, None]))
    branches = torch.cat([local, *atrous, image.expand(-1, -1, 9, 7)], 1)
    torch.testing.assert_close(module.fuse([local, *atrous, image]), module.project(branches))


def test_ocnet_pyramid_has_context_for_the_image():
    module = randomise(OCNet(SMALL, dim=8))
    c5 = double_map(2, SMALL[-1], 5, 6)
    x = module.reduce(c5)
    expected = [branch(x) for branch in module.pyramid] + [module.context[2](module.context[1](module.context[0](x)))]
    torch.testing.assert_close(module.levels([c5]), expected)
    assert [branch[0].dilation[0] for branch in module.pyramid] == [1, 12, 24, 36]
    assert F.leaky_relu(torch.tensor(-1.0), 0.01) == module.reduce[2](torch.tensor(-1.0))


# --- GCU ----------------------------------------------------------------------------------------------------------


def test_graph_convolutional_unit_equation_by_equation():
    unit = randomise(GraphConvolutionalUnit(4, vertices=3))
    x = double_map(2, 4, 3, 5)
    sigma = unit.log_scale.exp()
    expected = torch.zeros_like(x)
    for image in range(2):
        pixels = [x[image, :, y, z] for y in range(3) for z in range(5)]
        assignment = torch.zeros(15, 3, dtype=torch.float64)
        for n, pixel in enumerate(pixels):
            for k in range(3):
                assignment[n, k] = torch.exp(-0.5 * (((pixel - unit.anchors[k]) / sigma[k]) ** 2).sum())
            assignment[n] /= assignment[n].sum()
        vertices = []
        for k in range(3):
            mean = sum(assignment[n, k] * (p - unit.anchors[k]) / sigma[k] for n, p in enumerate(pixels))
            mean = mean / assignment[:, k].sum()
            vertices.append(mean / mean.norm())
        vertices = torch.stack(vertices)
        updated = F.relu((vertices @ vertices.T) @ vertices @ unit.weight.weight.T)
        expected[image] = (assignment @ updated).T.view(4, 3, 5)
    torch.testing.assert_close(unit(x), expected)


def test_graph_convolutional_unit_starts_from_the_first_batch():
    """Three separated clusters of pixels become the three anchors, once, and their deviations become sigma."""
    unit = GraphConvolutionalUnit(2, vertices=3).double().train()
    centres = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 90.0]], dtype=torch.float64)
    pixels = centres.repeat_interleave(20, 0) + double_map(60, 2)
    unit(pixels.T.reshape(1, 2, 6, 10))
    means = pixels.view(3, 20, 2).mean(1)
    order = torch.cdist(means, unit.anchors).argmin(1)
    torch.testing.assert_close(unit.anchors.detach()[order], means)
    assert unit.fitted
    anchors = unit.anchors.detach().clone()
    unit(pixels.T.reshape(1, 2, 6, 10) + 7)
    torch.testing.assert_close(unit.anchors.detach(), anchors)


def test_flat_features_do_not_break_the_first_batch():
    unit = GraphConvolutionalUnit(4, vertices=8).train()
    assert unit(torch.zeros(1, 4, 1, 1)).isfinite().all()
    assert conv_bn_relu(4, 4).train()(torch.zeros(1, 4, 1, 1)).isfinite().all()


def test_an_anchor_far_from_every_pixel_gets_finite_gradients():
    unit = GraphConvolutionalUnit(4, vertices=2).eval()
    unit.anchors.data = torch.tensor([[0.0] * 4, [10.0] * 4])
    (1000 * unit(double_map(1, 4, 5, 5).float())).sum().backward()
    assert all(p.grad.isfinite().all() for p in unit.parameters())


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_learns_a_constant(decoder):
    torch.manual_seed(0)
    module = nn.Sequential(decoder(SMALL, dim=16), nn.LazyConv2d(3, 1)).train()
    features = features_of(SIZES["dilated"])
    module(features)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(30):
        logits = module(features)
        loss = F.cross_entropy(logits, torch.ones(2, *logits.shape[2:], dtype=torch.long))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]
