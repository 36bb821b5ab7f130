"""Networks that turn a backbone's feature maps into levels for DeepGrouping and one map for dense heads."""

from dgmlib.decoders.apcnet import APCNet
from dgmlib.decoders.ccnet import CCNet
from dgmlib.decoders.deeplabv3 import DeepLabV3
from dgmlib.decoders.gcu import GCU
from dgmlib.decoders.hrnet import HRNetHead
from dgmlib.decoders.ocnet import BaseOCNet, OCNet
from dgmlib.decoders.upernet import UPerNet

__all__ = ["GCU", "APCNet", "BaseOCNet", "CCNet", "DeepLabV3", "HRNetHead", "OCNet", "UPerNet"]
