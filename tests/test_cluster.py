"""Work on a cluster of two workers, one of which is killed; what a person can get wrong about one."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from distributed import Client, LocalCluster

from dgmlib import cluster
from dgmlib.__main__ import compute_superpixels
from dgmlib.measure import tables
from dgmlib.pictures import find_pictures
from dgmlib.superpixels import precompute


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler in this process, without workers."""
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as here:
        yield here.scheduler_address


@pytest.fixture
def workers(scheduler, tmp_path):
    """Two workers as a person starts them, in another folder than the tests'."""
    command = cluster.WORKER.replace("dask", f"{sys.executable} -m dask", 1).replace("ADDRESS", scheduler).split()
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with (tmp_path / "workers.log").open("w") as log:
        options = {"env": environment, "cwd": tmp_path, "stdout": log, "stderr": log}
        started = [subprocess.Popen([*command, "--no-dashboard"], **options) for _ in range(2)]
        with Client(scheduler, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield started
        for worker in started:
            worker.kill()
            worker.wait()


def killing_first(path, fail, arguments):
    """Kill the process of the first to come; pass an argument on (imported by the workers)."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return arguments, os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_table_is_whole_and_the_same_when_one_of_two_workers_is_killed(scheduler, workers, smoke_data, tmp_path):
    arguments = {"data": smoke_data, "systems": ("UPerNet", "DGM"), "device": "cpu"}
    alone = tables.table1("smoke", **arguments, runs=tmp_path / "a/runs", out=tmp_path / "a", workers=1)
    runs = tmp_path / "b" / "runs"

    def kill_who_trains():
        while not list(runs.rglob("log.jsonl")):
            time.sleep(0.05)
        with Client(scheduler, set_as_default=False) as client:
            pids, busy = client.run(os.getpid), client.processing()
            os.kill(next(pids[worker] for worker, tasks in busy.items() if tasks), signal.SIGKILL)

    import threading

    killer = threading.Thread(target=kill_who_trains)
    killer.start()
    table = tables.table1("smoke", **arguments, runs=runs, out=tmp_path / "b", scheduler=scheduler)
    killer.join()
    assert sorted(worker.poll() is None for worker in workers) == [False, True]
    pd.testing.assert_frame_equal(table, alone)
    assert (tmp_path / "a/table1.csv").read_text() == (tmp_path / "b/table1.csv").read_text()
