import pytest
import torch
from counting import gflops, on_meta, parameters, randomise
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from dgmlib.backbones import EfficientNet, HRNet, ResNet, weights
from dgmlib.decoders import UPerNet
from dgmlib.grouping import DeepGrouping
from dgmlib.parsing import PerceptualParser
from dgmlib.vocabulary import Vocabulary

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def norm(name):
    return {f"{name}.{field}" for field in NORM}


def assert_shapes(network, size):
    """Two images of a size give the maps that ``channels`` and ``strides`` promise."""
    height, width = size
    maps = zip(network.channels, network.strides, strict=True)
    expected = [(2, channels, -(-height // stride), -(-width // stride)) for channels, stride in maps]
    assert [tuple(f.shape) for f in network(torch.randn(2, 3, *size))] == expected


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
    assert parameters(on_meta(lambda: ResNet.from_name(name, stem=stem, output_stride=8))) == count


@pytest.mark.parametrize(
    ("stem", "output_stride", "count"), [("7x7", 32, 99.66), ("deep", 32, 131.70), ("deep", 8, 489.70)]
)
def test_flops_at_769(stem, output_stride, count):
    network = on_meta(lambda: ResNet.from_name("resnet50", stem=stem, output_stride=output_stride))
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
@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(65, 47), (64, 96), (33, 33), (1, 1)])
def test_shapes_and_strides(name, stem, output_stride, size):
    network = ResNet.from_name(name, stem=stem, output_stride=output_stride, width=4).eval()
    assert_shapes(network, size)
    assert network.strides == {8: (4, 8, 8, 8), 16: (4, 8, 16, 16), 32: (4, 8, 16, 32)}[output_stride]


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(65, 47), (64, 96), (1, 1)])
def test_efficientnet_shapes_and_dilations(output_stride, size):
    network = EfficientNet(0.5, 1.0, output_stride).eval()
    assert_shapes(network, size)
    expected = {32: [1] * 16, 16: [1] * 12 + [2] * 4, 8: [1] * 6 + [2] * 6 + [4] * 4}[output_stride]
    dilations = [block.depthwise_conv.dilation[0] for block in network.blocks]  # the first of a stage reads the old one
    assert dilations == expected


def test_widths_follow_the_base_width():
    assert ResNet.from_name("resnet50", width=8).channels == (32, 64, 128, 256)
    assert ResNet.from_name("resnet18", width=8).channels == (8, 16, 32, 64)


@pytest.mark.parametrize(("output_stride", "steps"), [(8, (1, 1, 2, 4)), (16, (1, 1, 1, 2))])
@pytest.mark.parametrize("size", [(65, 47), (64, 64)])
def test_dilated_network_samples_what_the_strided_one_computes(size, output_stride, steps):
    """Trading strides for dilation is exact at the strided network's positions: ImageNet weights keep their meaning."""
    torch.manual_seed(0)
    strided = ResNet.from_name("resnet50", width=4).double().eval()
    dilated = ResNet.from_name("resnet50", width=4, output_stride=output_stride).double().eval()
    dilated.load_state_dict(strided.state_dict())
    images = torch.randn(1, 3, *size, dtype=torch.float64)
    for coarse, fine, step in zip(strided(images), dilated(images), steps, strict=True):
        torch.testing.assert_close(fine[..., ::step, ::step], coarse)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="resnet18, resnet34, resnet50, resnet101"):
        ResNet.from_name("resnet152")
    with pytest.raises(ValueError, match='"7x7" or "deep"'):
        ResNet.from_name("resnet50", stem="3x3")
    with pytest.raises(ValueError, match="it must be 8, 16 or 32"):
        ResNet.from_name("resnet50", output_stride=4)
    with pytest.raises(ValueError, match="choose one of hrnetv2-w48"):
        HRNet.from_name("hrnetv2-w64")


# --- Literal forward passes by the published names ----------------------------------------------------------------


