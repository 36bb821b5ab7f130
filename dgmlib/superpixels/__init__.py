"""Superpixels: image -> nested label maps of at most N regions.

The paper starts from MCG superpixels merged greedily to at most 512. Here a fine watershed partition is merged in the
order of a learned cost.

=============  ======================================================================
``partition``  image -> Lab -> fine partition
``merge``      fine partition -> region graph -> merge order -> label maps: `segment`
``fitting``    human segmentations -> the merge cost's constants
``graph``      label map -> region adjacency, PyTorch Geometric ``Data``
``ucm``        official MCG and gPb-OWT-UCM contour maps -> label maps
``cache``      superpixels on disk, for data loaders and for folders of images
=============  ======================================================================
"""

from .cache import RegionMaps, precompute
from .fitting import fit
from .graph import region_adjacency, to_pyg
from .merge import segment, segment_hierarchy
from .ucm import labels_from_ucm

__all__ = [
    "RegionMaps", "fit", "labels_from_ucm", "precompute", "region_adjacency", "segment", "segment_hierarchy", "to_pyg",
]  # fmt: skip
