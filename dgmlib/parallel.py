"""Worker processes that end with the process that started them."""

import os
import threading
import time

from joblib import Parallel, effective_n_jobs


def processes(workers: int) -> int:
    """Number of processes that ``workers`` means: -1 is one per core.

    Raises:
        ValueError: for 0 workers.
    """
    if workers == 0:
        raise ValueError("--workers must be at least 1, or -1 for one per core, not 0.")
    return effective_n_jobs(workers)


def parallel(workers: int, **options) -> Parallel:
    """Create a `joblib.Parallel` whose processes end seconds after the one that started them, even if it is killed.

    joblib's own would keep working, then idle for minutes. -1 workers mean one per core, 1 means this process.

    Raises:
        ValueError: for 0 workers.
    """
    processes(workers)
    return Parallel(workers, initializer=_end_with, initargs=(os.getpid(),), **options)


def _end_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
