"""Parameters, FLOPs, time and memory, measured in one way for every module of Table 3.

FLOPs are 2 x multiply-accumulate of convolutions and matrix products, counted by ``torch.utils.flop_counter``, to which
this module adds the sparse products of `RegionGrid`. Normalisations, activations and resizing are not counted.
"""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from lightning_fabric.utilities import move_data_to_device
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from dgmlib import paths
from dgmlib.decoders import CCNet, OCNet
from dgmlib.grouping import DeepGrouping
from dgmlib.measure.study import markdown, publish
from dgmlib.measure.turns import in_turn, one_thread

SIDE = 769  # of Table 3's square input
RESNET = (256, 512, 1024, 2048)  # widths of the stages of ResNet-50 and ResNet-101


class Count(NamedTuple):
    """Size and cost of a module."""

    parameters: int
    flops: int


def _sparse_product(dense, columns, *args, **kwargs) -> int:
    return 2 * len(columns) * dense.shape[1]


_sparse_product._get_raw = True  # the counter passes tensors instead of their shapes


def count(module: nn.Module, *inputs: Any) -> Count:
    """Count a module's parameters and the FLOPs of one forward pass in evaluation mode.

    The module is left unchanged; on the meta device it is counted without computing anything.
    """
    module = copy.deepcopy(module).eval()
    sparse = {torch.ops.aten._embedding_bag_forward_only: _sparse_product}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=sparse) as counter:
        module(*inputs)
    return Count(sum(p.numel() for p in module.parameters()), counter.get_total_flops())


def table3_modules(side: int = SIDE, context: str = "cpu") -> dict[str, tuple[nn.Module, list]]:
    """Build the rows of Table 3: name -> (module, arguments of its ``forward`` for one square image).

    DGM reads UPerNet's four maps (1, 512, h, w), strides 4 to 32, with K = 10, and 512 superpixels (1, side, side).
    These are a regular grid here; their shape affects only the sparse products, about 0.1 GFLOP. Context modules read
    C5 of a dilated ResNet, (1, 2048, side / 8, side / 8), and have no classifier.

    Args:
        side: side of the image, in pixels.
        context: device of the context modules; "meta" is enough to count them.
    """
    maps = [torch.rand(1, 512, -(-side // stride), -(-side // stride)) for stride in (4, 8, 16, 32)]
    row, column = torch.arange(side) * 16 // side, torch.arange(side) * 32 // side
    superpixels = (row[:, None] * 32 + column)[None]
    rows = {name: (DeepGrouping(top_down=name == "DGM"), [maps, superpixels]) for name in ("DGM w/o top-down", "DGM")}
    with torch.device(context):
        c5 = torch.rand(1, RESNET[-1], -(-side // 8), -(-side // 8))
        return rows | {"OCP (ASP-OC)": (OCNet(RESNET), [[c5]]), "RCCA": (CCNet(RESNET), [[c5]])}


def timings(
    modules: Mapping[str, tuple[nn.Module, Sequence[Any]]], repeats: int = 5, device: str | torch.device = "cpu"
) -> pd.DataFrame:
    """Measure the peak memory of modules, see `table3_modules`, on a device; then time them in turn for some rounds.

    Returns:
        one row per module: "module", "seconds" (median forward pass in evaluation mode) and "megabytes", the peak
        memory of PyTorch's allocator during a pass, without weights and inputs.
    """
    device = torch.device(device)
    calls = {
        name: partial(copy.deepcopy(module).eval().to(device), *move_data_to_device(inputs, device))
        for name, (module, inputs) in modules.items()
    }
    with torch.no_grad():
        bytes_held = {name: _peak_memory(call, device) for name, call in calls.items()}
        seconds = in_turn(calls, repeats, device)
    rows = [(name, seconds[name], bytes_held[name] / 1e6) for name in calls]
    return pd.DataFrame(rows, columns=["module", "seconds", "megabytes"])


@one_thread()
def measure(repeats: int = 3, side: int = SIDE, out: Path = paths.RESULTS) -> str:
    """Measure time and peak memory of Table 3's modules, in turn in one thread; write ``modules.{csv,json,md}``.

    Measured on the CPU and, if there is one, on the GPU. Ratios say more than seconds, which depend on the machine.

    Args:
        repeats: number of rounds; the median is reported.
        side: side of the square input, in pixels.
        out: output folder for the table.
    """
    tables = []
    for device in ["cpu", *["cuda"] * torch.cuda.is_available()]:
        table = timings(table3_modules(side), repeats, device)
        dgm = table.set_index("module").loc["DGM", "seconds"]
        tables.append(table.assign(device=device, **{"time, DGM = 1": table["seconds"] / dgm}))
    table = pd.concat(tables, ignore_index=True)
    heading = (
        f"One forward pass at {side} x {side}, one thread with {torch.backends.cpu.get_cpu_capability()} instructions, "
        f"median of {repeats} rounds in turn."
    )

    def render(rows: pd.DataFrame) -> str:
        return f"{heading}\n\n{markdown(rows.round(3))}\n"

    facts = {"side": side, "repeats": repeats, "threads": 1, "load": os.getloadavg()}
    return publish("modules", table, render, out, **facts)


def _peak_memory(call: Callable[[], Any], device: torch.device) -> int:
    """Peak number of bytes that the allocator holds during a call, beyond those it held before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler logs its start and stop to the terminal
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = (event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(accumulate(changes, initial=0))
