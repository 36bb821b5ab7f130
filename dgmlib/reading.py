"""Reading: how the paper's ambiguous sentences are read, and where dgmlib deviates from what it prints.

The evidence is in results/reading.md and notebook 03.
"""

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from dgmlib.groups import masked_mean


def check_choices(config: object) -> None:
    """Raise a ValueError if a field of a dataclass is not among the values of its ``Literal`` type."""
    for name, hint in get_type_hints(type(config)).items():
        if get_origin(hint) is Literal and getattr(config, name) not in get_args(hint):
            raise ValueError(f"{name} must be one of {', '.join(get_args(hint))}, not {getattr(config, name)!r}.")


@dataclass(frozen=True)
class Reading:
    """Interpretation of sentences of the paper that can be read in more than one way.

    With the default reading, the graph is heard: its nodes' content reaches the pixels. With `VERSION_0_1` it does not.
    results/ablation.md measures single choices on photographs of cars: all lie within a point of mIoU of the
    default, except a start at 0, which gains nothing over UPerNet.

    Attributes:
        edges: Ptilde. "grouping": the kernel of Eq. 1 normalised over the upper nodes, "by reusing the grouping results
            in the bottom-up process" (Sec. 3.2). "updated": Eq. 8 as printed, with V^{l+1}, which Projection and TDMP
            have moved to a different space from V^l.
        pooled: U^l in the graph. "raw": as printed. "unit": L2-normalised, like the output of every graph convolution
            (Sec. 5.2). "centred": minus its mean over the image, then L2-normalised.
        first: V^1. "pooled": U^1 (Sec. 3) as the graph reads it. "neighbours", ours: a GConv of the mean of a
            superpixel and its neighbours.
        combine: input of a graph convolution over U^l and V^l. "sum": their weighted sum (Eq. 6). "concat": their
            concatenation, as in GraphSAGE's algorithm.
        messages: the graph's message to a superpixel, (Ptilde^1 ... Ptilde^{l-1}) V^l. "plain". "centred": like U^l,
            minus its mean over the image, then of unit length; a step beyond the text, with which every level is heard.
        bandwidth: sigma^2, which the paper does not give, relative to the mean squared distance of a level's nodes; it
            never falls below 1e-4 of their mean squared length.
        sigma2: a fixed sigma^2 instead.
        merge: new nodes whose squared distance is below this share of sigma^2 are merged, one way to "change |V^{l+1}|
            dynamically" (Sec. 3.1, which gives none); 0 keeps half of the nodes, as in Sec. 5.2.
        start: initial weight of the residual layers' BatchNorm.

    Raises:
        ValueError: if a number is not finite or of the wrong sign, or a choice is not among those above.
    """

    edges: Literal["grouping", "updated"] = "grouping"
    pooled: Literal["unit", "centred", "raw"] = "centred"
    first: Literal["pooled", "neighbours"] = "pooled"
    combine: Literal["sum", "concat"] = "concat"
    messages: Literal["plain", "centred"] = "plain"
    bandwidth: float = 0.03
    sigma2: float | None = None
    merge: float = 0.0
    start: float = 0.3

    def __post_init__(self):
        check_choices(self)
        for name in ("bandwidth", "sigma2", "merge", "start"):
            value, kind = getattr(self, name), "non-negative" if name in ("merge", "start") else "positive"
            if name == "sigma2" and value is None:
                continue
            if not isinstance(value, int | float) or not 0 <= value < inf or (kind == "positive" and value == 0):
                raise ValueError(f"{name} must be a {kind} number, not {value!r}.")

    def sigma_squared(self, lower: Tensor, lower_mask: Tensor, upper: Tensor, upper_mask: Tensor) -> Tensor | float:
        """sigma^2 of Eq. 1 and 8 for nodes (B, N, D) and (B, M, D): a number, or one per image (B, 1, 1)."""
        if self.sigma2 is not None:
            return self.sigma2
        with torch.no_grad():
            sets = ((lower, lower_mask), (upper, upper_mask))[: 1 if upper is lower else 2]
            means = [masked_mean(x, m) for x, m in sets]  # (B, D) each
            squares = [masked_mean(x.square(), m).sum(1) for x, m in sets]  # (B,) each
            # (B,) mean of |v_i - v_j|^2 over all pairs
            distance = squares[0] + squares[-1] - 2 * (means[0] * means[-1]).sum(1)
            # Otherwise rounding errors would separate nearly equal nodes, and gradients explode.
            return (self.bandwidth * distance).clamp(min=1e-12 + 1e-4 * squares[0])[:, None, None]


#: Eq. 8 and U^l as printed, a fixed sigma^2, residual layers that start at zero: as in dgmlib 0.1. Its V^1 is not
#: the printed U^1 but a GConv over neighbours.
VERSION_0_1 = Reading("updated", "raw", "neighbours", "sum", sigma2=0.5, start=0.0)
