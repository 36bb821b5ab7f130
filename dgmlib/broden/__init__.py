"""Broden+, the data of unified perceptual parsing: five tasks, and no image labelled for all of them.

==================  ====================================================================
``vocabulary``      the classes of the five tasks, and how every source's raw labels map to them
``source``          the interface of a source, `Source`, and the records of its lists, which define the splits
``ade20k`` ...      one class per source: `pascal`, `opensurfaces`, `dtd`
``sources``         their registry, and one interface to all sources of a data folder
``dataset``         `BrodenPlus`: records as samples
``folder``          plain image/label pairs, and several such folders as one
``sampling``        what a training batch holds;  ``loading``: the batch itself
``workers``         records read in worker processes, with errors that name them
``check``           whether the data are complete and sound;  ``prepare``: resize, cache
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
