import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dgmlib.backbones import ResNet

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def on_meta(build):
    with torch.device("meta"):
        return build()


def gflops(module, *shape):
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(shape, device="meta"))
    return counter.get_total_flops() / 1e9


def norm(name):
    return {f"{name}.{field}" for field in NORM}


@pytest.mark.parametrize(
    ("name", "stem", "count"),
    [
        ("resnet18", "7x7", 11_176_512),
        ("resnet34", "7x7", 21_284_672),
        ("resnet50", "7x7", 23_508_032),
        ("resnet101", "7x7", 42_500_160),
        ("resnet50", "deep", 23_631_808),
        ("resnet101", "deep", 42_623_936),
    ],
)
def test_parameter_counts(name, stem, count):
    assert parameters(on_meta(lambda: ResNet.from_name(name, stem=stem))) == count
    assert parameters(on_meta(lambda: ResNet.from_name(name, stem=stem, dilated=True))) == count


@pytest.mark.parametrize(
    ("stem", "dilated", "count"), [("7x7", False, 99.66), ("deep", False, 131.70), ("deep", True, 489.70)]
)
def test_flops_at_769(stem, dilated, count):
    network = on_meta(lambda: ResNet.from_name("resnet50", stem=stem, dilated=dilated))
    assert round(gflops(network, 1, 3, 769, 769), 2) == count


@pytest.mark.parametrize("stem", ["7x7", "deep"])
@pytest.mark.parametrize(
    ("name", "convolutions", "blocks"), [("resnet34", 2, (3, 4, 6, 3)), ("resnet50", 3, (3, 4, 6, 3))]
)
def test_names_are_those_of_published_checkpoints(name, convolutions, blocks, stem):
    expected = set()
    for i in range(1, 4 if stem == "deep" else 2):
        expected |= {f"conv{i}.weight"} | norm(f"bn{i}")
    for stage, count in enumerate(blocks, start=1):
        for block in range(count):
            prefix = f"layer{stage}.{block}."
            for i in range(1, convolutions + 1):
                expected |= {f"{prefix}conv{i}.weight"} | norm(f"{prefix}bn{i}")
            # ResNet-34's first stage keeps its shape, except behind the deep stem's 128 channels.
            if block == 0 and not (stage == 1 and name == "resnet34" and stem == "7x7"):
                expected |= {f"{prefix}downsample.0.weight"} | norm(f"{prefix}downsample.1")
    assert set(on_meta(lambda: ResNet.from_name(name, stem=stem)).state_dict()) == expected


def test_stride_sits_on_the_3x3_convolution():
    block = on_meta(lambda: ResNet.from_name("resnet50")).layer2[0]
    assert (block.conv1.stride, block.conv2.stride, block.conv3.stride) == ((1, 1), (2, 2), (1, 1))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("stem", ["7x7", "deep"])
@pytest.mark.parametrize("dilated", [False, True])
@pytest.mark.parametrize("size", [(65, 47), (64, 96), (33, 33), (1, 1)])
def test_shapes_and_strides(name, stem, dilated, size):
    network = ResNet.from_name(name, stem=stem, dilated=dilated, width=4).eval()
    features = network(torch.randn(2, 3, *size))
    expected = [
        (2, channels, -(-size[0] // stride), -(-size[1] // stride))
        for channels, stride in zip(network.channels, network.strides, strict=True)
    ]
    assert [tuple(f.shape) for f in features] == expected
    assert network.strides == ((4, 8, 8, 8) if dilated else (4, 8, 16, 32))


def test_widths_follow_the_base_width():
    assert ResNet.from_name("resnet50", width=8).channels == (32, 64, 128, 256)
    assert ResNet.from_name("resnet18", width=8).channels == (8, 16, 32, 64)


@pytest.mark.parametrize("size", [(65, 47), (64, 64)])
def test_dilated_network_samples_what_the_strided_one_computes(size):
    """Trading strides for dilation is exact at the strided network's positions: ImageNet weights keep their meaning."""
    torch.manual_seed(0)
    strided = ResNet.from_name("resnet50", width=4).double().eval()
    dilated = ResNet.from_name("resnet50", width=4, dilated=True).double().eval()
    dilated.load_state_dict(strided.state_dict())
    images = torch.randn(1, 3, *size, dtype=torch.float64)
    for coarse, fine, step in zip(strided(images), dilated(images), (1, 1, 2, 4), strict=True):
        torch.testing.assert_close(fine[..., ::step, ::step], coarse)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="resnet18, resnet34, resnet50, resnet101"):
        ResNet.from_name("resnet152")
    with pytest.raises(ValueError, match='"7x7" or "deep"'):
        ResNet.from_name("resnet50", stem="3x3")
