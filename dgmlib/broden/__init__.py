"""Broden+, the data of unified perceptual parsing: five tasks, and no image with every label."""

from .dataset import BrodenPlus
from .files import BrodenError
from .folder import FolderDataset, SceneParse150
from .loading import collate, train_loader
from .sampling import TrainBatches
from .vocabulary import TASKS, Vocabulary

__all__ = [
    "TASKS",
    "BrodenError",
    "BrodenPlus",
    "FolderDataset",
    "SceneParse150",
    "TrainBatches",
    "Vocabulary",
    "collate",
    "train_loader",
]
