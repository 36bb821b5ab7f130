"""Residual networks (He et al., CVPR 2016), and what all backbones share.

Parameters have torchvision's names, and those of the deep stem have the names of CSAIL's scene-parsing code, so that
published ImageNet weights load as they are.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from torch import Tensor, nn


class Backbone(nn.Module):
    """A network without its classifier: returns four feature maps of an image, finest first.

    Attributes:
        channels: widths of the maps.
        strides: pixels per cell of the maps.
        networks: first arguments of the class, by network name.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    networks: ClassVar[Mapping[str, tuple]]

    @classmethod
    def from_name(cls, name: str, *arguments, **options) -> Self:
        """Build a network by its name, with random weights; `dgmlib.backbones.weights` loads published ones.

        The other arguments are those of the class that follow the ones given by the name.

        Raises:
            ValueError: if the name is unknown, or the class rejects an argument.
        """
        if name not in cls.networks:
            raise ValueError(f"backbone {name!r} is unknown; choose one of {', '.join(cls.networks)}.")
        return cls(*cls.networks[name], *arguments, **options)


def conv_bn(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """Convolution without bias and batch normalisation, padded to keep the size at stride 1."""
    conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """3x3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, dilation, dilation, bias=False)


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """Projection of the skip connection where the block changes the shape, else None (the identity)."""
    if stride == 1 and in_channels == out_channels:
        return None
    return conv_bn(in_channels, out_channels, stride=stride)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a skip connection."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(in_channels, width, stride, dilation), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv3x3(width, width, dilation=dilation), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, width, H / stride, W / stride)."""
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + skip)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a skip connection; the stride sits on the 3x3."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int = 1, dilation: int = 1):
        super().__init__()
        out_channels = width * self.expansion
        self.conv1, self.bn1 = nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv3x3(width, width, stride, dilation), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, 4 * width, H / stride, W / stride)."""
        skip = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + skip)


def make_stage(
    block: type[BasicBlock | Bottleneck], in_channels: int, width: int, blocks: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Stack residual blocks, the first of which changes width and resolution.

    Where ``dilation`` replaces a stride, the first block is dilated half as much, because it reads what the
    previous stage would have given the strided block (as in torchvision, CSAIL and PyTorch-Encoding).
    """
    first = block(in_channels, width, stride, max(dilation // 2, 1))
    rest = (block(width * block.expansion, width, dilation=dilation) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


class ResNet(Backbone):
    """Residual network.

    Args:
        block: ``BasicBlock`` or ``Bottleneck``.
        blocks: number of blocks in each of the four stages.
        stem: ``"7x7"`` (torchvision) or ``"deep"``, CSAIL's three 3x3 convolutions.
        output_stride: stride of the last map, 8, 16 or 32; below 32, the last stages are dilated instead of strided.
        width: width of the first stage's 3x3 convolutions; 64 in every published network.
    """

    networks: ClassVar = {
        "resnet18": (BasicBlock, (2, 2, 2, 2)),
        "resnet34": (BasicBlock, (3, 4, 6, 3)),
        "resnet50": (Bottleneck, (3, 4, 6, 3)),
        "resnet101": (Bottleneck, (3, 4, 23, 3)),
    }

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        blocks: tuple[int, int, int, int],
        stem: Literal["7x7", "deep"] = "7x7",
        output_stride: int = 32,
        width: int = 64,
    ):
        super().__init__()
        if stem not in ("7x7", "deep"):
            raise ValueError(f'stem is {stem!r}; it must be "7x7" or "deep".')
        self.stem, self.strides = stem, strides_of(output_stride)
        self.channels = tuple(width * 2**stage * block.expansion for stage in range(4))

        if stem == "deep":
            self.conv1, self.bn1 = conv3x3(3, width, stride=2), nn.BatchNorm2d(width)
            self.conv2, self.bn2 = conv3x3(width, width), nn.BatchNorm2d(width)
            self.conv3, self.bn3 = conv3x3(width, 2 * width), nn.BatchNorm2d(2 * width)
        else:
            self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        in_channels = 2 * width if stem == "deep" else width
        dilations = [max(stride // output_stride, 1) for stride in (16, 32)]
        steps = [2 if dilation == 1 else 1 for dilation in dilations]
        self.layer1 = make_stage(block, in_channels, width, blocks[0])
        self.layer2 = make_stage(block, self.channels[0], 2 * width, blocks[1], stride=2)
        self.layer3 = make_stage(block, self.channels[1], 4 * width, blocks[2], steps[0], dilations[0])
        self.layer4 = make_stage(block, self.channels[2], 8 * width, blocks[3], steps[1], dilations[1])
        initialise_backbone(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised images (B, 3, H, W) -> C2 to C5, (B, channels[i], ceil(H / strides[i]), ceil(W / strides[i]))."""
        x = self.relu(self.bn1(self.conv1(images)))
        if self.stem == "deep":
            x = self.relu(self.bn2(self.conv2(x)))
            x = self.relu(self.bn3(self.conv3(x)))
        features = [self.layer1(self.maxpool(x))]
        for stage in (self.layer2, self.layer3, self.layer4):
            features.append(stage(features[-1]))
        return features


def strides_of(output_stride: int) -> tuple[int, ...]:
    """Strides of the four maps of a network whose last one has ``output_stride``.

    Raises:
        ValueError: if it is not 8, 16 or 32.
    """
    if output_stride not in (8, 16, 32):
        raise ValueError(f"output_stride is {output_stride}; it must be 8, 16 or 32.")
    return tuple(min(stride, output_stride) for stride in (4, 8, 16, 32))


def initialise_backbone(network: nn.Module) -> None:
    """Initialise convolutions as torchvision and CSAIL do: Kaiming-normal, by fan-out."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
