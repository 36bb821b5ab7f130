"""OCNet (Yuan and Wang, "OCNet: Object Context Network for Scene Parsing", 2018): Base-OC and ASP-OC.

As in the authors' first repository, whose parameter count Table 3 of the DGM paper quotes: keys and queries are one
and the same map, normalisations are followed by a leaky ReLU.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from dgmlib.decoders.layers import Decoder, atrous_pyramid, conv_bn_relu, initialise

SLOPE = 0.01  # of the leaky ReLU fused into the authors' in-place normalisation
_conv = partial(conv_bn_relu, slope=SLOPE)


class ObjectContext(nn.Module):
    """Object context: every pixel becomes the mean of all pixels, weighted by their affinity to it.

    Args:
        in_channels: width of the input and of the output.
        key_channels: width in which affinities are measured.
        value_channels: width of what is averaged.
        scale: side of the cells that are max-pooled into one pixel before attention.
    """

    def __init__(self, in_channels: int, key_channels: int, value_channels: int, scale: int = 1):
        super().__init__()
        self.scale = scale
        self.key = _conv(in_channels, key_channels, bias=True)
        self.value = nn.Conv2d(in_channels, value_channels, 1)
        self.output = nn.Conv2d(value_channels, in_channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to its object context (B, C, H, W)."""
        cell = min(self.scale, *x.shape[-2:])
        pooled = F.max_pool2d(x, cell) if cell > 1 else x
        # One shared layer gives both; the authors run it for each role, and the published FLOPs count it twice.
        query, key = self.key(pooled).flatten(2), self.key(pooled).flatten(2)  # (B, K, N)
        value = self.value(pooled).flatten(2)  # (B, V, N)
        affinity = torch.softmax(query.mT @ key * key.shape[1] ** -0.5, dim=2)  # (B, N, N), rows sum to 1
        context = (value @ affinity.mT).unflatten(2, pooled.shape[-2:])  # (B, V, H, W)
        return F.interpolate(self.output(context), x.shape[-2:], mode="bilinear", align_corners=True)

    def reset_output(self) -> None:
        """Start from no context, as the authors do."""
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)


class BaseOCNet(Decoder):
    """Base-OC: C5 reduced, next to its object context.

    Levels are the reduced C5 and its context.

    Args:
        in_channels: widths of the backbone's maps, of which the last is read.
        dim: width of the levels and of the fused map.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512):
        super().__init__()
        self.channels, self.out_channels = (dim, dim), dim
        self.reduce = _conv(in_channels[-1], dim, kernel=3, bias=True)
        self.context = ObjectContext(dim, dim // 2, dim // 2)
        self.project = nn.Sequential(_conv(2 * dim, dim, bias=True), nn.Dropout2d(0.05))
        initialise(self)
        self.context.reset_output()

    def levels(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the reduced C5 and its object context, (B, dim, H, W) each."""
        x = self.reduce(features[-1])
        return [x, self.context(x)]


class OCNet(Decoder):
    """ASP-OC: an atrous pyramid in which object context takes the place of the pooled image.

    Levels are the branches of the pyramid, from the 1x1 convolution to the object context.

    Args:
        in_channels: widths of the backbone's maps, of which the last is read.
        dim: width of the fused map; branches have half of it.
        dilations: atrous rates.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512, dilations: Sequence[int] = (12, 24, 36)):
        super().__init__()
        half = dim // 2
        self.channels, self.out_channels = (half,) * (len(dilations) + 2), dim
        self.reduce = _conv(in_channels[-1], dim, kernel=3, bias=True)
        self.pyramid = atrous_pyramid(dim, half, dilations, slope=SLOPE)
        context = ObjectContext(half, half // 2, half, scale=2)
        self.context = nn.Sequential(_conv(dim, half, kernel=3, bias=True), context, _conv(half, half, bias=True))
        self.project = nn.Sequential(_conv(sum(self.channels), dim), nn.Dropout2d(0.1))
        initialise(self)
        context.reset_output()

    def levels(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the branches on the reduced C5, (B, dim / 2, H, W) each."""
        x = self.reduce(features[-1])
        return [branch(x) for branch in (*self.pyramid, self.context)]
