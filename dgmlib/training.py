"""The training loop: SGD with the poly schedule, one source per batch, texture last (Sec. 5.2-5.3).

One loop serves a laptop and a machine with several GPUs. Fabric chooses the device and the precision (bfloat16 on a
GPU; EMGP stays in float32), and under ``torchrun --nproc-per-node 4 -m dgmlib train ...`` every process takes its
share of each batch.

All randomness is a function of (seed, iteration), so a run that is interrupted and resumed ends, on a CPU, in the
same bits as one that was not.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import TextIO

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dgmlib.backbones.weights import load_checked
from dgmlib.broden.loading import train_loader
from dgmlib.checkpoints import load_tensors, save_model, save_tensors
from dgmlib.groups import Grouping
from dgmlib.parsing import PerceptualParser, perceptual_loss
from dgmlib.paths import write_atomic
from dgmlib.presets import TrainingConfig

LOG_EVERY = 10


def train(
    model: PerceptualParser,
    dataset: Dataset,
    config: TrainingConfig,
    out: str | Path,
    seed: int = 0,
    max_regions: int = 512,
    device: str = "auto",
    progress: bool | None = None,
    on_log: Callable[[dict], None] | None = None,
    **facts,
) -> None:
    """Train a model, or continue an interrupted run; return at once if the run is complete.

    Writes ``model.safetensors`` and ``model.json`` (see `save_model`) when done, ``log.jsonl`` as it goes, and a
    ``checkpoint.safetensors`` every ``config.checkpoint_every`` iterations, from which an interrupted run goes on.

    Args:
        model: trained in place; its heads say which tasks.
        dataset: a training split such as `BrodenPlus`.
        config: the optimisation.
        out: the run's folder.
        seed: decides the order of the images and EMGP's starting vertices; the model's weights are the caller's.
        max_regions: superpixels per image.
        device: "auto", "cpu", "cuda" or "mps".
        progress: False hides the bar; by default it shows in a terminal.
        on_log: called with every record of the log.
        **facts: stored with the weights.

    Raises:
        FloatingPointError: if the loss is no longer finite.
        ValueError: if the checkpoint in ``out`` belongs to another model or configuration.
    """
    run = _Run(model, dataset, config, Path(out), seed, max_regions, _launch(device))
    if not (run.out / "model.json").exists():
        for phase in run.phases:
            run.train_phase(*phase, progress, on_log)
        if run.fabric.is_global_zero:
            save_model(model, run.out / "model", iterations=config.iterations, seed=seed, **facts)
            run.checkpoint.unlink(missing_ok=True)
        run.fabric.barrier()
    load_checked(model, load_tensors(run.out / "model.safetensors")[0], str(run.out))
    model.requires_grad_(True).eval()
    if model.dgm is not None:
        model.dgm.emgp.generator = None


def _launch(device: str) -> Fabric:
    """One process here, or this process's part of what ``torchrun`` started."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    fabric = Fabric(
        accelerator=device,
        devices=processes,
        num_nodes=int(os.environ.get("WORLD_SIZE", 1)) // processes,
        # A batch of one source leaves the other tasks' heads without a gradient.
        strategy="ddp_find_unused_parameters_true" if "WORLD_SIZE" in os.environ else "auto",
        precision="bf16-mixed" if device in ("auto", "cuda") and torch.cuda.is_available() else "32-true",
    )
    fabric.launch()
    return fabric