class Published:
    """Layers of a state dict under its published names, in evaluation."""

    def __init__(self, network):
        self.state = network.state_dict()

    def conv(self, name, x, stride=1):
        weight = self.state[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)

    def norm(self, name, x):
        mean, var, weight, bias = (
            self.state[f"{name}.{field}"] for field in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, weight, bias)

    def block(self, name, x, stride=1):
        """BasicBlock or Bottleneck, whichever the names say."""
        deep = f"{name}.conv3.weight" in self.state
        skip = x
        if f"{name}.downsample.0.weight" in self.state:
            skip = self.norm(f"{name}.downsample.1", self.conv(f"{name}.downsample.0", x, stride))
        strides = (1, stride, 1) if deep else (stride, 1)
        for i, step in enumerate(strides, start=1):
            x = self.norm(f"{name}.bn{i}", self.conv(f"{name}.conv{i}", x, step))
            x = F.relu(x + skip if i == len(strides) else x)
        return x

    def stage(self, name, x, stride=1):
        i = 0
        while f"{name}.{i}.conv1.weight" in self.state:
            x = self.block(f"{name}.{i}", x, stride if i == 0 else 1)
            i += 1
        return x

    def resnet(self, x, stem):
        for i in range(1, 4 if stem == "deep" else 2):
            x = F.relu(self.norm(f"bn{i}", self.conv(f"conv{i}", x, 2 if i == 1 else 1)))
        x = F.max_pool2d(x, 3, 2, 1)
        features = []
        for i in range(1, 5):
            x = self.stage(f"layer{i}", x, 1 if i == 1 else 2)
            features.append(x)
        return features

    def hrnet(self, x, modules):
        for i in (1, 2):
            x = F.relu(self.norm(f"bn{i}", self.conv(f"conv{i}", x, 2)))
        maps = [self.stage("layer1", x)]
        for stage, count in zip((2, 3, 4), modules, strict=True):
            name = f"transition{stage - 1}"
            new = [f"{name}.{stage - 1}.0.0", f"{name}.{stage - 1}.0.1"]
            added = F.relu(self.norm(new[1], self.conv(new[0], maps[-1], 2)))
            if stage == 2:
                maps = [F.relu(self.norm(f"{name}.0.1", self.conv(f"{name}.0.0", maps[0])))]
            maps = [*maps, added]
            for module in range(count):
                maps = self.exchange(f"stage{stage}.{module}", maps)
        return maps

    def exchange(self, name, maps):
        maps = [self.stage(f"{name}.branches.{i}", x) for i, x in enumerate(maps)]
        fused = []
        for i in range(len(maps)):
            total = torch.zeros_like(maps[i])
            for j in range(len(maps)):
                path, x = f"{name}.fuse_layers.{i}.{j}", maps[j]
                if j > i:
                    x = self.norm(f"{path}.1", self.conv(f"{path}.0", x))
                    x = F.interpolate(x, total.shape[2:], mode="bilinear", align_corners=False)
                for k in range(i - j):
                    x = self.norm(f"{path}.{k}.1", self.conv(f"{path}.{k}.0", x, 2))
                    x = F.relu(x) if k < i - j - 1 else x
                total = total + x
            fused.append(F.relu(total))
        return fused


@pytest.mark.parametrize("stem", ["7x7", "deep"])
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnet_computes_what_its_names_say(name, stem):
    network = randomise(ResNet.from_name(name, stem=stem, width=4))
    images = torch.randn(1, 3, 65, 49, dtype=torch.float64)
    torch.testing.assert_close(network(images), Published(network).resnet(images, stem))


def test_hrnet_computes_what_its_names_say():
    modules = (1, 2, 2)
    network = randomise(HRNet(width=4, modules=modules, blocks=1, stem_width=4))
    images = torch.randn(1, 3, 65, 49, dtype=torch.float64)
    torch.testing.assert_close(network(images), Published(network).hrnet(images, modules))


def test_hrnet_counts():
    network = on_meta(HRNet)
    assert parameters(network) == 65_325_120
    assert round(gflops(network, 1, 3, 769, 769), 1) == 392.6
    assert len(network.state_dict()) == 1830  # of which 305 convolutions and as many normalisations of five tensors


