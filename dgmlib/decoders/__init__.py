"""Networks that turn a backbone's feature maps into levels for DeepGrouping and one map for dense heads."""

from dgmlib.decoders.upernet import UPerNet

__all__ = ["UPerNet"]
