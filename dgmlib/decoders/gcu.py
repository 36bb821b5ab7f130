"""GCU (Li and Gupta, "Beyond Grids: Learning Graph Representations for Visual Recognition", NeurIPS 2018).

The authors released no code. Projection, convolution and re-projection follow the paper's equations. How the units are
arranged (parallel, with 32, 8, 4 and 2 vertices, beside a reduced C5) is our reading of its segmentation experiments.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dgmlib.decoders.layers import Decoder, conv_bn_relu, initialise


class GraphConvolutionalUnit(nn.Module):
    """Soft assignment of pixels to learned anchors, one graph convolution among the vertices, and the way back.

    Args:
        channels: width of the input and of the output.
        vertices: number of anchors, the graph's vertices.
    """

    def __init__(self, channels: int, vertices: int):
        super().__init__()
        self.anchors = nn.Parameter(torch.randn(vertices, channels))
        self.log_scale = nn.Parameter(torch.zeros(vertices, channels))  # of sigma, one per anchor and channel
        self.weight = nn.Linear(channels, channels, bias=False)
        self.register_buffer("fitted", torch.tensor(False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D, H, W) to what its graph says about every pixel (B, D, H, W)."""
        # Squared distances of hundreds of channels want float32 also where the convolutions run in bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            pixels = x.flatten(2).mT.to(torch.promote_types(x.dtype, torch.float32))  # (B, N, D)
            if self.training and not self.fitted:
                self.fit(pixels.detach().flatten(0, 1))
            log_assignment = self.assign(pixels)  # (B, N, V)
            vertices = self.project(pixels, log_assignment)  # (B, V, D)
            adjacency = vertices @ vertices.mT  # (B, V, V) cosines
            updated = F.relu(self.weight(adjacency @ vertices))  # (B, V, D)
            return (log_assignment.exp() @ updated).mT.unflatten(2, x.shape[-2:]).to(x.dtype)  # (B, D, H, W)

    def assign(self, pixels: Tensor) -> Tensor:
        """Logarithm of the softmax over anchors of -|(x - w) / sigma|^2 / 2: (B, N, D) -> (B, N, V)."""
        precision = torch.exp(-2 * self.log_scale)  # (V, D)
        squares = pixels.square() @ precision.T - 2 * pixels @ (self.anchors * precision).T
        return torch.log_softmax(-0.5 * (squares + (self.anchors.square() * precision).sum(1)), dim=2)

    def project(self, pixels: Tensor, log_assignment: Tensor) -> Tensor:
        """Mean of an anchor's pixels relative to it, in units of its sigma, scaled to length 1: (B, V, D)."""
        share = log_assignment.softmax(1)  # (B, N, V), columns sum to 1 even for an anchor far from every pixel
        mean = (share.mT @ pixels - self.anchors) * torch.exp(-self.log_scale)
        # Right after `fit` the means are at their anchors; below a tenth of sigma they are noise and stay short.
        return F.normalize(mean, dim=2, eps=0.1)

    @torch.no_grad()
    def fit(self, pixels: Tensor, iterations: int = 10) -> None:
        """Start from the clusters of the first batch's pixels (N, D): k-means centres, and deviations for sigma."""
        count = len(self.anchors)
        anchors = pixels[torch.linspace(0, len(pixels) - 1, count, device=pixels.device).long()]
        for _ in range(iterations):
            member = F.one_hot(torch.cdist(pixels, anchors).argmin(1), count).to(pixels.dtype)  # (N, V)
            size = member.sum(0)[:, None]
            anchors = torch.where(size > 0, member.T @ pixels / size.clamp(min=1), anchors)
        variance = member.T @ pixels.square() / size.clamp(min=1) - anchors.square()
        # An anchor of one pixel has no spread, and a channel that is off has none either: the whole batch's serves.
        floor = 0.1 * pixels.var(0, correction=0).mean() + 1e-6
        self.anchors.copy_(anchors)
        self.log_scale.copy_(0.5 * variance.clamp(min=floor).log())
        self.fitted.fill_(True)


class GCU(Decoder):
    """Parallel graph convolutional units beside the reduced C5, with ``vertices`` from many to few."""

    def __init__(self, in_channels: Sequence[int], dim: int = 512, vertices: Sequence[int] = (32, 8, 4, 2)):
        super().__init__()
        self.channels, self.out_channels = (dim,) * (len(vertices) + 1), dim
        self.reduce = conv_bn_relu(in_channels[-1], dim, kernel=3)
        self.units = nn.ModuleList(GraphConvolutionalUnit(dim, count) for count in vertices)
        self.project = conv_bn_relu(sum(self.channels), dim)
        initialise(self)

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the reduced C5 and every unit's output, (B, dim, H, W) each."""
        x = self.reduce(features[-1])
        return [x, *(unit(x) for unit in self.units)]
