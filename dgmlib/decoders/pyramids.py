"""Decoders for maps at four scales: UPerNet's feature pyramid, and the head of HRNetV2."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dgmlib.decoders.layers import Decoder, concatenate, conv_bn_relu, initialise, resize


def interpolation_integrals(size: int, bins: int, like: Tensor) -> Tensor:
    """Weights (bins, size) that average a linearly interpolated signal over equal bins of [0, size].

    The signal has its i-th value at coordinate i, is linear between them and down to 0 at -1 and ``size``, so each
    value spreads by a hat function. A weight is the hat's integral over the bin, divided by the bin's length. Weights
    have the dtype and device of ``like``.
    """
    edges = torch.linspace(0, size, bins + 1, dtype=torch.float64, device=like.device)
    position = torch.arange(size, dtype=torch.float64, device=like.device)
    t = (edges[:, None] - position).clamp(-1, 1)  # (bins + 1, size)
    integral = 0.5 + t - 0.5 * t * t.abs()  # of the hat, from -1 to t
    return (integral.diff(dim=0) * (bins / size)).to(like.dtype)


def precise_roi_pool(x: Tensor, bins: int) -> Tensor:
    """Average the bilinearly interpolated map exactly over equal cells of it, (B, C, H, W) -> (B, C, bins, bins).

    Precise RoI pooling (Jiang et al., ECCV 2018) with the whole map, [0, W] x [0, H], as its region. It is
    separable: a product with one small matrix per axis, which runs on any device and has exact gradients.
    """
    rows, columns = (interpolation_integrals(size, bins, x) for size in x.shape[-2:])
    return rows @ x @ columns.T


class UPerNet(Decoder):
    """Pyramid pooling on C5, a feature pyramid down to C2, and their fusion (Xiao et al., ECCV 2018).

    Parameters have the names of the authors' decoder, so that their checkpoints load; their lite version has a ``dim``
    of 256. ``scales`` are the cells along each side of the pooling pyramid.
    """

    is_pyramid = True

    def __init__(self, in_channels: Sequence[int], dim: int = 512, scales: Sequence[int] = (1, 2, 3, 6)):
        super().__init__()
        self.channels, self.out_channels, self.scales = (dim,) * len(in_channels), dim, tuple(scales)
        *fine, top = in_channels
        pooled = top // len(scales)  # 512 for ResNet-50, whatever dim is
        self.ppm_conv = nn.ModuleList(conv_bn_relu(top, pooled) for _ in scales)
        self.ppm_last_conv = conv_bn_relu(top + len(scales) * pooled, dim, kernel=3)
        self.fpn_in = nn.ModuleList(conv_bn_relu(width, dim) for width in fine)
        self.fpn_out = nn.ModuleList(nn.Sequential(conv_bn_relu(dim, dim, kernel=3)) for _ in fine)
        self.conv_fusion = conv_bn_relu(len(in_channels) * dim, dim, kernel=3)
        initialise(self)

    def pyramid_pooling(self, c5: Tensor) -> Tensor:
        """Pool C5 (B, C, H, W) at every scale and merge the scales into P5 (B, dim, H, W)."""
        context = [c5]
        for bins, (conv, norm, relu) in zip(self.scales, self.ppm_conv, strict=True):
            # The authors resize first; a 1x1 convolution commutes with that and is cheaper on the few bins.
            # Normalisation stays after the resizing, so its statistics match the authors'.
            context.append(relu(norm(resize(conv(precise_roi_pool(c5, bins)), c5.shape[-2:]))))
        return self.ppm_last_conv(concatenate(context))

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return P2 to P5 (B, dim, H_l, W_l) for C2 to C5."""
        *fine, c5 = features
        merged = self.pyramid_pooling(c5)
        pyramid = [merged]
        for feature, lateral, out in reversed(list(zip(fine, self.fpn_in, self.fpn_out, strict=True))):
            merged = lateral(feature) + resize(merged, feature.shape[-2:])
            pyramid.insert(0, out(merged))
        return pyramid

    def fuse(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse P2 to P5 at the size of P2 (B, dim, H_1, W_1)."""
        return self.conv_fusion(concatenate(maps))


class HRNetHead(Decoder):
    """One 3x3 convolution of all branches of HRNetV2, to a quarter of their total width or to ``dim``.

    CSAIL's ``hrnetv2`` + ``c1``, whose published result equals that of DGM's Table 2.
    """

    is_pyramid = True

    def __init__(self, in_channels: Sequence[int], dim: int | None = None):
        super().__init__()
        self.channels, self.out_channels = tuple(in_channels), dim or sum(in_channels) // 4
        self.project = conv_bn_relu(sum(in_channels), self.out_channels, kernel=3)
        initialise(self)

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the branches of HRNetV2 as they are."""
        return list(features)
