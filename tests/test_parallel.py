"""Worker processes end with their parent, however that ends."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from joblib import delayed

from dgmlib.parallel import parallel

PARENT = """
import os, time
from joblib import delayed
from dgmlib.parallel import parallel

def work():
    print(os.getpid(), flush=True)
    time.sleep(600)

parallel(2)(delayed(work)() for _ in range(2))
"""


def test_workers_end_when_their_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        workers = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
        assert all(worker.is_running() for worker in workers)
        parent.send_signal(signal.SIGKILL)
        assert not psutil.wait_procs(workers, timeout=30)[1]


def test_one_worker_is_this_process_and_two_are_others():
    assert parallel(1)(delayed(os.getpid)() for _ in range(2)) == [os.getpid()] * 2
    assert os.getpid() not in parallel(2)(delayed(os.getpid)() for _ in range(2))
    time.sleep(2)
    assert len(parallel(2)(delayed(os.getpid)() for _ in range(2))) == 2  # while the parent lives, so do they


def test_no_workers():
    with pytest.raises(ValueError, match="--workers must be at least 1, or -1 for one per core, not 0"):
        parallel(0)
