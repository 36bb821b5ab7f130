"""Modules that compute in float32, or float64, inside a half-precision network."""

from collections.abc import Callable
from typing import Self

from torch import Tensor, nn


class AtLeastFloat32(nn.Module):
    """A module whose parameters keep their type under ``half()`` and ``bfloat16()``, alone or as part of a network.

    Softmaxes of distances between wide vectors need float32. Subclasses convert their inputs to the type of their
    parameters, and their outputs back to the type of their inputs.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        def convert(tensor: Tensor) -> Tensor:
            new = fn(tensor)
            return tensor.to(new.device) if new.is_floating_point() and new.itemsize < 4 else new

        return super()._apply(convert, recurse)
