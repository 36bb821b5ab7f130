"""Networks that turn a backbone's feature maps into levels for DeepGrouping and one map for dense heads."""

from collections.abc import Callable, Sequence

from dgmlib.decoders.context import GCU, APCNet, BaseOCNet, CCNet, DeepLabV3, OCNet
from dgmlib.decoders.layers import Decoder
from dgmlib.decoders.pyramids import HRNetHead, UPerNet

__all__ = ["DECODERS", "GCU", "APCNet", "BaseOCNet", "CCNet", "Decoder", "DeepLabV3", "HRNetHead", "OCNet", "UPerNet"]

#: Name -> (widths of the backbone's maps, dim, atrous rates) -> decoder, as in its paper if dim is 512.
DECODERS: dict[str, Callable[[Sequence[int], int, Sequence[int]], Decoder]] = {
    "upernet": lambda channels, dim, rates: UPerNet(channels, dim),
    "ocnet": OCNet,
    "base-ocnet": lambda channels, dim, rates: BaseOCNet(channels, dim),
    "apcnet": lambda channels, dim, rates: APCNet(channels, dim),
    "ccnet": lambda channels, dim, rates: CCNet(channels, dim),
    "gcu": lambda channels, dim, rates: GCU(channels, dim),
    # DeepLabV3 was published at half the width of the others, HRNetV2's head at a quarter of its branches' sum.
    "deeplabv3": lambda channels, dim, rates: DeepLabV3(channels, dim // 2, rates),
    "hrnet": lambda channels, dim, rates: HRNetHead(channels),
}
