"""Reading records one at a time, here or in worker processes, with errors that name the record."""

import os
import re
from collections.abc import Callable, Iterator
from itertools import chain
from uuid import uuid4

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info
from tqdm import tqdm

from dgmlib.cluster import spread
from dgmlib.parallel import processes
from dgmlib.paths import UnwritableError
from dgmlib.superpixels.ucm import ContourMapError

from .files import BrodenError, UnreadableFileError
from .source import Record
from .sources import Sources

#: Number of records in one task of a cluster.
AT_ONCE = 256


class Reader(Dataset):
    """Reads one record of a dataset at a time, and notes for `ReportingLoader` which one it is.

    The dataset provides ``key(index)``; ``workers`` processes share the notes.
    """

    def __init__(self, dataset, workers: int):
        self.dataset = dataset
        self.notes = torch.zeros(max(workers, 1), 2, dtype=torch.int64).share_memory_()  # rows (process id, record)

    def key(self, index: int) -> str:
        """Name the record ``index``."""
        return self.dataset.key(index)

    def load(self, index: int, *how):
        """Read the record ``index``."""
        raise NotImplementedError

    def __getitem__(self, item: tuple):
        index, *how = item
        worker = get_worker_info()
        if worker is not None:
            self.notes[worker.id] = torch.tensor([os.getpid(), index])
        try:
            return self.load(index, *how)
        except BrodenError as error:
            return error  # raised by the loader, without a worker's traceback around its one sentence
        except (FileNotFoundError, UnwritableError, ContourMapError) as error:
            return BrodenError(str(error))
        except Exception as error:
            error.add_note(f"while reading {self.key(index)}")
            raise


class ReportingLoader(DataLoader):
    """A DataLoader over a `Reader` that reports which record is broken, and which one killed a worker."""

    def __iter__(self) -> Iterator:
        try:
            for batch in super().__iter__():
                if isinstance(batch, BrodenError):
                    raise batch
                yield batch
        except RuntimeError as error:
            found = re.search(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)", str(error))
            if not found:
                raise
            pids = {int(pid) for pid in found[1].split(",")}
            keys = ", ".join(self.dataset.key(index) for pid, index in self.dataset.notes.tolist() if pid in pids)
            raise BrodenError(
                f"a worker died while reading {keys or 'its first record'}; check that file, and whether memory was "
                "short (fewer workers need less)."
            ) from error


class _Work(Reader):
    """Calls a function on records; returns pairs of the record and what the function returned or raised."""

    def __init__(self, function: Callable, sources: Sources, records: list[Record], workers: int):
        super().__init__(records, workers)
        self.function, self.sources = function, sources

    def key(self, index: int) -> str:
        return self.sources.of(self.dataset[index]).key(self.dataset[index])

    def load(self, index: int) -> tuple:
        record = self.dataset[index]
        try:
            return record, self.function(self.sources, record)
        except BrodenError as error:
            return record, error
        except UnwritableError:  # the next record could not be written either
            raise
        except Exception as error:  # broken bytes may raise anything, and one record must not end the whole run
            told = f"{record.source} entry {record.index} cannot be processed ({error!r}); restore its files."
            return record, UnreadableFileError(told)


def map_records(
    function: Callable,
    sources: Sources,
    records: list[Record],
    workers: int,
    title: str,
    progress: bool | None,
    scheduler: str = "",
) -> Iterator[tuple]:
    """Call ``function(sources, record)`` on every record, in order; yield (record, result or BrodenError) pairs.

    ``workers`` processes share the work: -1 for one per core, and 1 for this process. Alternatively, ``scheduler``
    names a Dask cluster, see `dgmlib.cluster`, which sees the data in the same folder.

    Raises:
        BrodenError: a worker died; the message names what it was reading. (On a cluster, a ValueError.)
    """
    if scheduler:
        tasks, run = {}, uuid4().hex  # makes task names unique to this run
        for start in range(0, len(records), AT_ONCE):
            tasks[f"{title} {start} {run}"] = (_Work(function, sources, records[start : start + AT_ONCE], 1),)
        return chain.from_iterable(spread(scheduler, _some, tasks))
    number = processes(workers)
    work = _Work(function, sources, records, number)
    chosen = [(index,) for index in range(len(records))]
    loader = ReportingLoader(
        work, sampler=chosen, batch_size=None, num_workers=number if number > 1 else 0, collate_fn=_unchanged
    )
    return iter(tqdm(loader, desc=title, unit="record", disable=None if progress is None else not progress))


def _some(work: _Work) -> list[tuple]:
    """Run a cluster's task."""
    return [work.load(index) for index in range(len(work.dataset))]


def _unchanged(result: tuple | BrodenError) -> tuple | BrodenError:
    """Replace PyTorch's default collation, which would make tensors of it."""
    return result
