"""CCNet (Huang et al., "CCNet: Criss-Cross Attention for Semantic Segmentation", ICCV 2019): the RCCA module."""

from collections.abc import Sequence

import torch
from torch import nn

from dgmlib.decoders.layers import Decoder, conv_bn_relu, initialise


class CrissCrossAttention(nn.Module):
    """Every pixel attends to the pixels of its row and of its column (Sec. 3.2).

    Args:
        channels: width of the input and of the output; affinities are measured in an eighth of it.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add to (B, C, H, W) what its rows and columns hold."""
        query, key, value = self.query(x), self.key(x), self.value(x)
        height = x.shape[2]
        column = torch.einsum("bchw,bcgw->bhwg", query, key)  # (B, H, W, H)
        row = torch.einsum("bchw,bchv->bhwv", query, key)  # (B, H, W, W)
        # The pixel itself lies on both lines; it counts once, in its row.
        itself = torch.eye(height, dtype=torch.bool, device=x.device)[:, None]  # (H, 1, H)
        column = column.masked_fill(itself, -torch.inf)
        attention = torch.softmax(torch.cat([column, row], dim=3), dim=3)  # (B, H, W, H + W)
        column, row = attention[..., :height], attention[..., height:]
        seen = torch.einsum("bhwg,bcgw->bchw", column, value) + torch.einsum("bhwv,bchv->bchw", row, value)
        return self.gamma * seen + x


class CCNet(Decoder):
    """Recurrent criss-cross attention between two convolutions, next to C5 itself (Sec. 3.3).

    Levels are C5 and the attended map.

    Args:
        in_channels: widths of the backbone's maps, of which the last is read.
        dim: width of the attended and of the fused map.
        recurrence: how often the one attention is applied; 2 lets every pixel reach every other.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512, recurrence: int = 2):
        super().__init__()
        top = in_channels[-1]
        self.channels, self.out_channels, self.recurrence = (top, dim), dim, recurrence
        self.reduce = conv_bn_relu(top, dim, kernel=3, slope=0.01)
        self.attention = CrissCrossAttention(dim)
        self.output = conv_bn_relu(dim, dim, kernel=3, slope=0.01)
        self.project = nn.Sequential(conv_bn_relu(top + dim, dim, kernel=3, slope=0.01), nn.Dropout2d(0.1))
        initialise(self)

    def levels(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return C5 and the attended map (B, dim, H, W)."""
        c5 = features[-1]
        x = self.reduce(c5)
        for _ in range(self.recurrence):
            x = self.attention(x)
        return [c5, self.output(x)]
