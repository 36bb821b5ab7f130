"""Parameters, FLOPs, time and memory, taken one way for every module: Table 3 and what its printed rows counted.

FLOPs are 2 x multiply-accumulate of convolutions and matrix products, by ``torch.utils.flop_counter``, to which this
module adds sparse products. Normalisations, activations and resizing are not counted.
"""

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from dgmlib import paths
from dgmlib.decoders import CCNet, OCNet
from dgmlib.decoders.ccnet import CrissCrossAttention
from dgmlib.grouping import DeepGrouping
from dgmlib.provenance import markdown, write_table

SIDE = 769  # of Table 3's square input
_RESNET = (256, 512, 1024, 2048)  # widths of the stages of ResNet-50 and ResNet-101
_DGM = {"DGM w/o top-down": False, "DGM": True}  # rows of Table 3, and whether they pass messages down
_CONTEXT = {"OCP (ASP-OC)": OCNet, "RCCA": CCNet}


class Count(NamedTuple):
    """Size and cost of a module."""

    parameters: int
    flops: int


def _sparse_product(out, sparse, dense, *args, **kwargs) -> int:
    return 2 * sparse._nnz() * dense.shape[1]


_sparse_product._get_raw = True  # the counter hands over tensors instead of their shapes


def count(module: nn.Module, *inputs: Any) -> Count:
    """Count a module's parameters and the FLOPs of one forward pass in evaluation.

    A module and inputs on the meta device are counted without computing anything.

    Args:
        module: left as it is.
        inputs: arguments of its ``forward``.
    """
    module = copy.deepcopy(module).eval()
    sparse = {torch.ops.aten._sparse_addmm: _sparse_product}
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=sparse) as counter:
        module(*inputs)
    return Count(sum(p.numel() for p in module.parameters()), counter.get_total_flops())


def table3() -> pd.DataFrame:
    """Count the rows of Table 3 at 769 x 769 and set them beside the printed numbers.

    Context modules read C5 at output stride 8 (2048 x 97 x 97) and have no classifier. DGM reads UPerNet's maps (512
    channels, strides 4 to 32) with 512 superpixels and K = 10. Its superpixels are a regular grid here; their shape
    moves only the sparse products, about 0.1 GFLOP.

    Returns:
        One row per module: ``module``, ``parameters``, ``gflops``, ``printed parameters``, ``printed gflops``, and
        ``printed row``, what those numbers counted as far as we can tell.
    """
    counts = {name: count(DeepGrouping(top_down=top_down), *dgm_inputs()) for name, top_down in _DGM.items()}
    with torch.device("meta"):
        counts |= {name: count(module(_RESNET), context_input()) for name, module in _CONTEXT.items()}
        criss_cross = count(CrissCrossAttention(512), torch.empty(1, 512, 97, 97))
        norms = [m.weight.numel() for m in CCNet(_RESNET).modules() if isinstance(m, nn.BatchNorm2d)]
    # With a classifier of 19 classes, and without the weights and biases of the normalisations.
    rcca = counts["RCCA"].parameters + 19 * (512 + 1) - 2 * sum(norms)
    dgm = (
        "Parameters: ours, with a split into layers that is inferred from these two numbers. "
        "FLOPs: undetermined; the convention is not given."
    )
    printed = {
        "DGM w/o top-down": (3_417_000, 9.3, dgm),
        "DGM": (4_468_000, 10.8, dgm),
        "OCP (ASP-OC)": (
            15_179_000,
            161.4,
            "Parameters: the whole module without a classifier, exactly. FLOPs: reproduced by no set of its layers.",
        ),
        "RCCA": (
            23_931_000,
            16.5,
            f"Parameters: with a classifier of 19 classes and without normalisations, {rcca:,}. "
            f"FLOPs: criss-cross attention alone, applied twice, {2 * criss_cross.flops / 1e9:.2f} G.",
        ),
    }
    columns = ["module", "parameters", "gflops", "printed parameters", "printed gflops", "printed row"]
    rows = [(name, own.parameters, own.flops / 1e9, *printed[name]) for name, own in counts.items()]
    return pd.DataFrame(rows, columns=columns)


