"""Decoders that add context to C5, the last map of a dilated backbone: DeepLabV3, OCNet, APCNet, CCNet, GCU."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dgmlib.decoders.layers import Decoder, conv_bn_relu, initialise
from dgmlib.precision import AtLeastFloat32

#: Used in OCNet and CCNet in place of `conv_bn_relu`; the authors' in-place normalisation ends in a leaky ReLU.
leaky = partial(conv_bn_relu, slope=0.01)


def atrous_pyramid(
    in_channels: int, out_channels: int, dilations: Sequence[int], conv: Callable[..., nn.Module] = conv_bn_relu
) -> nn.ModuleList:
    """Parallel views of one map, most local first: a 1x1 convolution, then a 3x3 one for each dilation."""
    wide = (conv(in_channels, out_channels, kernel=3, dilation=dilation) for dilation in dilations)
    return nn.ModuleList([conv(in_channels, out_channels), *wide])


class DeepLabV3(Decoder):
    """Atrous spatial pyramid pooling (Chen et al., "Rethinking Atrous Convolution", 2017) with ``dilations``.

    The variant of PyTorch-Encoding and GluonCV, whose result equals DGM's Table 2: 256 channels, rates 12,
    24 and 36 on a backbone of output stride 8.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 256, dilations: Sequence[int] = (12, 24, 36)):
        super().__init__()
        self.channels, self.out_channels = (dim,) * (len(dilations) + 2), dim
        self.pyramid = atrous_pyramid(in_channels[-1], dim, dilations)
        self.image = conv_bn_relu(in_channels[-1], dim)
        narrow, wide = conv_bn_relu(sum(self.channels), dim), conv_bn_relu(dim, dim, kernel=3)
        self.project = nn.Sequential(narrow, nn.Dropout2d(0.5), wide, nn.Dropout(0.1))
        initialise(self)

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the branches on C5, (B, dim, H, W) each, from the most local to the pooled image (B, dim, 1, 1)."""
        c5 = features[-1]
        return [branch(c5) for branch in self.pyramid] + [self.image(c5.mean((2, 3), keepdim=True))]


class ObjectContext(nn.Module):
    """Object context: every pixel becomes the mean of all pixels, weighted by their affinity to it.

    Affinities are computed between keys, and values are averaged, after max-pooling over cells of ``scale`` pixels.
    """

    def __init__(self, in_channels: int, key_channels: int, value_channels: int, scale: int = 1):
        super().__init__()
        self.scale = scale
        self.key = leaky(in_channels, key_channels, bias=True)
        self.value = nn.Conv2d(in_channels, value_channels, 1)
        self.output = nn.Conv2d(value_channels, in_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to its object context (B, C, H, W)."""
        cell = min(self.scale, *x.shape[-2:])
        pooled = F.max_pool2d(x, cell) if cell > 1 else x
        # One shared layer gives both; like the authors, we run it for each role, so its FLOPs count twice.
        query, key = self.key(pooled).flatten(2), self.key(pooled).flatten(2)  # (B, K, N)
        value = self.value(pooled).flatten(2)  # (B, V, N)
        affinity = torch.softmax(query.mT @ key * key.shape[1] ** -0.5, dim=2)  # (B, N, N), rows sum to 1
        context = (value @ affinity.mT).unflatten(2, pooled.shape[-2:])  # (B, V, H, W)
        return F.interpolate(self.output(context), x.shape[-2:], mode="bilinear", align_corners=True)


