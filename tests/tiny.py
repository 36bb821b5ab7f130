"""A few classes, a small picture and square superpixels, for tests that need some, whatever they are."""

import numpy as np
import torch

from dgmlib.broden import Vocabulary

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
