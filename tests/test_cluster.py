"""Work on a cluster of two workers, one of which is killed; what a person can get wrong about one."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import dask
import pandas as pd
import pytest
import torch
from broden_tree import write_tree
from distributed import Client, LocalCluster
from PIL import Image
from tiny import PHOTO

from dgmlib import cluster
from dgmlib.__main__ import check_broden, compute_superpixels, prepare_broden
from dgmlib.measure import tables
from dgmlib.superpixels import precompute


@pytest.fixture(scope="module")
def scheduler():
    """Address of a scheduler in this process, without workers."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as here,
    ):
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


def test_a_table_is_whole_and_the_same_when_one_of_two_workers_is_killed(
    scheduler, workers, smoke_data, tmp_path, monkeypatch
):
    arguments = {"data": smoke_data, "systems": ("UPerNet", "DGM"), "device": "cpu"}
    # The last bits depend on the number of threads, here the workers'.
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    alone = tables.table1("smoke", **arguments, runs=tmp_path / "a/runs", out=tmp_path / "a", workers=1)
    runs = tmp_path / "b" / "runs"

    def kill_who_trains():
        while not list(runs.rglob("log.jsonl")):
            time.sleep(0.05)
        with Client(scheduler, set_as_default=False) as client:
            pids, busy = client.run(os.getpid), client.processing()
            os.kill(next(pids[worker] for worker, tasks in busy.items() if tasks), signal.SIGKILL)

    killer = threading.Thread(target=kill_who_trains, daemon=True)
    killer.start()
    table = tables.table1("smoke", **arguments, runs=runs, out=tmp_path / "b", scheduler=scheduler)
    killer.join(60)
    assert sorted(worker.poll() is None for worker in workers) == [False, True]
    pd.testing.assert_frame_equal(table, alone)


def test_superpixels_are_those_made_here(scheduler, workers, tmp_path, monkeypatch):
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    precompute(tmp_path, tmp_path / "here")
    monkeypatch.chdir(tmp_path)  # the workers stand elsewhere
    compute_superpixels(Path(), Path("there"), scheduler=scheduler)
    here, there = (tmp_path / name / "superpixels-512/photo.png.png" for name in ("here", "there"))
    assert here.read_bytes() == there.read_bytes()


def test_a_check_and_what_is_prepared_are_those_made_here(scheduler, workers, tmp_path, monkeypatch):
    here, there = (write_tree(tmp_path / name) for name in ("here", "there"))
    monkeypatch.setattr("dgmlib.broden.workers.AT_ONCE", 2)  # several tasks
    monkeypatch.chdir(tmp_path)
    for root in (here, there):  # a finding, too
        next(root.glob("dtd/**/*.jpg")).write_bytes(b"none")
    expected = [str(check_broden(here, workers=1)), str(prepare_broden(here, workers=1))]
    found = [str(check_broden(Path("there"), scheduler=scheduler)), str(prepare_broden(there, scheduler=scheduler))]
    assert [text.replace(str(there), str(here)) for text in found] == expected
    made = [  # names without the digits that stand for their originals' place and time
        sorted(re.sub(r"-[0-9a-f]{8}", "", str(p.relative_to(root))) for p in root.glob("prepared/**/*") if p.is_file())
        for root in (here, there)
    ]
    assert made[0] == made[1] != []


def test_a_task_that_kills_every_worker_is_told(scheduler, workers):
    with pytest.raises(ValueError, match="work has killed every worker that tried it"):
        cluster.spread(scheduler, os._exit, {"work": (1,)})


@pytest.mark.parametrize(("threads", "daemon"), [(2, False), (1, True)])
def test_a_worker_unfit_for_training_is_told(threads, daemon, monkeypatch):
    """Two tasks at once would draw from one stream of random numbers; a daemon may not start processes that load."""
    state = SimpleNamespace(nthreads=threads)
    monkeypatch.setattr("distributed.get_worker", lambda: SimpleNamespace(state=state))
    process = SimpleNamespace(daemon=daemon)
    monkeypatch.setattr("multiprocessing.current_process", lambda: process)
    with pytest.raises(ValueError, match=r"runs several tasks .* --nthreads 1 --no-nanny"):
        cluster._alone(len, "four")
    state.nthreads, process.daemon = 1, False
    assert cluster._alone(len, "four") == 4


def test_without_dask_one_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"a scheduler needs Dask; pip install dgmlib\[cluster\]"):
        cluster.connect("tcp://127.0.0.1:8786")


def test_a_cluster_without_workers_and_an_address_that_is_none_are_told(scheduler, capsys):
    with cluster.connect(scheduler):
        assert "has no worker yet; start some with `dask worker" in capsys.readouterr().out
    with pytest.raises(ValueError, match="port"):
        cluster.connect("nowhere")
