"""Runs cells as tasks of a Ray cluster, each the same `python -m benchmark.run` that a cell of a local sweep is.

A task whose worker is killed is started again by Ray, and goes on from its checkpoint if the machines share the results
folder. Records come back through Ray, so that nothing but those has to be shared. Every machine needs this project at
the same path and in the same environment as the one that the sweep is started on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmark import REPOSITORY
from benchmark.cell import LOG, Cell, CellProcess
from benchmark.errors import UserError
from benchmark.files import write_atomically
from benchmark.sweep_display import SweepDisplay

POLL_SECONDS = 0.5
CONNECT_SECONDS = 5.0
RETRIES = 3  # of a cell whose worker is killed


def work(cell: Cell, out: Path, common: Sequence[str], threads: int, start: Path) -> tuple[str | None, bytes]:
    """What a task does: runs the cell in a process. Returns why it failed, or None and its record.

    Args:
        cell, out, common: see `CellProcess`.
        threads: of the CPU.
        start: the folder that relative paths start from.
    """
    with contextlib.suppress(FileNotFoundError):  # another machine may not have it
        os.chdir(start)
    folder = cell.folder(out)
    while True:
        while folder.held:  # by the run of a worker that was killed, until it has saved what it had done
            time.sleep(POLL_SECONDS)
        if folder.state == "done":
            return None, folder.record_copy.read_bytes()
        process = CellProcess(cell, out, common, {"OMP_NUM_THREADS": str(threads)})
        try:
            while not process.ended:
                time.sleep(POLL_SECONDS)
        finally:
            process.ask_to_stop()
            process.wait()
        if process.failure and not process.refused:
            return process.failure, b""


def run_on_ray(
    cells: Sequence[Cell],
    out: Path,
    common: Sequence[str],
    address: str | None,
    jobs: int | None,
    display: SweepDisplay,
    check_stop: Callable[[], None],
) -> None:
    """Runs cells in their order; how each ended goes to the display.

    Args:
        cells: what to run; one that computes on CUDA takes a GPU of the cluster.
        out, common: see `CellProcess`.
        address: of the cluster; when omitted the one of this machine, which is started if there is none.
        jobs: cells at a time; when omitted one for each GPU, or for each core.
        display: is told about everything.
        check_stop: raises Interrupted; the cells save what they have done before this function passes it on.
    """
    ray = connect(address)
    gpus = int(any(cell.device == "cuda" for cell in cells))
    jobs, threads = _share(ray, "GPU" if gpus else "CPU", jobs)
    task = ray.remote(work).options(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)
    waiting = list(cells)
    running: dict[Any, Cell] = {}
    try:
        while waiting or running:
            check_stop()
            while waiting and len(running) < jobs:
                cell = waiting.pop(0)
                running[task.remote(cell, out.resolve(), list(common), threads, Path.cwd())] = cell
            for ended in ray.wait(list(running), num_returns=1, timeout=POLL_SECONDS)[0]:
                cell = running.pop(ended)
                display.ended(cell, _fetch(ray, ended, cell, out))
            display.show(list(running.values()), len(waiting))
    finally:
        for task in running:
            ray.cancel(task)
        ray.wait(list(running), num_returns=len(running)) if running else None
        ray.shutdown()


def connect(address: str | None) -> Any:
    """The module ray, connected to a cluster.

    Raises:
        UserError: Ray is not installed, or nothing answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray does next, and warns about otherwise
    try:
        import ray
    except ImportError:
        raise UserError("--executor ray needs Ray, which is not installed: pip install 'ray>=2.40'") from None
    _require_head(address)
    before = signal.getsignal(signal.SIGTERM)
    try:
        data = {name: value for name, value in os.environ.items() if name == "ZFORCING_DATA"}
        variables = {"PYTHONPATH": str(REPOSITORY), **data}  # workers inherit those of the cluster
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False, runtime_env={"env_vars": variables})
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(
            f"--ray-address {address}: the Ray cluster does not answer, or wants another token ({error})"
        ) from error
    signal.signal(signal.SIGTERM, before)  # Ray exits at once, where cells have to save first
    return ray


def _require_head(address: str | None) -> None:
    """Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host:
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except (OSError, ValueError) as error:
            raise UserError(
                f"--ray-address {address}: no head listens there ({error}); give what `ray start --head` printed"
            ) from error


def _share(ray: Any, resource: str, jobs: int | None) -> tuple[int, int]:
    """Cells at a time, and the cores of each, none of which may be more than the smallest machine has."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get(resource)]
    if not nodes:
        raise UserError(f"the Ray cluster has no {resource}; start its workers with some, or choose another --device")
    jobs = jobs or int(sum(node[resource] for node in nodes))
    cores = [int(node.get("CPU", 1)) for node in nodes]
    return jobs, max(1, min(sum(cores) // jobs, *cores))


def _fetch(ray: Any, ended: Any, cell: Cell, out: Path) -> str | None:
    """Writes the record of a cell that is done, unless the worker wrote it into the same folder; or why it failed."""
    try:
        failure, record = ray.get(ended)
    except ray.exceptions.RayError as error:
        last, log = str(error).strip().splitlines()[-1], cell.folder(out).path / LOG
        return f"its worker was lost {RETRIES + 1} times, or the task broke: {last} ({log})"
    if failure is None and cell.folder(out).state != "done":
        write_atomically(cell.folder(out).record_copy, record)
    return failure
