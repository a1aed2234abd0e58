"""A sweep on a Ray cluster of this machine: a head, two workers, one of which is killed."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from run_at_work import newest_update

from benchmark import plan, run
from benchmark.cell import Cell
from benchmark.errors import UserError
from benchmark.ray_executor import connect

pytest.importorskip("ray")

SWEEP = """
import benchmark.grid
sweep.grids = [@Grid()]
Grid.experiments = ['gin/timit_zf_plain.gin']
Grid.axes = {'experiment.seed': [1, 2]}
"""


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture
def cluster(monkeypatch):
    """The address of a head with two cores, for two workers."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")  # one of its own, whatever a cluster of the user's has
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    address = f"127.0.0.1:{free_port()}"
    sockets = tempfile.mkdtemp(prefix="ray")  # the names of sockets may not be long
    command = [Path(sys.executable).parent / "ray", "start", "--head", "--block", "--num-cpus=2", "--num-gpus=0"]
    settings = [f"--port={address.split(':')[1]}", "--node-ip-address=127.0.0.1", f"--temp-dir={sockets}"]
    limits = ["--include-dashboard=false", "--object-store-memory=100000000", "--disable-usage-stats"]
    process = subprocess.Popen(
        [*command, *settings, *limits], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(sockets, ignore_errors=True)


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def process_of(run_id, cells):
    """The process that works on a run: its seed is in its command line."""
    seed = next(cell.arguments[-1] for cell in cells if cell.run_id == run_id)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if "benchmark.run" in words and words[words.index("--seed") + 1] == seed:
                return int(process.name)
    return None


def test_an_address_where_nobody_listens_is_refused():
    with pytest.raises(UserError, match=r"--ray-address 127\.0\.0\.1:\d+: no head listens there"):
        connect(f"127.0.0.1:{free_port()}")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes")
def test_a_worker_that_is_killed_loses_nothing(cluster, tiny, tmp_path):
    file = tmp_path / "sweep.gin"
    file.write_text(SWEEP)
    arguments = ["--gin", str(file), *tiny[2:-4], "--set", "Training.checkpoint_seconds=0", *tiny[-4:]]
    arguments[arguments.index("epochs=3")] = "epochs=40"
    cells = [Cell(**line["cell"]) for line in list(plan.plan(arguments))[1:]]
    whole = tmp_path / "whole"
    for cell in cells:
        run.main([*cell.arguments, *tiny[-4:-2], "--out", str(whole)])
    out = Path(tiny[-1])
    command = [sys.executable, "-m", "benchmark.sweep", *arguments, "--executor", "ray", "--ray-address", cluster]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        killed = None
        while killed is None and process.poll() is None:
            for folder in out.glob("runs/timit*"):
                working = process_of(folder.name, cells)
                if 5 <= newest_update(folder) < 150 and working and not (folder / "record.json").exists():
                    killed = folder
                    os.kill(parent_of(working), signal.SIGKILL)
                    break
            time.sleep(0.005)
        printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert killed is not None
    log = (killed / "output.log").read_text()
    assert "interrupted by SIGTERM" in log
    assert "going on from update" in log
    assert "2 of 2 cells are done" in printed
    assert {path.name: path.read_bytes() for path in (out / "records").iterdir()} == {
        path.name: path.read_bytes() for path in (whole / "records").iterdir()
    }
