"""Building blocks of the decoders: convolution with normalisation and activation, resizing, the interface."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation that uses its running statistics where the batch holds one value per channel.

    A map of 1 x 1 cells in a batch of one has no variance, and ``nn.BatchNorm2d`` rejects it in training. It
    occurs wherever a decoder pools the whole image.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if self.training and x[:, 0].numel() == 1:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


def conv_bn_relu(
    in_channels: int, out_channels: int, kernel: int = 1, dilation: int = 1, bias: bool = False, slope: float = 0.0
) -> nn.Sequential:
    """Convolution that keeps the size (index 0; the kernel's side is odd), batch normalisation (1) and activation.

    Normalisation makes a ``bias`` redundant, but OCNet counts it. ``slope`` applies to negative values; 0 is ReLU.
    """
    conv = nn.Conv2d(in_channels, out_channels, kernel, 1, dilation * (kernel // 2), dilation, bias=bias)
    activation = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
    return nn.Sequential(conv, BatchNorm2d(out_channels), activation)


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize maps (B, C, H, W) to ``size`` bilinearly, without aligned corners."""
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


def concatenate(maps: Sequence[Tensor]) -> Tensor:
    """Concatenate maps along channels at the size of the first (B, C_1 + ... + C_L, H_1, W_1)."""
    return torch.cat([resize(m, maps[0].shape[-2:]) for m in maps], dim=1)


class Decoder(nn.Module):
    """Turn a backbone's feature maps into the one map that dense heads read.

    Every system of Tables 1 and 2 ends by concatenating several maps. Those are its levels: ``levels`` returns
    them, finest (or most local) first, DeepGrouping adds a residual to each, and ``fuse`` concatenates them.

    A decoder takes ``in_channels``, the widths of the backbone's maps, finest first, and ``dim``, the width of the
    fused map and of the levels that it computes, by default that of its paper.

    Attributes:
        channels: widths of the levels, finest first.
        out_channels: width of the fused map.
        project: layers from the concatenated levels to the fused map.
        is_pyramid: whether the levels are maps of different scales; otherwise they are views of one map, C5 of a
            dilated backbone.
    """

    is_pyramid = False
    channels: tuple[int, ...]
    out_channels: int
    project: nn.Module

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the levels F^1 ... F^L (B, channels[l], H_l, W_l) for a backbone's four maps."""
        raise NotImplementedError

    def fuse(self, maps: Sequence[Tensor]) -> Tensor:
        """Concatenate the levels and project them to one map (B, out_channels, H_1, W_1)."""
        return self.project(concatenate(maps))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return the fused map of a backbone's features, without grouping."""
        return self.fuse(self.levels(features))


def initialise(decoder: nn.Module) -> None:
    """Initialise like CSAIL's decoders: Kaiming-normal convolutions, normalisation's weight 1 and bias 1e-4."""
    for module in decoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.constant_(module.bias, 1e-4)
