"""The training loop: SGD with the poly schedule, texture last (Sec. 5.2), one group of sources a batch, as in UPerNet.

One loop serves a laptop and several GPUs: under ``torchrun --nproc-per-node 4 -m dgmlib train ...`` every process takes
its share of each batch. All randomness is a function of (seed, iteration), so on a CPU an interrupted and resumed run
ends bitwise equal to an uninterrupted one; it may resume with another number of processes.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from math import isfinite
from pathlib import Path
from time import perf_counter

import torch
from lightning_fabric import Fabric
from torch.utils.data import Dataset
from tqdm import tqdm

from dgmlib import checkpoints
from dgmlib.broden.loading import train_loader
from dgmlib.launch import draw, launch, set_up, share_shape, total
from dgmlib.losses import perceptual_loss
from dgmlib.parsing import PerceptualParser
from dgmlib.plus import NAMING
from dgmlib.presets import PACE, TrainingConfig, check_seed

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
    identity: str = "",
    **facts,
) -> None:
    """Train a model, resume an interrupted run, or load a complete one.

    Writes ``model.safetensors`` and ``model.json`` (see `save_model`) when done, ``log.jsonl`` during training, and a
    ``checkpoint.safetensors`` every ``config.checkpoint_every`` iterations, from which an interrupted run resumes.

    Args:
        model: trained in place; its heads determine the tasks.
        dataset: a training split such as `BrodenPlus`.
        config: the optimisation.
        out: the run's folder.
        seed: 0 to 2^30, of the order of the images and EMGP's starting vertices, not of the model's initial weights.
        max_regions: maximum number of superpixels per image.
        device: "auto", "cpu" or "cuda".
        progress: False hides the progress bar; by default it is shown in a terminal.
        on_log: called with every record of the log.
        identity: what else a run in ``out`` must share with this one, such as a digest of the data.
        **facts: stored with the weights.

    Raises:
        FloatingPointError: if the loss or a weight is no longer finite.
        ValueError: if the seed is out of range, ``out`` holds a run of another model, configuration or identity, or
            another process is training there.
        UnwritableError: if ``out`` cannot be written; once there is room, the same call resumes.
    """
    check_seed(seed)
    out, fabric = Path(out), launch(device)
    run = {"seed": seed, "max_regions": max_regions, "identity": identity, "training": asdict(config) | PACE}
    if checkpoints.load_finished(model, out / "model", run):
        return
    try:
        with checkpoints.sole_trainer(out) if fabric.is_global_zero else nullcontext():
            fabric.barrier()
            if not checkpoints.load_finished(model, out / "model", run):  # trained while this one waited
                _train(fabric, model, dataset, config, out, run, progress, on_log, facts)
    finally:  # also of an interrupted training
        model.requires_grad_(True)
        if model.dgm is not None:
            model.dgm.emgp.draw = torch.rand
    fabric.barrier()
    checkpoints.load_model(out / "model", model.mean.device, model)


def _train(
    fabric: Fabric,
    model: PerceptualParser,
    dataset: Dataset,
    config: TrainingConfig,
    out: Path,
    run: dict,
    progress: bool | None,
    on_log: Callable[[dict], None] | None,
    facts: dict,
) -> None:
    """Train both phases from the checkpoint on, and write the trained model."""
    place, log, seed = out / "checkpoint.safetensors", out / "log.jsonl", run["seed"]
    main, texture = ([task for task in model.heads if (task == "texture") == last] for last in (False, True))
    resumed = checkpoints.load_checkpoint(place, model, run)
    generator = torch.Generator(fabric.device)  # of EMGP, so that dropout draws the same numbers without DGM
    if model.dgm is not None:
        model.dgm.emgp.draw = partial(draw, fabric, generator)
    for phase, (tasks, iterations) in enumerate([(main, config.iterations), (texture, config.texture_iterations)]):
        start = resumed.iteration if phase == resumed.phase else 0
        if not tasks or phase < resumed.phase or start == iterations:
            continue
        network, optimizer = set_up(fabric, model, phase, config)
        resumed.restore(model, optimizer, phase)
        draws = config.batch_size, config.short_sides, iterations, seed, start, run["max_regions"], config.max_size
        loader = train_loader(dataset, tasks, *draws, config.workers, fabric.global_rank, fabric.world_size)
        loader = fabric.setup_dataloaders(loader, use_distributed_sampler=False)
        hidden = None if progress is None else not progress
        bar = tqdm(total=iterations, initial=start, desc=", ".join(tasks), unit="it", disable=hidden)
        began = perf_counter()
        if fabric.is_global_zero:
            checkpoints.cut_log(log, (phase, start))
        with bar:
            for iteration, batch in enumerate(loader, start):
                batch = share_shape(fabric, batch, tasks)
                torch.manual_seed(number := (2 * seed + phase) * 2**32 + iteration)
                generator.manual_seed(number)
                lr = config.lr * (1 - iteration / iterations) ** config.power
                for group in optimizer.param_groups:
                    group["lr"] = lr * group["rate"]
                parsed = network(batch["image"], batch["regions"], [task for task in tasks if task in batch])
                everywhere = partial(total, fabric)
                judge = batch, model.vocabulary, config.loss_weights, everywhere
                losses = perceptual_loss(parsed, *judge)
                for task, loss in perceptual_loss(parsed.named, *judge).items():
                    losses[task] = losses[task] + NAMING * loss
                optimizer.zero_grad()
                fabric.backward(fabric.world_size * sum(losses.values()))  # averaged over processes
                optimizer.step()
                losses = {task: everywhere(loss.detach()).item() for task, loss in losses.items()}
                done = iteration + 1
                record = {"phase": phase, "iteration": done, "loss": sum(losses.values()), **losses, "lr": lr}
                if not isfinite(record["loss"]):
                    raise FloatingPointError(
                        f"the loss of {out} is not finite at iteration {iteration}; lower lr and train again."
                    )
                bar.set_postfix(loss=f"{record['loss']:.3f}", refresh=False)
                bar.update()
                if done == iterations or done % LOG_EVERY == 0:
                    record["seconds"] = round(perf_counter() - began, 2)
                    record |= parsed.grouping.heard() if parsed.grouping is not None else {}
                    if fabric.is_global_zero:
                        checkpoints.log(log, record)
                    if on_log is not None:
                        on_log(record)
                if fabric.is_global_zero and (done == iterations or done % config.checkpoint_every == 0):
                    checkpoints.save_checkpoint(place, model, optimizer, phase, done, run)
    if fabric.is_global_zero:
        checkpoints.save_model(model, out / "model", **run, **facts)
        place.unlink(missing_ok=True)
