"""Part labels, as the part head and its loss take them: positions in the list of each pixel's object."""

import numpy as np

from dgmlib.vocabulary import Vocabulary


class PartLayers:
    """The part annotation of an image, object by object (unifiedparsing's rule of validity)."""

    def __init__(self, vocabulary: Vocabulary):
        shape = (len(vocabulary.objects), len(vocabulary.parts))
        self.objects = np.array(list(vocabulary.object_parts), dtype=np.int64)
        self.position = np.zeros(shape, dtype=np.int64)  # (object, part) -> index in the object's list, else 0
        self.allowed = np.zeros(shape, dtype=bool)
        for thing, parts in vocabulary.object_parts.items():
            self.position[thing, parts] = np.arange(len(parts))
            self.allowed[thing, parts] = True

    def index(self, objects: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn part ids into positions within each pixel's object.

        Args:
            objects: (H, W) object ids.
            parts: (H, W) part ids.

        Returns:
            (H, W) int64 indices, and (number of objects with parts,) bool validity: at least two of the object's
            listed ids are present, where id 0 also counts for the pixels outside the object.
        """
        pairs = objects * self.position.shape[1] + parts
        counts = np.bincount(pairs.ravel(), minlength=self.position.size).reshape(self.position.shape)
        present = counts > 0
        present[:, 0] |= counts.sum(axis=1) < objects.size
        valid = (present & self.allowed).sum(axis=1) >= 2
        return self.position[objects, parts], valid[self.objects]