class BaseOCNet(Decoder):
    """Base-OC (Yuan and Wang, "OCNet: Object Context Network for Scene Parsing", 2018): C5 and its object context.

    As in the authors' first repository, whose ASP-OC (`OCNet`) has the parameters of OCP in DGM's Table 3: keys and
    queries are the same map, and normalisations are followed by a leaky ReLU.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512):
        super().__init__()
        self.channels, self.out_channels = (dim, dim), dim
        self.reduce = leaky(in_channels[-1], dim, kernel=3, bias=True)
        self.context = ObjectContext(dim, dim // 2, dim // 2)
        self.project = nn.Sequential(leaky(2 * dim, dim, bias=True), nn.Dropout2d(0.05))
        initialise(self)
        nn.init.zeros_(self.context.output.weight)  # start without context, as the authors do

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the reduced C5 and its object context, (B, dim, H, W) each."""
        x = self.reduce(features[-1])
        return [x, self.context(x)]


class OCNet(Decoder):
    """ASP-OC of the same paper: an atrous pyramid in which object context takes the place of the pooled image.

    Its branches are half as wide as the fused map.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512, dilations: Sequence[int] = (12, 24, 36)):
        super().__init__()
        half = dim // 2
        self.channels, self.out_channels = (half,) * (len(dilations) + 2), dim
        self.reduce = leaky(in_channels[-1], dim, kernel=3, bias=True)
        self.pyramid = atrous_pyramid(dim, half, dilations, leaky)
        context = ObjectContext(half, half // 2, half, scale=2)
        self.context = nn.Sequential(leaky(dim, half, kernel=3, bias=True), context, leaky(half, half, bias=True))
        self.project = nn.Sequential(leaky(sum(self.channels), dim), nn.Dropout2d(0.1))
        initialise(self)
        nn.init.zeros_(context.output.weight)

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return the branches on the reduced C5, (B, dim / 2, H, W) each, from the most local to object context."""
        x = self.reduce(features[-1])
        return [branch(x) for branch in (*self.pyramid, self.context)]


