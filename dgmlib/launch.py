"""Where training runs, in one process on one device or as started by ``torchrun``, and what each phase trains.

Each of N processes takes every N-th image of a batch. To compute what one process would compute for the whole batch,
they share the padding, the losses' denominators and EMGP's starting vertices; on GPUs, also normalisation statistics.
"""

import os
from collections.abc import Sequence

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from torch import Tensor

from dgmlib.broden.loading import pad
from dgmlib.parsing import PerceptualParser
from dgmlib.presets import TrainingConfig


def launch(device: str) -> Fabric:
    """Start a single process, or this one of those that ``torchrun`` started; bfloat16 on a GPU, except in DGM.

    Raises:
        ValueError: if the device is not available; choose "auto", "cpu" or "cuda".
    """
    device = resolved(device)
    processes, world = (int(os.environ.get(name, 1)) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    places = {"accelerator": device, "devices": processes, "num_nodes": world // processes}
    launched = "WORLD_SIZE" in os.environ
    # A batch of one source leaves the other tasks' heads without a gradient.
    strategy = "ddp_find_unused_parameters_true" if launched else "auto"
    precision = "bf16-mixed" if device == "cuda" and torch.cuda.is_available() else "32-true"
    # Without torchrun there is one process, whatever a job scheduler's environment variables say.
    environment = TorchElasticEnvironment() if launched else LightningEnvironment()
    try:
        fabric = Fabric(**places, strategy=strategy, precision=precision, plugins=environment)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} cannot be used here ({reason}); choose auto or cpu.") from error
    fabric.launch()
    return fabric


def resolved(device: str) -> str:
    """Replace "auto" by "cuda" if there is a GPU, else by "cpu"."""
    # Fabric would take a Mac's GPU, which lacks float64.
    return device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def set_up(fabric: Fabric, model: PerceptualParser, phase: int, config: TrainingConfig) -> tuple:
    """Freeze what a phase does not train; return the network to call and its optimizer, both wrapped by Fabric."""
    model.requires_grad_(phase == 0).train(phase == 0)
    if phase == 1:
        model.heads["texture"].requires_grad_(True).train()
    if config.backbone_rate < 1:  # keeps what it has learnt elsewhere, statistics included
        model.backbone.eval().requires_grad_(phase == 0 and config.backbone_rate > 0)
    # PyTorch synchronises normalisation on GPUs only; CPU processes share the first one's running statistics.
    synchronised = fabric.world_size > 1 and fabric.device.type == "cuda"
    network = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model) if synchronised else model
    return fabric.setup(network, sgd(model, config))


def sgd(model: PerceptualParser, config: TrainingConfig) -> torch.optim.SGD:
    """SGD without weight decay on biases and normalisation, as in unifiedparsing; ``rate`` scales a group's lr."""
    backbone, groups = set(model.backbone.parameters()), {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups.setdefault((parameter in backbone, parameter.dim() > 1), []).append(parameter)
    scales = {True: config.backbone_rate, False: 1.0}, {True: config.weight_decay, False: 0.0}
    groups = [{"params": p, "rate": scales[0][b], "weight_decay": scales[1][d]} for (b, d), p in groups.items()]
    return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)


def share_shape(fabric: Fabric, batch: dict, tasks: Sequence[str]) -> dict:
    """Pad a process's part of a batch to the size of the whole, and drop tasks that any part has no labels for."""
    if fabric.world_size == 1:
        return batch
    needs = [*batch["regions"].shape[1:], *(task not in batch for task in tasks)]
    height, width, *lacking = fabric.all_reduce(torch.tensor(needs, device=fabric.device), reduce_op="max").tolist()
    dropped = {task for task, lacks in zip(tasks, lacking, strict=True) if lacks}
    return pad({key: value for key, value in batch.items() if key not in dropped}, height, width)


def total(fabric: Fabric, tensor: Tensor) -> Tensor:
    """Sum a tensor over the processes."""
    return fabric.all_reduce(tensor.clone(), reduce_op="sum")


def draw(fabric: Fabric, generator: torch.Generator, shape: Sequence[int], device: torch.device) -> Tensor:
    """Return this process's rows of the uniform numbers (B, N) that one process would draw for the whole batch."""
    count, width = shape
    widest = int(fabric.all_reduce(torch.tensor(width, device=device), reduce_op="max"))
    numbers = torch.rand(count * fabric.world_size, widest, device=device, generator=generator)
    return numbers[fabric.global_rank :: fabric.world_size, :width]
