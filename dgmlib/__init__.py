"""dgmlib: a working companion to "Deep Grouping Model for Unified Perceptual Parsing" (CVPR 2020).

Shapes in docstrings: ``B`` images, ``H x W`` pixels, ``C_l x h_l x w_l`` feature map F^l of level l, ``N`` superpixels,
``N_l`` nodes of level l (``N_1 = N``), ``D`` node width, ``L`` levels, ``K`` EM iterations.
"""

from dgmlib import presets, superpixels
from dgmlib.broden import BrodenPlus
from dgmlib.checkpoints import load_model, save_model
from dgmlib.grouping import DeepGrouping
from dgmlib.groups import Grouping
from dgmlib.losses import perceptual_loss
from dgmlib.parsing import PerceptualParser
from dgmlib.predictor import Predictor
from dgmlib.regions import RegionGrid
from dgmlib.vocabulary import TASKS, Vocabulary

__version__ = "0.1.0"
__all__ = [
    "TASKS",
    "BrodenPlus",
    "DeepGrouping",
    "Grouping",
    "PerceptualParser",
    "Predictor",
    "RegionGrid",
    "Vocabulary",
    "load_model",
    "perceptual_loss",
    "presets",
    "save_model",
    "superpixels",
]
