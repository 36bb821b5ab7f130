"""A few classes and a small picture, for tests that need some, whatever they are."""

import numpy as np

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