def test_hrnet_names_are_the_authors():
    """Every tensor belongs to a name that the authors' code produces, and every module has all of its paths."""
    network = HRNet(width=2, modules=(1, 2, 1), blocks=2, stem_width=2)
    expected = set()

    def layer(conv, bn):
        nonlocal expected
        expected |= {f"{conv}.weight"} | norm(bn)

    for i in (1, 2):
        layer(f"conv{i}", f"bn{i}")
    layer("layer1.0.downsample.0", "layer1.0.downsample.1")
    for block in range(4):
        for i in (1, 2, 3):
            layer(f"layer1.{block}.conv{i}", f"layer1.{block}.bn{i}")
    layer("transition1.0.0", "transition1.0.1")
    for stage, count in ((2, 1), (3, 2), (4, 1)):
        layer(f"transition{stage - 1}.{stage - 1}.0.0", f"transition{stage - 1}.{stage - 1}.0.1")
        for prefix in (f"stage{stage}.{module}" for module in range(count)):
            for i in range(stage):
                for block in range(2):
                    for c in (1, 2):
                        layer(f"{prefix}.branches.{i}.{block}.conv{c}", f"{prefix}.branches.{i}.{block}.bn{c}")
                for j in range(stage):
                    path = f"{prefix}.fuse_layers.{i}.{j}"
                    if j > i:
                        layer(f"{path}.0", f"{path}.1")
                    for k in range(i - j):
                        layer(f"{path}.{k}.0", f"{path}.{k}.1")
    assert set(network.state_dict()) == expected


@pytest.mark.parametrize("size", [(65, 47), (64, 96), (33, 1)])
def test_hrnet_shapes(size):
    network = HRNet(width=2, modules=(1, 1, 1), blocks=1, stem_width=2).eval()
    assert network.channels == (2, 4, 8, 16)
    assert_shapes(network, size)


# --- Published weights --------------------------------------------------------------------------------------------


def tiny(pretrained=None, **options):
    network = ResNet.from_name("resnet18", width=2, **options)
    if pretrained:
        weights.load_backbone(network, pretrained)
    return network


def randomised(module):
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 1.5)
    return module


def assert_same_weights(module, state):
    own = module.state_dict()
    assert own.keys() == state.keys()
    assert all(torch.equal(own[name], state[name]) for name in own)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.model."])
def test_backbone_weights_load_by_name(tmp_path, suffix, prefix):
    source = randomised(tiny()).state_dict()
    state = {prefix + name: tensor for name, tensor in source.items()} | {prefix + "fc.weight": torch.ones(5, 16)}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state, "epoch": 3}, path)
    assert_same_weights(tiny(pretrained=path), source)


def test_old_checkpoints_lack_batch_counters(tmp_path):
    source = randomised(tiny()).state_dict()
    torch.save({n: t for n, t in source.items() if not n.endswith("num_batches_tracked")}, tmp_path / "old.pth")
    assert_same_weights(tiny(pretrained=tmp_path / "old.pth"), source)


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path):
    state = randomised(tiny()).state_dict()
    state["conv1.weight"] = torch.zeros(2, 3, 3, 3)
    state["layer9.weight"] = state.pop("layer1.0.conv1.weight")
    state["bn1.bias"][0] = torch.inf
    torch.save(state, tmp_path / "other.pth")
    network = tiny()
    before = {n: t.clone() for n, t in network.state_dict().items()}
    with pytest.raises(ValueError) as error:
        weights.load_backbone(network, tmp_path / "other.pth")
    assert str(error.value) == (
        f"{tmp_path / 'other.pth'} does not fit ResNet: missing layer1.0.conv1.weight; unexpected layer9.weight; "
        "conv1.weight is (2, 3, 3, 3) instead of (2, 3, 7, 7); bn1.bias is not finite."
    )
    assert_same_weights(network, before)


def test_long_lists_are_cut(tmp_path):
    torch.save(tiny().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(ValueError, match=r"missing layer1\.2.*; and \d+ more\."):
        weights.load_backbone(ResNet.from_name("resnet34", width=2), tmp_path / "resnet18.pth")


class Payload:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "cannot be read as weights"),
        (Payload(), "cannot be read"),
        ({"a": 1}, "no state dict"),
    ],
)
def test_files_that_are_no_weights(tmp_path, capsys, content, message):
    path = tmp_path / "file.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(ValueError, match=message):
        tiny(pretrained=path)
    with pytest.raises(ValueError, match="is not a file"):
        tiny(pretrained=tmp_path / "nothing.pth")
    assert "never run" not in capsys.readouterr().out


