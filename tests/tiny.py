"""A few classes, a small picture, square superpixels and a model, for tests that need some, whatever they are."""

from dataclasses import replace

import numpy as np
import torch

from dgmlib import TASKS, PerceptualParser, presets
from dgmlib.broden import Vocabulary
from dgmlib.reading import Reading

VOCABULARY = Vocabulary(
    objects=("-", "cat", "sky", "car"),
    parts=("-", "head", "leg", "wheel"),
    scenes=("field", "street", "room"),
    materials=("-", "fur", "metal"),
    textures=("dotted", "striped"),
    object_parts={1: (0, 1, 2), 3: (0, 3)},
)
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 72, 3), dtype=np.uint8)


def blocks(height: int, width: int, size: int) -> torch.Tensor:
    """Square superpixels of ``size`` pixels, (1, height, width)."""
    rows, columns = torch.arange(height) // size, torch.arange(width) // size
    return (rows[:, None] * (-(-width // size)) + columns)[None]


def network(dgm="full", tasks=TASKS, dtype=torch.float32, audible=True) -> PerceptualParser:
    """A small model whose residual layers, unless they are to start at zero, have the weight of a trained network's."""
    torch.manual_seed(0)
    smoke = presets.get("smoke")
    # Its random features lie further apart than those of a trained network.
    preset = replace(smoke, model=replace(smoke.model, reading=Reading(sigma2=0.5, start=0.0), em_gradient="all"))
    model = PerceptualParser.from_preset(preset, dgm, VOCABULARY, tasks)
    for module in model.modules():
        if audible and isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.ones_(module.weight)
    return model.to(dtype).eval()
