"""One function on every record, in parallel, with a progress bar."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from .files import BrodenError, UnreadableFileError
from .records import Record
from .sources import Sources

CHUNK = 32  # records per task of a worker process


def map_records(
    function: Callable, sources: Sources, records: list[Record], workers: int, title: str, progress: bool | None
) -> Iterator[tuple]:
    """Call ``function(sources, record)`` on every record in parallel; give (record, result or BrodenError) pairs.

    Raises:
        BrodenError: a worker died; the message names what the workers were reading.
    """
    chunks = [records[start : start + CHUNK] for start in range(0, len(records), CHUNK)]
    hidden = None if progress is None else not progress
    with (
        tempfile.TemporaryDirectory() as notes,
        tqdm(total=len(records), desc=title, unit="record", disable=hidden) as bar,
    ):
        parallel = Parallel(n_jobs=workers, return_as="generator")
        try:
            for pairs in parallel(delayed(_map_chunk)(function, sources, chunk, Path(notes)) for chunk in chunks):
                bar.update(len(pairs))
                yield from pairs
        except TerminatedWorkerError as error:
            reading = ", ".join(sorted(path.read_text() for path in Path(notes).iterdir()))
            raise BrodenError(
                f"a worker died while reading {reading or 'its first record'}; check these files, and whether memory "
                "was short (fewer workers need less)."
            ) from error


def _map_chunk(function: Callable, sources: Sources, records: list[Record], notes: Path) -> list[tuple]:
    pairs = []
    note = notes / str(os.getpid())
    for record in records:
        try:
            sources.check_index(record)
            note.write_text(sources.key(record))
            pairs.append((record, function(sources, record)))
        except BrodenError as error:
            pairs.append((record, error))
        except Exception as error:  # broken bytes surface as almost any: one record must not end the whole run
            told = UnreadableFileError(
                f"{record.source} entry {record.index} cannot be processed ({error!r}); restore its files."
            )
            pairs.append((record, told))
    note.unlink(missing_ok=True)
    return pairs
