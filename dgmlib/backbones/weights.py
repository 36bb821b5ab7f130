"""Published weights: read without pickles, checked name by name, and adapted to our image normalisation."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dgmlib.pictures import MEAN, STD, brief

# What the files hold besides the backbone: torchvision's and the HRNet authors' classifiers, heads and losses.
_NOT_BACKBONE = ("fc.", "classifier.", "incre_modules.", "downsamp_modules.", "final_layer.", "last_layer.", "loss.")

_CSAIL_MEAN = (102.9801, 115.9465, 122.7717)  # BGR in [0, 255]


def read_state_dict(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read a state dict from a ``.safetensors`` file or a PyTorch checkpoint, without running any pickled code.

    Checkpoints that wrap it (``{"state_dict": ...}``) are unwrapped, and the prefixes ``module.`` of data-parallel
    training and ``model.`` of the HRNet authors' training are dropped.

    Raises:
        ValueError: if the file is missing or holds no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not a file; give the path of a downloaded checkpoint.")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every reader raises its own exceptions
        raise ValueError(f"{path} cannot be read as weights ({brief(error)}); download it again.") from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not state or not all(torch.is_tensor(t) for t in state.values()):
        raise ValueError(f"{path} holds no state dict; expected a mapping of parameter names to tensors.")
    return {name.removeprefix("module.").removeprefix("model."): tensor for name, tensor in state.items()}


def check_fit(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Check that every name and shape of a state dict fits; ``num_batches_tracked`` may be missing (old checkpoints).

    Raises:
        ValueError: naming ``source``, and listing what is missing, unexpected, of another shape or not finite.
    """
    expected = module.state_dict()
    problems = [f"missing {n}" for n in expected if n not in state and not n.endswith("num_batches_tracked")]
    problems += [f"unexpected {name}" for name in state if name not in expected]
    problems += [
        f"{name} is {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    problems += [f"{name} is not finite" for name in state if not state[name].isfinite().all()]
    if problems:
        listed = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise ValueError(f"{source} does not fit {type(module).__name__}: {listed}.")


def load_checked(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load a state dict after `check_fit`, so that nothing is left half-loaded; same arguments and errors."""
    check_fit(module, state, source)
    module.load_state_dict(state, strict=False)


def load_backbone(backbone: nn.Module, path: str | os.PathLike, bgr: bool = False) -> None:
    """Load a backbone's published weights; classification layers in the file are ignored.

    Args:
        backbone: ``ResNet`` or ``HRNet``.
        path: torchvision's ResNet (7x7 stem), CSAIL's (deep stem) or the HRNet authors' file, see `read_state_dict`.
        bgr: whether the weights were trained on CSAIL's images, in which case `fold_input` is applied.

    Raises:
        ValueError: if the file cannot be read or does not fit.
    """
    state = {name: tensor for name, tensor in read_state_dict(path).items() if not name.startswith(_NOT_BACKBONE)}
    load_checked(backbone, state, str(path))
    if bgr:
        fold_input(backbone)


def load_unified_parser(model: nn.Module, encoder: str | os.PathLike, decoder: str | os.PathLike) -> None:
    """Load the official UPerNet for Broden+: the authors' ``encoder_epoch_*.pth`` and ``decoder_epoch_*.pth``.

    ``model`` is a ``PerceptualParser`` of a deep-stem ``ResNet`` and ``UPerNet`` with Broden+'s vocabulary. A texture
    head and a Deep Grouping Model, which the checkpoints do not have, keep their weights. `fold_input` is applied.

    Raises:
        ValueError: if a file cannot be read or the two do not fit.
    """
    state = {f"backbone.{name}": tensor for name, tensor in read_state_dict(encoder).items()}
    for name, tensor in read_state_dict(decoder).items():
        if match := re.fullmatch(r"(\w+)_head\.(\d)\.(.+)", name):
            task, layer, rest = match.groups()
            state[f"heads.{task}.{'conv' if layer == '0' else 'classifier'}.{rest}"] = tensor
        else:
            state[f"decoder.{name}"] = tensor
    heads = nn.ModuleDict({task: head for task, head in model.heads.items() if task != "texture"})
    parts = nn.ModuleDict({"backbone": model.backbone, "decoder": model.decoder, "heads": heads})
    load_checked(parts, state, f"{encoder} with {decoder}")
    fold_input(model.backbone)


@torch.no_grad()
def fold_input(backbone: nn.Module) -> None:
    """Convert the first convolution from CSAIL's input to ours, RGB normalised by ImageNet's mean and deviation.

    Per channel, CSAIL's value is 255 (std x + mean) - csail_mean for our x: the channels are reversed, the weights
    scaled, and the constant goes into the running mean of the normalisation that follows. This is exact inside
    the image. On its outermost pixels, zero padding now stands for ImageNet's mean colour instead of CSAIL's,
    which is less than one grey level away. The network's ``conv1`` and ``bn1`` are changed in place.
    """
    weight = backbone.conv1.weight.flip(1)  # BGR -> RGB
    mean, std = weight.new_tensor(MEAN), weight.new_tensor(STD)
    constant = 255 * mean - weight.new_tensor(_CSAIL_MEAN).flip(0)
    backbone.bn1.running_mean -= torch.einsum("oikl,i->o", weight, constant)
    backbone.conv1.weight.copy_(weight * (255 * std).view(1, 3, 1, 1))
