"""BSDS500 at its smallest, shared by the tests of fitting and of the quality table."""

import numpy as np
from PIL import Image
from scipy.io import savemat
from skimage import data
from skimage.measure import label as connected


def write_bsds(root):
    """Two photographs in BSDS500's layout, with two annotators who see flat patches of colour."""
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "groundTruth" / split).mkdir(parents=True)
        for name, photo in (("1", data.astronaut()), ("2", data.coffee())):
            photo = photo[100:180, 150:270]
            Image.fromarray(photo).save(root / "images" / split / f"{name}.jpg", quality=95)
            truths = np.empty((1, 2), object)
            for i, steps in enumerate((64, 90)):
                patches = connected(photo.mean(2) // steps, connectivity=1, background=-1).astype(np.uint16)
                truths[0, i] = {"Segmentation": patches}
            savemat(root / "groundTruth" / split / f"{name}.mat", {"groundTruth": truths})
    return root
