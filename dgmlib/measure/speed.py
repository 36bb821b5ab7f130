"""Speed on one thread: what the Deep Grouping Model adds to a network, and how time grows with the input.

All calls take turns in one process and are measured in process time. Every number is reported with the required one,
which the project sets itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image

from dgmlib import paths, presets
from dgmlib.grouping import DeepGrouping
from dgmlib.launch import launch
from dgmlib.measure.study import markdown, publish
from dgmlib.measure.turns import forward, in_turn, one_thread, picture, ratio, superpixels, training
from dgmlib.regions import RegionGrid
from dgmlib.superpixels import segment


class Sizes(NamedTuple):
    """Sizes to measure, by default those that the requirements name; sides are height and width, in pixels."""

    forward: tuple[tuple[int, int], ...] = ((320, 416), (450, 600))  # images for the paper's network
    mini: tuple[int, int, int] = (4, 128, 160)  # batch size of preset mini, and the sides of its images
    paper: tuple[int, int, int] = (2, 256, 320)  # the same for preset paper, at D = 256
    regions: tuple[int, ...] = (512, 1024, 2048, 4096)  # superpixels of a square image, for DGM alone
    square: int = 512  # side of that image
    sides: tuple[int, ...] = (256, 512, 1024, 2048)  # of square images with 512 superpixels, for DGM alone
    megapixels: tuple[float, ...] = (0.75, 3.0, 12.0)  # of pictures to segment into superpixels


def measure(rounds: int = 3, out: Path = paths.RESULTS) -> str:
    """Measure on one thread of the CPU and write ``speed.{csv,json,md}``; takes about ten minutes.

    Args:
        rounds: number of rounds; the median is reported.
        out: output folder for the table.
    """
    return _measure(presets.get("paper"), presets.get("mini"), Sizes(), rounds, out)


@one_thread()
def _measure(paper: presets.Preset, mini: presets.Preset, sizes: Sizes, rounds: int, out: Path) -> str:
    rows = [*_ratios(paper, mini, sizes, rounds), *_growth(paper, sizes, rounds)]
    table = pd.DataFrame(rows, columns=["what", "size", "value", "required", "unit"])
    heading = (
        f"One thread, {torch.backends.cpu.get_cpu_capability()} instructions, the process's own time, calls in turn, "
        f"median of {rounds} rounds. Seconds were required of a processor with AVX512. A slope is that of time over "
        f"size, both as logarithms, from the smallest to the largest."
    )

    def render(rows: pd.DataFrame) -> str:
        return f"{heading}\n\n{markdown(rows.round(3).astype(object).fillna('-'))}\n"

    return publish("speed", table, render, out, rounds=rounds, sizes=sizes._asdict())


def _ratios(paper: presets.Preset, mini: presets.Preset, sizes: Sizes, rounds: int) -> list[tuple]:
    """Time RegionGrid alone, and forward passes and training steps with over without the Deep Grouping Model."""
    fabric, rows = launch("cpu"), []
    for height, width in sizes.forward:
        grid = partial(RegionGrid, *_regions(height, width, paper.model.max_regions))
        rows.append(("RegionGrid", f"{height} x {width}", 1000 * _seconds(grid, rounds), 25, "ms"))
    for height, width in sizes.forward:
        over = ratio(forward, paper, (1, height, width), fabric, rounds)
        rows.append((f"forward, {paper.name}", f"{height} x {width}", over, 1.04, "DGM over UPerNet"))
    wide = replace(paper, model=replace(paper.model, dim=min(paper.model.dim, 256)))
    for name, preset, shape, required in (
        (mini.name, mini, sizes.mini, 1.2),
        (f"{paper.name}, D = {wide.model.dim}", wide, sizes.paper, 1.08),
    ):
        over = ratio(training, preset, shape, fabric, rounds)
        rows.append((f"training step, {name}", " x ".join(map(str, shape)), over, required, "DGM over UPerNet"))
    return rows


def _growth(paper: presets.Preset, sizes: Sizes, rounds: int) -> list[tuple]:
    """Times and slopes by number of superpixels, by side of the image and by megapixels of the picture."""
    dim = paper.model.dim
    model = DeepGrouping(dim=dim, in_channels=(dim,) * 4).eval()

    def grouping(side: int, count: int) -> Callable[[], object]:
        regions, shapes = _regions(side, side, count)
        maps = [torch.rand(1, dim, *shape) for shape in shapes]
        return lambda: model(maps, regions)

    with torch.inference_mode():
        # Required from 512 to 4096 regions: growth by a fifth of the factor 49 that it once had.
        by_count = {count: _seconds(grouping(sizes.square, count), rounds) for count in sizes.regions}
        by_side = {side: _seconds(grouping(side, paper.model.max_regions), rounds) for side in sizes.sides}
    by_size = {size: _seconds(partial(segment, _photograph(size)), 1) for size in sizes.megapixels}
    rows = []
    for what, seconds, required, most in (
        ("DGM over regions", by_count, 1.09, 1.9),
        ("DGM over the side", by_side, 2.0, None),
        ("segment over megapixels", by_size, 1.0, 6.0),
    ):
        rows.append((what, f"{min(seconds)} to {max(seconds)}", _slope(seconds), required, "slope"))
        rows += [(what, str(n), value, most if n == max(seconds) else None, "s") for n, value in seconds.items()]
    return rows


def _seconds(call: Callable[[], object], rounds: int) -> float:
    return in_turn({"": call}, rounds, torch.device("cpu"))[""]


def _slope(seconds: Mapping[float, float]) -> float:
    first, last = min(seconds), max(seconds)
    return log(seconds[last] / seconds[first]) / log(last / first)


def _regions(height: int, width: int, count: int) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """Superpixels of a synthetic picture, (1, height, width), and the sizes of its four feature maps."""
    regions = superpixels(picture(height, width), count)
    return regions[None], [(-(-height // stride), -(-width // stride)) for stride in (4, 8, 16, 32)]


def _photograph(megapixels: float) -> np.ndarray:
    """A synthetic picture with the grain of a photograph at any size, (H, W, 3) uint8, 3 by 4."""
    height = round((megapixels * 0.75e6) ** 0.5)
    small = Image.fromarray((255 * picture(450, 600)).byte().permute(1, 2, 0).numpy())
    large = np.asarray(small.resize((height * 4 // 3, height), Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(0).normal(0, 4, large.shape)
    return (large + grain).clip(0, 255).astype(np.uint8)
