"""Where a training runs: one process on one device, or what ``torchrun`` started."""

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment


def launch(device: str) -> Fabric:
    """Start one process here, or this process's part of what ``torchrun`` started; bfloat16 on a GPU but in EMGP.

    Args:
        device: "auto", "cpu", "cuda" or "mps".

    Raises:
        ValueError: if there is no such device.
    """
    processes, world = (int(os.environ.get(name, 1)) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    places = {"accelerator": device, "devices": processes, "num_nodes": world // processes}
    launched = "WORLD_SIZE" in os.environ
    # A batch of one source leaves the other tasks' heads without a gradient.
    strategy = "ddp_find_unused_parameters_true" if launched else "auto"
    precision = "bf16-mixed" if device in ("auto", "cuda") and torch.cuda.is_available() else "32-true"
    # Without torchrun there is one process, whatever a scheduler's variables say.
    environment = TorchElasticEnvironment() if launched else LightningEnvironment()
    try:
        fabric = Fabric(**places, strategy=strategy, precision=precision, plugins=environment)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {device!r} cannot be used here ({reason}); choose auto or cpu.") from error
    fabric.launch()
    return fabric