def csail_input(rgb):
    """The authors' own preparation of an image in [0, 1]."""
    return 255 * rgb.flip(1) - rgb.new_tensor((102.9801, 115.9465, 122.7717)).view(3, 1, 1)


def our_input(rgb):
    mean, std = rgb.new_tensor((0.485, 0.456, 0.406)), rgb.new_tensor((0.229, 0.224, 0.225))
    return (rgb - mean.view(3, 1, 1)) / std.view(3, 1, 1)


@pytest.mark.parametrize(("stem", "border"), [("deep", 1), ("7x7", 2)])
def test_folding_the_input_is_exact_inside_and_close_at_the_border(stem, border):
    torch.manual_seed(0)
    network = randomised(tiny(stem=stem)).double().eval()
    rgb = torch.rand(1, 3, 24, 32, dtype=torch.float64)
    expected = network.bn1(network.conv1(csail_input(rgb)))
    weights.fold_input(network)
    difference = (network.bn1(network.conv1(our_input(rgb))) - expected).abs()
    assert difference[..., border:-border, border:-border].max() < 1e-9
    assert 0 < difference.max() < 0.02 * expected.abs().max()


def test_official_unified_parser_loads(tmp_path):
    """Checkpoints under the authors' names fill backbone, decoder and heads; texture and DGM keep their weights."""
    torch.manual_seed(0)
    vocabulary = Vocabulary(
        objects=("-", "cat", "car"),
        parts=("-", "head", "wheel"),
        scenes=("street", "room"),
        materials=("-", "fur"),
        textures=("striped", "dotted"),
        object_parts={1: (0, 1), 2: (0, 2)},
    )

    def parser():
        backbone = tiny(stem="deep")
        decoder = UPerNet(backbone.channels, dim=4)
        return PerceptualParser(backbone, decoder, vocabulary, DeepGrouping(decoder.channels, dim=4))

    source = randomised(parser())
    encoder, decoder = source.backbone.state_dict(), source.decoder.state_dict()
    for name, tensor in source.heads.state_dict().items():
        task, layer, rest = name.split(".", 2)
        if task != "texture":
            position = "0" if layer == "conv" else "2" if task == "scene" else "1"
            decoder[f"{task}_head.{position}.{rest}"] = tensor
    names = {"scene_head.0.0.weight", "scene_head.2.bias", "part_head.1.weight", "material_head.0.1.running_var"}
    assert names <= decoder.keys()
    torch.save(encoder, tmp_path / "encoder.pth")
    torch.save(decoder, tmp_path / "decoder.pth")

    model = parser()
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for name, tensor in source.state_dict().items():
        if not name.startswith(("dgm", "heads.texture")):
            expected[name] = tensor
    weights.load_unified_parser(model, tmp_path / "encoder.pth", tmp_path / "decoder.pth")
    weights.fold_input(source.backbone)  # changes in place what `expected` holds
    assert_same_weights(model, expected)

    decoder.pop("conv_fusion.0.weight")
    torch.save(decoder, tmp_path / "decoder.pth")
    with pytest.raises(ValueError, match=r"missing decoder\.conv_fusion\.0\.weight"):
        weights.load_unified_parser(parser(), tmp_path / "encoder.pth", tmp_path / "decoder.pth")


def test_hrnet_weights_load_without_their_classifier(tmp_path):
    options = {"width": 2, "modules": (1, 1, 1), "blocks": 1, "stem_width": 2}
    source = randomised(HRNet(**options)).state_dict()
    rest = {
        "incre_modules.0.0.conv1.weight": torch.ones(1),
        "classifier.bias": torch.ones(1),
        "last_layer.0.bias": torch.ones(1),
    }
    torch.save(source | rest, tmp_path / "hrnet.pth")
    network = HRNet(**options)
    weights.load_backbone(network, tmp_path / "hrnet.pth")
    assert_same_weights(network, source)
