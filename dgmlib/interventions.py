"""Interventions: temporarily disable or replace parts of a Deep Grouping Model, to measure what they contribute.

``with cut(model): ...`` and the others work on any `PerceptualParser` with DGM, in training and in evaluation;
`evaluating` and `read_on_superpixels` also work without DGM.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dgmlib.decoders.layers import resize
from dgmlib.groups import masked_mean
from dgmlib.parsing import Parsed, PerceptualParser
from dgmlib.regions import RegionGrid


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode; restore each module's own mode afterwards, as a frozen backbone's may differ."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def hooked(hook: Callable, *modules: nn.Module) -> Iterator[None]:
    """Pass the output of modules to ``hook(module, arguments, output)`` and replace it by what that returns, if any."""
    with ExitStack() as hooks:
        for module in modules:
            hooks.enter_context(module.register_forward_hook(hook))
        yield


@contextmanager
def cut(model: PerceptualParser) -> Iterator[None]:
    """Cut the graph: superpixels receive only the mean of a level's nodes, and the scene head receives no readout."""

    def to_means(module: nn.Module, arguments: tuple, output: tuple) -> tuple:
        nodes, edges = output
        return [masked_mean(v, m)[:, None].expand_as(v) for v, m in zip(nodes, arguments[2], strict=True)], edges

    with hooked(to_means, model.dgm.tdmp), hooked(lambda module, arguments, output: 0 * output, model.dgm.scene):
        yield


def without_top_down(model: PerceptualParser) -> AbstractContextManager[None]:
    """Pass no message down: nodes keep their bottom-up features."""
    return hooked(lambda module, arguments, output: (arguments[0], output[1]), model.dgm.tdmp)


def foreign_groups(model: PerceptualParser) -> AbstractContextManager[None]:
    """Give every image the P of the previous image, or its own with shuffled rows where their sizes differ."""
    before: dict[int, tuple[Tensor, Tensor]] = {}

    def exchange(module: nn.Module, arguments: tuple, output: tuple) -> tuple:
        nodes, (_, affinity, shares, mask) = arguments[0], output
        level, found = (nodes.shape[1] - 1).bit_length(), (affinity, shares)
        given, before[level] = before.get(level, found), found
        if given is found or given[0].shape != affinity.shape:
            rows = torch.randperm(nodes.shape[1], generator=torch.Generator().manual_seed(0)).to(nodes.device)
            given = affinity[:, rows], shares[:, rows]
        return given[0].mT @ nodes, *given, mask

    return hooked(exchange, model.dgm.emgp)


@contextmanager
def pooled_to(model: PerceptualParser, ratio: float) -> Iterator[None]:
    """Pool n nodes to ``ceil(ratio * n)`` at every level, instead of to half of them."""
    emgp = model.dgm.emgp
    before, emgp.ratio = emgp.ratio, ratio
    try:
        yield
    finally:
        emgp.ratio = before


@contextmanager
def pooled_otherwise(model: PerceptualParser, steps: int | None = None, random: bool = False) -> Iterator[None]:
    """Run EMGP with another number of steps, from ordered or random starting vertices, in training and evaluation."""
    emgp = model.dgm.emgp
    before = emgp.iterations, emgp.testing_iterations

    def start(module: nn.Module, arguments: tuple) -> None:
        emgp.train(random)  # selects the starts and, by itself, K
        emgp.iterations = emgp.testing_iterations = steps or before[0 if module.training else 1]

    try:
        with model.dgm.register_forward_pre_hook(start):
            yield
    finally:
        emgp.iterations, emgp.testing_iterations = before
        emgp.train(model.dgm.training)


def without_projection(model: PerceptualParser) -> AbstractContextManager[None]:
    """Skip Projection, so that no level adds its own CNN features: V^{l+1} is Vbar^{l+1}."""
    return hooked(lambda module, arguments, output: arguments[0], *model.dgm.projections)


def layer_norms(model: PerceptualParser) -> AbstractContextManager[None]:
    """Replace the residual layers' BatchNorm by LayerNorm, with the same weights."""

    def normalise(norm: nn.BatchNorm1d, arguments: tuple, output: Tensor) -> Tensor:
        return F.layer_norm(arguments[0], output.shape[-1:], norm.weight, norm.bias, norm.eps)

    return hooked(normalise, *(layer.residual.norm for layer in model.dgm.reprojections))


def read_on_superpixels(model: PerceptualParser) -> AbstractContextManager[None]:
    """Give every superpixel one prediction, from the mean of its pixels' logits, at the image's resolution."""

    def read(module: nn.Module, arguments: tuple, output: Parsed) -> Parsed:
        regions = arguments[1]
        grid = RegionGrid(regions, [regions.shape[1:]])
        maps = {task: logits for task, logits in output.items() if logits.ndim == 4}  # (B, C, H/4, W/4)
        fine = {task: grid.unpool(grid.pool(resize(x, regions.shape[1:]), 0), 0) for task, x in maps.items()}
        return replace(output, logits=output.logits | fine)  # (B, C, H, W)

    return hooked(read, model)
