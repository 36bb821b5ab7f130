"""DeepLabV3 (Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017).

The variant of PyTorch-Encoding and GluonCV, whose result Table 2 of the DGM paper quotes: 256 channels, atrous rates
12, 24 and 36 on a backbone of output stride 8.
"""

from collections.abc import Sequence

import torch
from torch import nn

from dgmlib.decoders.layers import Decoder, atrous_pyramid, conv_bn_relu, initialise


class DeepLabV3(Decoder):
    """Atrous spatial pyramid pooling on C5.

    Levels are the branches of the pyramid, from the 1x1 convolution to the pooled image, a map of one cell.

    Args:
        in_channels: widths of the backbone's maps, of which the last is read.
        dim: width of the branches and of the fused map.
        dilations: atrous rates.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 256, dilations: Sequence[int] = (12, 24, 36)):
        super().__init__()
        self.channels, self.out_channels = (dim,) * (len(dilations) + 2), dim
        self.pyramid = atrous_pyramid(in_channels[-1], dim, dilations)
        self.image = conv_bn_relu(in_channels[-1], dim)
        self.project = nn.Sequential(
            conv_bn_relu(sum(self.channels), dim),
            nn.Dropout2d(0.5),
            conv_bn_relu(dim, dim, kernel=3),
            nn.Dropout(0.1),
        )
        initialise(self)

    def levels(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the branches on C5: (B, dim, H, W) each, and (B, dim, 1, 1) for the image."""
        c5 = features[-1]
        return [branch(c5) for branch in self.pyramid] + [self.image(c5.mean((2, 3), keepdim=True))]
