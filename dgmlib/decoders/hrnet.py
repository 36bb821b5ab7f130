"""Head of HRNetV2 (Sun et al., "High-Resolution Representations for Labeling Pixels and Regions", 2019)."""

from collections.abc import Sequence

import torch

from dgmlib.decoders.layers import Decoder, conv_bn_relu, initialise


class HRNetHead(Decoder):
    """Fuses the four parallel branches of HRNet at the finest resolution.

    The head of CSAIL's ``hrnetv2`` + ``c1``, whose result Table 2 of the DGM paper quotes: one 3x3 convolution to a
    quarter of the concatenated channels. Levels are the branches themselves.

    Args:
        in_channels: widths of the branches, finest first.
        dim: width of the fused map; a quarter of the branches' sum if None.
    """

    is_pyramid = True

    def __init__(self, in_channels: Sequence[int], dim: int | None = None):
        super().__init__()
        self.channels, self.out_channels = tuple(in_channels), dim or sum(in_channels) // 4
        self.project = conv_bn_relu(sum(in_channels), self.out_channels, kernel=3)
        initialise(self)

    def levels(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the branches as they are."""
        return list(features)
