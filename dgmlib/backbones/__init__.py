"""Networks that turn an image into four feature maps, finest first; ``channels`` and ``strides`` describe them."""

from dgmlib.backbones.efficientnet import EfficientNet
from dgmlib.backbones.hrnet import HRNet
from dgmlib.backbones.resnet import ResNet

__all__ = ["EfficientNet", "HRNet", "ResNet"]