class _Run:
    """One training run: its phases, its loop, its state on disk."""

    def __init__(
        self,
        model: PerceptualParser,
        dataset: Dataset,
        config: TrainingConfig,
        out: Path,
        seed: int,
        max_regions: int,
        fabric: Fabric,
    ):
        self.model, self.dataset, self.config = model, dataset, config
        self.out, self.seed, self.max_regions, self.fabric = out, seed, max_regions, fabric
        self.checkpoint = out / "checkpoint.safetensors"
        main = tuple(task for task in model.heads if task != "texture")
        phases = [(0, main, config.iterations), (1, ("texture",), config.texture_iterations)]
        self.phases = [phase for phase in phases if set(phase[1]) & set(model.heads)]

    def train_phase(
        self, phase: int, tasks: tuple[str, ...], iterations: int, progress: bool | None, on_log: Callable | None
    ) -> None:
        """Run phase 0 (all tasks but texture) or 1 (texture alone) from wherever the checkpoint left off."""
        model, fabric = self.model, self.fabric
        model.requires_grad_(phase == 0).train(phase == 0)
        if phase == 1:
            model.heads["texture"].requires_grad_(True).train()
        if self.config.backbone_rate < 1:  # what it has learnt elsewhere, statistics included, is to survive
            model.backbone.eval().requires_grad_(phase == 0 and self.config.backbone_rate > 0)
        if model.dgm is not None:
            # Its own random numbers: dropout draws the same ones with and without a Deep Grouping Model.
            model.dgm.emgp.generator = torch.Generator(fabric.device)
        # PyTorch synchronises normalisation on GPUs only; CPU processes share the first one's running statistics.
        synchronised = fabric.world_size > 1 and fabric.device.type == "cuda"
        network = nn.SyncBatchNorm.convert_sync_batchnorm(model) if synchronised else model
        network, optimizer = fabric.setup(network, _sgd(model, self.config))
        start = self._resume(phase, iterations, optimizer)
        if start == iterations:
            return
        loader = fabric.setup_dataloaders(self._loader(tasks, iterations, start), use_distributed_sampler=False)
        hidden = None if progress is None else not progress
        bar = tqdm(total=iterations, initial=start, desc=", ".join(tasks), unit="it", disable=hidden)
        began = perf_counter()
        with bar, self._open_log(phase, start) as log:
            for iteration, batch in enumerate(loader, start):
                seed = (2 * self.seed + phase) * 2**32 + iteration
                torch.manual_seed(seed)
                if model.dgm is not None:
                    model.dgm.emgp.generator.manual_seed(seed)
                lr = self.config.lr * (1 - iteration / iterations) ** self.config.power
                losses, grouping = self._step(network, optimizer, batch, [task for task in tasks if task in batch], lr)
                record = {"phase": phase, "iteration": iteration + 1, "loss": sum(losses.values()), **losses, "lr": lr}
                if not isfinite(record["loss"]):
                    raise FloatingPointError(
                        f"the loss of {self.out} is not finite at iteration {iteration}; lower lr and train again."
                    )
                bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)
                bar.update()
                last = iteration + 1 == iterations
                if last or (iteration + 1) % LOG_EVERY == 0:
                    record["seconds"] = round(perf_counter() - began, 2)
                    record |= grouping.heard() if grouping is not None else {}
                    log.write(json.dumps(record) + "\n")
                    log.flush()
                    if on_log is not None:
                        on_log(record)
                if last or (iteration + 1) % self.config.checkpoint_every == 0:
                    self._save(phase, iteration + 1, optimizer)

    def _step(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, batch: dict, tasks: list[str], lr: float
    ) -> tuple[dict[str, float], Grouping | None]:
        """One step of SGD; return the weighted loss of every task, and the grouping."""
        for group in optimizer.param_groups:
            group["lr"] = lr * group["rate"]
        parsed = network(batch["image"], batch["regions"], tasks)
        losses = perceptual_loss(parsed, batch, self.model.vocabulary, self.config.loss_weights)
        optimizer.zero_grad()
        self.fabric.backward(sum(losses.values()))
        optimizer.step()
        return {task: loss.item() for task, loss in losses.items()}, parsed.grouping

    def _loader(self, tasks: tuple[str, ...], iterations: int, start: int) -> DataLoader:
        config = self.config
        return train_loader(
            self.dataset,
            tasks,
            config.batch_size,
            config.short_sides,
            iterations,
            self.seed,
            start=start,
            max_regions=self.max_regions,
            max_size=config.max_size,
            workers=config.workers,
            rank=self.fabric.global_rank,
            world_size=self.fabric.world_size,
        )

    def _open_log(self, phase: int, start: int) -> TextIO:
        """Open the log for appending, without what an interrupted run wrote after its last checkpoint."""
        path = self.out / "log.jsonl" if self.fabric.is_global_zero else Path(os.devnull)
        if path.exists() and self.fabric.is_global_zero:
            records = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
            kept = [r for r in records if (r["phase"], r["iteration"]) <= (phase, start)]
            with write_atomic(path) as temporary:
                temporary.write_text("".join(json.dumps(record) + "\n" for record in kept))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a")

    def _save(self, phase: int, iteration: int, optimizer: torch.optim.Optimizer) -> None:
        """Write weights, momentum and position to one file, so that it is always consistent."""
        if self.fabric.is_global_zero:
            tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
            tensors |= {f"momentum.{name}": buffer for name, buffer in _momentum(self.model, optimizer).items()}
            metadata = {"phase": str(phase), "iteration": str(iteration), "run": self._signature()}
            save_tensors(tensors, self.checkpoint, metadata)

    def _resume(self, phase: int, iterations: int, optimizer: torch.optim.Optimizer) -> int:
        """Load the checkpoint if it belongs to this phase; return the iteration to go on from."""
        if not self.checkpoint.exists():
            return 0
        tensors, metadata = load_tensors(self.checkpoint)
        if metadata.get("run") != self._signature():
            raise ValueError(
                f"{self.checkpoint} belongs to a run with other settings; delete {self.out} or choose another folder."
            )
        if int(metadata["phase"]) != phase:
            return iterations if int(metadata["phase"]) > phase else 0
        weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        load_checked(self.model, weights, str(self.checkpoint))
        for name, parameter in self.model.named_parameters():
            if f"momentum.{name}" in tensors:
                buffer = tensors[f"momentum.{name}"].to(parameter.device)
                optimizer.state[parameter]["momentum_buffer"] = buffer
        return int(metadata["iteration"])

    def _signature(self) -> str:
        """What has to be the same for a checkpoint to be continued; the pace of saving and loading need not be."""
        config = asdict(self.config) | {"checkpoint_every": None, "workers": None}
        return json.dumps(
            {"seed": self.seed, "regions": self.max_regions, **config, **self.model.recipe}, sort_keys=True
        )


def _sgd(model: nn.Module, config: TrainingConfig) -> torch.optim.SGD:
    """SGD whose weight decay spares biases and normalisation, as in unifiedparsing."""
    backbone = set(model.backbone.parameters())
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {
            "params": [p for p in trained if (p in backbone) == pretrained and (p.dim() > 1) == decays],
            "weight_decay": config.weight_decay if decays else 0.0,
            "rate": config.backbone_rate if pretrained else 1.0,
        }
        for pretrained in (False, True)
        for decays in (True, False)
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)


def _momentum(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """SGD's momentum buffers by the name of their parameter; parameters without a gradient so far have none."""
    buffers = {name: optimizer.state.get(p, {}).get("momentum_buffer") for name, p in model.named_parameters()}
    return {name: buffer for name, buffer in buffers.items() if buffer is not None}
