"""Broden+, the data of unified perceptual parsing: five tasks, and no image with every label.

==================  ====================================================================
``vocabulary``      reads the classes of the five tasks and the object-part hierarchy
``records``         the record lists that define the splits, and the label assignment
``ade20k`` ...      one reader per source: `pascal`, `opensurfaces`, `dtd`
``sources``         the readers of one root behind one door, with their prepared copies
``dataset``         `BrodenPlus`: records as samples;  ``folder``: plain image/label pairs
``sampling``        what a training batch holds;  ``loading``: the batch itself
``region_maps``     superpixels, computed once per image
``check``           is everything there and sound;  ``prepare``: resize, cache
==================  ====================================================================
"""

from dgmlib.vocabulary import TASKS, Vocabulary

from .dataset import BrodenPlus
from .files import BrodenError
from .folder import FolderDataset, SceneParse150
from .loading import collate, train_loader
from .sampling import TrainBatches
from .vocabulary import read_vocabulary

__all__ = [
    "TASKS",
    "BrodenError",
    "BrodenPlus",
    "FolderDataset",
    "SceneParse150",
    "TrainBatches",
    "Vocabulary",
    "collate",
    "read_vocabulary",
    "train_loader",
]