class AdaptiveContext(nn.Module):
    """Every pixel aggregates the regions of an s x s grid (``size``) by its own affinities (APCNet, Sec. 3.2)."""

    def __init__(self, in_channels: int, dim: int, size: int):
        super().__init__()
        self.size = size
        self.regions = conv_bn_relu(in_channels, dim)
        self.reduce = conv_bn_relu(in_channels, dim)
        self.guide = conv_bn_relu(dim, dim)
        self.affinity = nn.Conv2d(dim, size * size, 1)
        self.residual = conv_bn_relu(dim, dim)
        self.fusion = conv_bn_relu(dim, dim)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to the context of scale s (B, dim, H, W)."""
        regions = self.regions(F.adaptive_avg_pool2d(features, self.size)).flatten(2)  # (B, D, s s)
        x = self.reduce(features)
        # Global guidance: a pixel's affinities to the regions also depend on the whole image.
        guided = x + self.guide(x.mean((2, 3), keepdim=True))
        affinity = torch.sigmoid(self.affinity(guided)).flatten(2)  # (B, s s, H W), not normalised
        context = (regions @ affinity).unflatten(2, x.shape[-2:])  # (B, D, H, W)
        return self.fusion(F.relu(self.residual(context) + x))


class APCNet(Decoder):
    """A pyramid of adaptive contexts (He et al., "Adaptive Pyramid Context Network", CVPR 2019).

    ``sizes`` are the cells along each side of the grids, finest first.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512, sizes: Sequence[int] = (6, 3, 2, 1)):
        super().__init__()
        top = in_channels[-1]
        self.channels, self.out_channels = (top, *(dim for _ in sizes)), dim
        self.contexts = nn.ModuleList(AdaptiveContext(top, dim, size) for size in sizes)
        self.project = nn.Sequential(conv_bn_relu(sum(self.channels), dim, kernel=3), nn.Dropout2d(0.1))
        initialise(self)

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return C5 and its contexts (B, dim, H, W), from the finest grid to the whole image."""
        return [features[-1], *(context(features[-1]) for context in self.contexts)]


class CrissCrossAttention(nn.Module):
    """Every pixel attends to its row and its column (CCNet, Sec. 3.2), with keys of an eighth of the width."""

    def __init__(self, channels: int):
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Add attention over rows and columns to a map (B, C, H, W)."""
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
    """Recurrent criss-cross attention between two convolutions (Huang et al., "CCNet", ICCV 2019, Sec. 3.3).

    The same attention is applied ``recurrence`` times; with 2, every pixel reaches every other.
    """

    def __init__(self, in_channels: Sequence[int], dim: int = 512, recurrence: int = 2):
        super().__init__()
        top = in_channels[-1]
        self.channels, self.out_channels, self.recurrence = (top, dim), dim, recurrence
        self.reduce = leaky(top, dim, kernel=3)
        self.attention = CrissCrossAttention(dim)
        self.output = leaky(dim, dim, kernel=3)
        self.project = nn.Sequential(leaky(top + dim, dim, kernel=3), nn.Dropout2d(0.1))
        initialise(self)

    def levels(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return C5 and the attended map (B, dim, H, W)."""
        x = self.reduce(features[-1])
        for _ in range(self.recurrence):
            x = self.attention(x)
        return [features[-1], self.output(x)]


class GraphConvolutionalUnit(AtLeastFloat32):
    """Soft assignment of pixels to learned anchors, one graph convolution over these vertices, and the way back."""

    def __init__(self, channels: int, vertices: int):
        super().__init__()
        self.anchors = nn.Parameter(torch.randn(vertices, channels))
        self.log_scale = nn.Parameter(torch.zeros(vertices, channels))  # of sigma, one per anchor and channel
        self.weight = nn.Linear(channels, channels, bias=False)
        self.register_buffer("fitted", torch.tensor(False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D, H, W) to the graph's features at every pixel (B, D, H, W)."""
        with torch.autocast(x.device.type, enabled=False):
            pixels = x.flatten(2).mT.to(self.anchors.dtype)  # (B, N, D)
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
        """Mean of an anchor's pixels relative to it, in units of its sigma, scaled to unit length: (B, V, D)."""
        share = log_assignment.softmax(1)  # (B, N, V), columns sum to 1 even for an anchor far from every pixel
        mean = (share.mT @ pixels - self.anchors) * torch.exp(-self.log_scale)
        # Right after `fit`, the means are at their anchors; below a tenth of sigma they are noise and stay short.
        return F.normalize(mean, dim=2, eps=0.1)

    @torch.no_grad()
    def fit(self, pixels: Tensor, iterations: int = 10) -> None:
        """Initialise from clusters of the first batch's pixels (N, D): k-means centres, and deviations for sigma."""
        count = len(self.anchors)
        anchors = pixels[torch.linspace(0, len(pixels) - 1, count, device=pixels.device).long()]
        for _ in range(iterations):
            member = F.one_hot(torch.cdist(pixels, anchors).argmin(1), count).to(pixels.dtype)  # (N, V)
            size = member.sum(0)[:, None]
            anchors = torch.where(size > 0, member.T @ pixels / size.clamp(min=1), anchors)
        variance = member.T @ pixels.square() / size.clamp(min=1) - anchors.square()
        # An anchor of one pixel or a channel that is off has no spread: the whole batch's sets a floor.
        floor = 0.1 * pixels.var(0, correction=0).mean() + 1e-6
        self.anchors.copy_(anchors)
        self.log_scale.copy_(0.5 * variance.clamp(min=floor).log())
        if torch.distributed.is_available() and torch.distributed.is_initialized():  # each process saw other pixels
            for parameter in (self.anchors, self.log_scale):
                torch.distributed.broadcast(parameter.detach(), 0)
        self.fitted.fill_(True)


class GCU(Decoder):
    """Parallel graph convolutional units with ``vertices`` from many to few, alongside the reduced C5.

    As in Li and Gupta, "Beyond Grids" (NeurIPS 2018). The authors released no code: the units follow the paper's
    equations, and their arrangement is our reading of its segmentation experiments.
    """

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
