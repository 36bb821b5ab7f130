"""Counting modules without computing anything, and random weights, for the tests of backbones and decoders."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def on_meta(build):
    with torch.device("meta"):
        return build()


def gflops(module, *shape):
    with FlopCounterMode(display=False) as counter:
        module(torch.zeros(shape, device="meta"))
    return counter.get_total_flops() / 1e9


def randomise(module):
    """Give every parameter and running statistic its own value, so that no layer is neutral."""
    torch.manual_seed(0)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            nn.init.uniform_(tensor, 0.5, 1.5) if tensor.dim() == 1 else nn.init.normal_(tensor, std=0.2)
    return module.double().eval()
