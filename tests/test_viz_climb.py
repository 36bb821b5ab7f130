"""EMGP's steps under sliders."""

import numpy as np
from shown import PHOTO, QUARTERS

from dgmlib import viz

NODES = np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]])
SHARP, FLAT = np.eye(4)[:, [0, 2]], np.full((4, 2), 0.25)


def test_groups_and_paths_are_those_of_the_step():
    climb = viz.Climb(PHOTO, QUARTERS, NODES, {(0, 0.1): SHARP, (1, 0.1): SHARP, (0, 9): SHARP, (1, 9): FLAT})
    start, said = climb(0, 9)
    assert said == "2 groups of 4 superpixels"
    assert (start.dtype, start.shape[2]) == (np.uint8, 3)
    end, said = climb(1, 9)
    assert said == "1 group of 4 superpixels"
    np.testing.assert_allclose(climb.centres.get_offsets(), [[0, 0], [0, 0]], atol=1e-6)  # the mean of all
    assert [len(path) for path in climb.trails.get_segments()] == [2, 2]
    assert start.shape == end.shape
    assert (start != end).any()
    again, _ = climb(0, 9)
    np.testing.assert_array_equal(again, start)
