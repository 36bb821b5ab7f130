"""Counting modules without computing anything, shared by the tests of backbones and decoders."""

import torch
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
