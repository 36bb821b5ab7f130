"""Run work on a Dask cluster that has been started separately and whose machines share the folders.

::

    dask scheduler                                  # on one machine; it prints its ADDRESS
    dask worker ADDRESS --nthreads 1 --no-nanny     # on every machine, once per GPU, or once

A worker trains one model at a time, because training owns its process's random numbers, and may start processes that
load images. If a worker dies, another one resumes from what it left in the shared folder.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from joblib import parallel_config
from tqdm import tqdm

if TYPE_CHECKING:
    from distributed import Client

WORKER = "dask worker ADDRESS --nthreads 1 --no-nanny"


def connect(scheduler: str) -> "Client":
    """Connect to a cluster by the address that its scheduler prints, such as tcp://192.168.0.1:8786.

    Raises:
        ValueError: if Dask is not installed, or the address is invalid.
        OSError: if nothing answers at the address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError("a scheduler needs Dask; pip install dgmlib[cluster] here and on its workers.") from error
    client = Client(scheduler)
    if not client.scheduler_info()["workers"]:
        print(f"{scheduler} has no worker yet; start some with `{WORKER}`.", flush=True)
    return client


@contextmanager
def serving(scheduler: str) -> Iterator[None]:
    """Run joblib's work in this block on a cluster; without an address, leave joblib unchanged."""
    if not scheduler:
        yield
        return
    with connect(scheduler) as client, parallel_config("dask", client=client):
        yield


def spread(scheduler: str, function: Callable, tasks: Mapping[str, tuple]) -> list:
    """Call an importable function once per task (name -> arguments) on the cluster; return the results in order.

    The cluster keeps working when this process is interrupted. A second call requests the same tasks by name and does
    not restart those in progress; the function itself must recognise finished ones.

    Raises:
        ValueError: if one task repeatedly killed its workers; see also `connect`.
    """
    with connect(scheduler) as client:
        from distributed import KilledWorker, as_completed, fire_and_forget

        futures = [client.submit(_alone, function, *arguments, key=name) for name, arguments in tasks.items()]
        fire_and_forget(futures)
        try:
            for future in tqdm(as_completed(futures), scheduler, len(futures), unit="task", disable=None):
                future.result()
        except KilledWorker as error:
            raise ValueError(f"{error.task} has killed every worker that tried it; their logs say why.") from error
        return client.gather(futures)


def _alone(function: Callable, *arguments: object) -> object:
    """Call a function on a worker, after checking that it is set up for training."""
    from distributed import get_worker

    if get_worker().state.nthreads > 1 or multiprocessing.current_process().daemon:
        raise ValueError(f"a worker of the cluster runs several tasks or no processes; start it with `{WORKER}`.")
    return function(*arguments)
