"""APCNet (He et al., "Adaptive Pyramid Context Network for Semantic Segmentation", CVPR 2019)."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from dgmlib.decoders.layers import Decoder, conv_bn_relu, initialise


class AdaptiveContext(nn.Module):
    """Adaptive context module: every pixel collects the regions of an s x s grid by affinities of its own (Sec. 3.2).

    Args:
        in_channels: width of the input.
        dim: width of the output.
        size: s, cells along each side of the grid.
    """

    def __init__(self, in_channels: int, dim: int, size: int):
        super().__init__()
        self.size = size
        self.regions = conv_bn_relu(in_channels, dim)
        self.reduce = conv_bn_relu(in_channels, dim)
        self.guide = conv_bn_relu(dim, dim)
        self.affinity = nn.Conv2d(dim, size * size, 1)
        self.residual = conv_bn_relu(dim, dim)
        self.fusion = conv_bn_relu(dim, dim)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, in_channels, H, W) to the context of scale s (B, dim, H, W)."""
        regions = self.regions(F.adaptive_avg_pool2d(features, self.size)).flatten(2)  # (B, D, s s)
        x = self.reduce(features)
        # Global guidance: the same pixel asks for other regions in another image.
        guided = x + self.guide(x.mean((2, 3), keepdim=True))
        affinity = torch.sigmoid(self.affinity(guided)).flatten(2)  # (B, s s, H W), not normalised
        context = (regions @ affinity).unflatten(2, x.shape[-2:])  # (B, D, H, W)
        return self.fusion(F.relu(self.residual(context) + x))


class APCNet(Decoder):
    """A pyramid of adaptive context modules next to C5 itself.

    Levels are C5 and the contexts, from the finest grid to the whole image.

    Args:
        in_channels: widths of the backbone's maps, of which the last is read.
        dim: width of the contexts and of the fused map.
        sizes: cells along each side of the grids, finest first.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512, sizes: Sequence[int] = (6, 3, 2, 1)):
        super().__init__()
        top = in_channels[-1]
        self.channels, self.out_channels = (top, *(dim for _ in sizes)), dim
        self.contexts = nn.ModuleList(AdaptiveContext(top, dim, size) for size in sizes)
        self.project = nn.Sequential(conv_bn_relu(sum(self.channels), dim, kernel=3), nn.Dropout2d(0.1))
        initialise(self)

    def levels(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return C5 and its contexts (B, dim, H, W)."""
        return [features[-1], *(context(features[-1]) for context in self.contexts)]
