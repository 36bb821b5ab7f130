"""Boundaries of label maps and their F-measure, against pictures with known answers."""

import numpy as np
import pytest

from dgmlib.measure.boundaries import boundary_f, near_boundaries


def test_near_is_within_a_share_of_the_diagonal():
    labels = np.ones((30, 40), int)  # the diagonal is 50, "near" 0.75 pixels and so a whole one
    labels[:, 20:] = 2
    assert near_boundaries(labels).sum() == 30 * 3
    assert not near_boundaries(np.ones((30, 40), int)).any()


class TestBoundaryF:
    labels = np.repeat([1, 2], 50)[None].repeat(60, 0)  # (60, 100), a line at 50

    def moved(self, by):
        return np.roll(self.labels, by, 1)[:, 30:70], self.labels[:, 30:70]

    def test_is_one_where_boundaries_agree_within_the_tolerance_and_zero_beyond(self):
        assert boundary_f(*self.moved(0)) == 1
        assert boundary_f(*self.moved(1)) == pytest.approx(1)
        assert boundary_f(*self.moved(3)) == pytest.approx(0)

    def test_weighs_precision_and_recall(self):
        found, labels = (x.copy() for x in self.moved(0))
        found[:, 30] = 7  # a line of its own: two boundaries more
        assert boundary_f(found, labels) == pytest.approx(2 * (1 / 3) / (1 + 1 / 3))

    def test_unlabelled_pixels_do_not_count(self):
        found, labels = (x.copy() for x in self.moved(0))
        labels[:10], found[:5, 8] = 0, 9
        assert boundary_f(found, labels) == 1

    def test_the_outline_of_what_is_unlabelled_is_no_boundary(self):
        labels = self.labels.copy()
        labels[:, 20:26] = 0
        assert boundary_f(np.ones_like(labels), labels) == 0  # one class everywhere has found nothing
        assert boundary_f(self.labels, labels) == 1
        assert np.isnan(boundary_f(labels, labels % 2))  # what touches the other side alone has no boundary

    def test_labels_without_boundary_say_nothing_and_found_ones_without_are_wrong(self):
        assert np.isnan(boundary_f(self.labels, np.ones((60, 100), int)))
        assert boundary_f(np.ones((60, 100), int), self.labels) == 0