def measure(
    modules: Mapping[str, tuple[nn.Module, Sequence[Any]]], repeats: int = 5, device: str | torch.device = "cpu"
) -> pd.DataFrame:
    """Take the peak memory of modules, then time them in turn, round by round.

    Args:
        modules: name -> (module, arguments of its ``forward``).
        repeats: rounds.
        device: where to run.

    Returns:
        One row per module: ``module``, ``seconds`` (median forward pass in evaluation) and ``megabytes``, the most that
        PyTorch's allocator holds during a pass beside weights and inputs.
    """
    device = torch.device(device)
    calls = {
        name: partial(copy.deepcopy(module).eval().to(device), *(_to(x, device) for x in inputs))
        for name, (module, inputs) in modules.items()
    }
    with torch.no_grad():
        bytes_held = {name: _peak_memory(call, device) for name, call in calls.items()}  # also warms up
        seconds = {name: [] for name in calls}
        for _ in range(repeats):
            for name, call in calls.items():
                seconds[name].append(_duration(call, device))
    rows = [(name, median(seconds[name]), bytes_held[name] / 1e6) for name in calls]
    return pd.DataFrame(rows, columns=["module", "seconds", "megabytes"])


def measure_table3(repeats: int = 3, device: str | torch.device = "cpu", side: int = SIDE) -> pd.DataFrame:
    """Measure the modules of Table 3, see `measure` and `table3`.

    Args:
        repeats: rounds.
        device: where to run.
        side: of the square input, in pixels.
    """
    modules = {name: (DeepGrouping(top_down=top_down), dgm_inputs(side)) for name, top_down in _DGM.items()}
    modules |= {name: (module(_RESNET), [context_input(side)]) for name, module in _CONTEXT.items()}
    return measure(modules, repeats, device)


def benchmark(repeats: int = 3, side: int = SIDE, results: Path = paths.RESULTS) -> str:
    """Time the modules of Table 3 and take their peak memory, in turn; write ``modules.csv``, ``.json`` and ``.md``.

    Measured on one core of the CPU, and on the GPU where there is one. Seconds belong to one machine; what
    compares modules is the ratio to DGM.

    Args:
        repeats: rounds, of which the median counts.
        side: of the square input, in pixels.
        results: folder for the table.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        measured = {
            device: measure_table3(repeats, device, side) for device in ["cpu", *["cuda"] * torch.cuda.is_available()]
        }
    finally:
        torch.set_num_threads(threads)
    table = pd.concat([one.assign(device=device) for device, one in measured.items()], ignore_index=True)
    dgm = table["device"].map(table[table["module"] == "DGM"].set_index("device")["seconds"])
    table["time, DGM = 1"] = table["seconds"] / dgm
    write_table(table, "modules", results, side=side, repeats=repeats, threads=1, load=os.getloadavg())
    note = f"One forward pass at {side} x {side}, one thread, median of {repeats} rounds in turn."
    with paths.write_atomic(results / "modules.md") as temporary:
        temporary.write_text(f"{note}\n\n{markdown(table.round(3))}\n")
    return (results / "modules.md").read_text()


def dgm_inputs(side: int = SIDE) -> tuple[list[torch.Tensor], torch.Tensor]:
    """UPerNet's four maps (1, 512, h, w) of a square image, random, and 512 superpixels (1, side, side), a grid."""
    maps = [torch.rand(1, 512, -(-side // stride), -(-side // stride)) for stride in (4, 8, 16, 32)]
    row, column = torch.arange(side) * 16 // side, torch.arange(side) * 32 // side
    return maps, (row[:, None] * 32 + column)[None]


def context_input(side: int = SIDE) -> list[torch.Tensor]:
    """C5 of a dilated ResNet (1, 2048, side / 8, side / 8), as the list of maps that a decoder reads."""
    return [torch.rand(1, _RESNET[-1], -(-side // 8), -(-side // 8))]


def _to(x: Any, device: torch.device) -> Any:
    return [_to(item, device) for item in x] if isinstance(x, list) else x.to(device)


def _duration(call: Callable[[], Any], device: torch.device) -> float:
    start = perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter() - start


def _peak_memory(call: Callable[[], Any], device: torch.device) -> int:
    """Most bytes that the allocator holds during a call, beyond those it held before."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler would write its start and stop to the terminal
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = (event.nbytes() for event in sorted(events, key=lambda event: event.start_ns()))
    return max(accumulate(changes, initial=0))
