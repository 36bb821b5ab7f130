"""Records read in worker processes: which one is broken, and which one killed a worker."""

import os
import signal

import pytest
from broden_tree import write_tree

from dgmlib.broden import BrodenError, BrodenPlus, train_loader
from dgmlib.broden.workers import map_records
from dgmlib.superpixels import RegionMaps


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return BrodenPlus(write_tree(tmp_path_factory.mktemp("broden")), "train")


class Dying:
    """A dataset one of whose records kills the process that reads it."""

    def __init__(self, dataset, victim):
        self.dataset, self.victim = dataset, victim
        self.vocabulary, self.records, self.cache = dataset.vocabulary, dataset.records, dataset.cache
        self.key, self.groups = dataset.key, dataset.groups

    def __getitem__(self, index):
        if index == self.victim:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.dataset[index]


def test_a_worker_that_dies_is_reported_with_its_record(dataset):
    loader = train_loader(Dying(dataset, 4), ("material",), 1, (32,), 3, 0, max_regions=20, workers=1)
    with pytest.raises(BrodenError, match="worker died while reading os/15"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_file_stops_the_loader_with_one_sentence(root, workers):
    path = root / "opensurfaces" / "photos" / "15.jpg"
    path.write_bytes(path.read_bytes()[:200])
    loader = train_loader(BrodenPlus(root, "train"), ("material",), 1, (32,), 3, 0, workers=workers)
    with pytest.raises(BrodenError, match=r"^\S*15\.jpg cannot be decoded .*; restore it from \S+\.$"):
        list(loader)


def test_other_errors_name_the_record(dataset, monkeypatch):
    monkeypatch.setattr(RegionMaps, "__call__", lambda self, key, image: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        list(train_loader(dataset, ("material",), 1, (32,), 1, 0))
    assert caught.value.__notes__ == ["while reading os/15"]


def _die_at_15(sources, item):
    if sources.of(item).key(item) == "os/15":
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_dead_worker_is_reported_with_its_record(root):
    dataset = BrodenPlus(root, "train", tasks=("material",))
    with pytest.raises(BrodenError, match="a worker died while reading os/15; check"):
        list(map_records(_die_at_15, dataset.sources, dataset.records, 2, "test", False))
