"""Broden+, the data of unified perceptual parsing: five tasks, and no image with every label.

==================  ====================================================================
``vocabulary``      the classes of the five tasks, and what the raw labels of every source become
``source``          what a source says of itself: `Source`, and the records of its lists, which define the splits
``ade20k`` ...      one class per source: `pascal`, `opensurfaces`, `dtd`
``sources``         their register, and the sources of one data folder behind one door
``dataset``         `BrodenPlus`: records as samples
``folder``          plain image/label pairs, and several such folders as one
``sampling``        what a training batch holds;  ``loading``: the batch itself
``workers``         records read in worker processes, with errors that name them
``check``           is everything there and sound;  ``prepare``: resize, cache
==================  ====================================================================
"""

from dgmlib.vocabulary import TASKS, Vocabulary

from .dataset import BrodenPlus
from .files import BrodenError
from .folder import FolderDataset, Mixture, SceneParse150
from .loading import collate, train_loader
from .sampling import TrainBatches
from .vocabulary import read_vocabulary

__all__ = [
    "TASKS",
    "BrodenError",
    "BrodenPlus",
    "FolderDataset",
    "Mixture",
    "SceneParse150",
    "TrainBatches",
    "Vocabulary",
    "collate",
    "read_vocabulary",
    "train_loader",
]
