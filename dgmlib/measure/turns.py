"""Interleaved timing of networks on synthetic images, shared by all comparisons of time.

Seconds depend on the machine. Tables report ratios of medians, of calls that take turns in one process.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from time import perf_counter, process_time

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from dgmlib import experiments, mini
from dgmlib.launch import set_up
from dgmlib.losses import perceptual_loss
from dgmlib.parsing import PerceptualParser
from dgmlib.presets import Preset, with_weights
from dgmlib.superpixels import segment

TASKS = ("scene", "object", "part")


@contextmanager
def one_thread() -> Iterator[None]:
    """Restrict PyTorch to one thread, for measurements of CPU time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def in_turn(calls: Mapping[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds of calls that take turns, after one warm-up round.

    On a CPU, this is the process's own time, which excludes other processes; see `one_thread`.
    """
    clock, seconds = perf_counter if device.type == "cuda" else process_time, {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            start = clock()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds[name].append(clock() - start)
    return {name: median(each[1:]) for name, each in seconds.items()}


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    """A picture of smooth patches and some noise, (3, height, width) in [0, 1], with realistic superpixels."""
    generator = torch.Generator().manual_seed(seed)
    patches = torch.rand(1, 3, max(height // 24, 1), max(width // 24, 1), generator=generator)
    smooth = F.interpolate(patches, size=(height, width), mode="bicubic")[0]
    return (smooth + 0.05 * torch.randn(3, height, width, generator=generator)).clamp(0, 1)


def superpixels(image: Tensor, max_regions: int) -> Tensor:
    """Superpixels (height, width) of a `picture`."""
    return torch.from_numpy(segment((255 * image).byte().permute(1, 2, 0).numpy(), max_regions))


def batch(size: int, height: int, width: int, max_regions: int, device: torch.device) -> dict[str, Tensor]:
    """Synthetic images (size, 3, height, width) with their superpixels, and labels of `TASKS` of Broden-mini."""
    images = torch.stack([picture(height, width, seed) for seed in range(size)])
    vocabulary, generator = mini.vocabulary(), torch.Generator().manual_seed(0)
    shape = size, -(-height // 4), -(-width // 4)
    labels = {
        "image": images,
        "regions": torch.stack([superpixels(image, max_regions) for image in images]),
        "object": torch.randint(len(vocabulary.objects), shape, generator=generator),
        "part": torch.zeros(shape, dtype=torch.int64),
        "part_valid": torch.ones(size, len(vocabulary.object_parts), dtype=torch.bool),
        "scene": torch.randint(len(vocabulary.scenes), (size,), generator=generator),
    }
    return {name: tensor.to(device) for name, tensor in labels.items()}


def network(preset: Preset, system: str, fabric: Fabric) -> PerceptualParser:
    """Build a system of Table 1 or 2 with random weights, for `TASKS` of Broden-mini, on a device."""
    model = experiments.build(with_weights(preset, "random"), system, mini.vocabulary(), TASKS, 0)
    return model.to(fabric.device)


def training(
    model: PerceptualParser, batch: Mapping[str, Tensor], fabric: Fabric, preset: Preset
) -> Callable[[], None]:
    """Return a training step as in `dgmlib.training`, with the preset's choice of frozen parts."""
    network, optimizer = set_up(fabric, model, 0, preset.training)

    def call() -> None:
        parsed = network(batch["image"], batch["regions"])
        losses = perceptual_loss(parsed, batch, model.vocabulary, preset.training.loss_weights)
        optimizer.zero_grad()
        fabric.backward(sum(losses.values()))
        optimizer.step()

    return call


def forward(
    model: PerceptualParser, batch: Mapping[str, Tensor], fabric: Fabric, preset: Preset
) -> Callable[[], object]:
    """Return a forward pass in evaluation mode."""

    def call() -> object:
        model.eval()
        with torch.inference_mode(), fabric.autocast():
            return model(batch["image"], batch["regions"])

    return call


def ratio(work: Callable, preset: Preset, shape: tuple[int, int, int], fabric: Fabric, rounds: int) -> float:
    """Time of UPerNet with the Deep Grouping Model over the time without, in turn.

    ``work`` is `forward` or `training`; ``shape`` is the number of synthetic images, their height and width.
    """
    images = batch(*shape, preset.model.max_regions, fabric.device)
    calls = {system: work(network(preset, system, fabric), images, fabric, preset) for system in ("UPerNet", "DGM")}
    seconds = in_turn(calls, rounds, fabric.device)
    return seconds["DGM"] / seconds["UPerNet"]
