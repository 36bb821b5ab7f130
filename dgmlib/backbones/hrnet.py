"""HRNetV2 (Sun et al., "High-Resolution Representations for Labeling Pixels and Regions", 2019).

Four branches at strides 4, 8, 16 and 32 run in parallel and repeatedly exchange features. Parameters have the
authors' names, so that their weights load.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from dgmlib.backbones.resnet import Backbone, BasicBlock, Bottleneck, conv3x3, conv_bn, initialise_backbone, make_stage


def _downsample(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(*conv_bn(in_channels, out_channels, kernel=3, stride=2), nn.ReLU(inplace=True))


class Exchange(nn.Module):
    """One exchange module: residual blocks on every branch, then every branch receives the sum of all.

    Args:
        widths: widths of the branches, finest first.
        blocks: number of residual blocks on each branch.
    """

    def __init__(self, widths: Sequence[int], blocks: int):
        super().__init__()
        self.branches = nn.ModuleList(make_stage(BasicBlock, width, width, blocks) for width in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self._path(widths, source, target) for source in range(len(widths)))
            for target in range(len(widths))
        )
        self.relu = nn.ReLU(inplace=True)

    @staticmethod
    def _path(widths: Sequence[int], source: int, target: int) -> nn.Module:
        """Layers from one branch to another, without the interpolation that follows for a finer target."""
        if source == target:
            return nn.Identity()
        if source > target:
            return conv_bn(widths[source], widths[target])
        steps = [_downsample(widths[source], widths[source]) for _ in range(target - source - 1)]
        return nn.Sequential(*steps, conv_bn(widths[source], widths[target], kernel=3, stride=2))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Map the branches' features (B, widths[i], H_i, W_i), finest first, to outputs of the same shapes."""
        maps = [branch(x) for branch, x in zip(self.branches, maps, strict=True)]
        fused = []
        for target, paths in enumerate(self.fuse_layers):
            total = 0
            for source, (path, x) in enumerate(zip(paths, maps, strict=True)):
                x = path(x)
                if source > target:
                    x = F.interpolate(x, maps[target].shape[-2:], mode="bilinear", align_corners=False)
                total = total + x
            fused.append(self.relu(total))
        return fused


class HRNet(Backbone):
    """HRNetV2 without its head; the defaults give HRNetV2-W48, which is published.

    Args:
        width: width of the finest branch; each coarser branch doubles it.
        modules: number of exchange modules in stages 2 to 4.
        blocks: residual blocks per branch and module.
        stem_width: width of the stem's convolutions; 64 in every published network.
    """

    networks: ClassVar = {
        "hrnetv2-w48": (),
        "hrnetv2-mini": (16, (1, 1, 1), 1, 16),  # of the presets of that name
        "hrnetv2-smoke": (4, (1, 1, 1), 1, 4),
    }

    def __init__(
        self, width: int = 48, modules: tuple[int, int, int] = (1, 4, 3), blocks: int = 4, stem_width: int = 64
    ):
        super().__init__()
        self.channels = tuple(width * 2**branch for branch in range(4))
        self.strides = (4, 8, 16, 32)
        self.conv1, self.bn1 = conv3x3(3, stem_width, stride=2), nn.BatchNorm2d(stem_width)
        self.conv2, self.bn2 = conv3x3(stem_width, stem_width, stride=2), nn.BatchNorm2d(stem_width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = make_stage(Bottleneck, stem_width, stem_width, blocks=4)

        stem_out = 4 * stem_width
        first = nn.Sequential(*conv_bn(stem_out, width, kernel=3), nn.ReLU(inplace=True))
        second = nn.Sequential(_downsample(stem_out, 2 * width))
        self.transition1 = nn.ModuleList([first, second])
        # Later transitions only add a branch, from the coarsest one; the others pass through.
        self.transition2 = nn.ModuleList([None, None, nn.Sequential(_downsample(2 * width, 4 * width))])
        self.transition3 = nn.ModuleList([None, None, None, nn.Sequential(_downsample(4 * width, 8 * width))])
        self.stage2, self.stage3, self.stage4 = (
            nn.Sequential(*(Exchange(self.channels[:branches], blocks) for _ in range(count)))
            for branches, count in zip((2, 3, 4), modules, strict=True)
        )
        initialise_backbone(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised images (B, 3, H, W) -> (B, channels[i], ceil(H / strides[i]), ceil(W / strides[i])) by branch."""
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer1(self.relu(self.bn2(self.conv2(x))))
        maps = self.stage2([transition(x) for transition in self.transition1])
        maps = self.stage3([*maps, self.transition2[-1](maps[-1])])
        return self.stage4([*maps, self.transition3[-1](maps[-1])])
