"""Prepares a tree of recordings for training: decoded once, in parallel, resumable at any moment."""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from benchmark.data.prepare_worker import Job, prepare_recording, start_worker
from benchmark.data.prepared import PreparedInventory, PreparedRecording, write_index
from benchmark.data.recordings import SUFFIXES, Skipped, find_recordings, take_inventory
from benchmark.errors import UserError
from benchmark.stop import StopSignals
from zforcing.checks import require_sizes

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POLL_SECONDS = 0.5


def prepare_blizzard(source: Path, out: Path, workers: int | None = None) -> PreparedInventory:
    """Turns a tree of mp3, wav or flac files into a prepared folder, see `benchmark.data.prepared`.

    What an earlier call finished is kept as long as the checksum of its source is the same. Recordings that cannot be
    used are printed and listed in the index.

    Args:
        source: the folder with the recordings, at any depth.
        out: where to write, for example `ZFORCING_DATA`/blizzard.
        workers: processes; as many as there are cores when omitted.

    Raises:
        UserError: there are fewer than three usable recordings, the disk is full, or `out` is in use.
        Interrupted: SIGINT or SIGTERM arrived; what is finished is kept.
    """
    workers = _cores() if workers is None else workers
    require_sizes(workers=workers)
    if not source.is_dir():
        raise UserError(f"--source names {source}, which is not a folder; correct the path")
    paths, skipped = find_recordings(source)
    if not paths:
        raise UserError(f"{source} holds no {', '.join(SUFFIXES)} file at any depth; correct --source")
    with _locked(out), StopSignals() as stop:
        jobs = [Job(name, str(path.relative_to(source)), source, out) for name, path in paths.items()]
        prepared: list[PreparedRecording] = []
        for result in _run(jobs, workers, stop):
            if isinstance(result, Skipped):
                skipped.append(result)
            else:
                prepared.append(result)
        inventory = take_inventory(str(source), prepared, skipped)
        write_index(out, inventory)
    _report(inventory, out)
    return inventory


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Holds `out` for this process alone, rid of what was half written."""
    (out / "recordings").mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"another process is preparing {out}; wait for it or stop it, then repeat") from None
    try:
        for leftover in out.rglob(".*.partial"):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _run(jobs: list[Job], workers: int, stop: StopSignals) -> Iterator[PreparedRecording | Skipped]:
    """The results of all jobs as they come, the largest files first so that none is left over at the end."""
    # A server process imports once and forks the workers: they share its memory, and no running thread is forked.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([prepare_recording.__module__])
    stopping = context.Event()
    sizes = {job: (job.source / job.relative).stat().st_size for job in jobs}
    with ProcessPoolExecutor(min(workers, len(jobs)), context, start_worker, (stopping,)) as pool:
        try:
            largest_first = sorted(jobs, key=lambda job: -sizes[job])
            running = {pool.submit(prepare_recording, job): job for job in largest_first}
            with tqdm(total=sum(sizes.values()), desc="prepare", unit="B", unit_scale=True, dynamic_ncols=True) as bar:
                while running:
                    for future in wait(running, POLL_SECONDS, FIRST_COMPLETED).done:
                        yield future.result()
                        bar.update(sizes[running.pop(future)])
                    stop.check()
        except BrokenProcessPool as error:
            raise UserError(
                "a worker was killed, perhaps for lack of memory; finished recordings are kept: repeat the command, "
                "with fewer --workers if it happens again"
            ) from error
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise UserError(
                f"the disk of {jobs[0].out} is full; finished recordings are kept: free some space and repeat the "
                f"command (an hour of audio takes 115 MB)"
            ) from error
        finally:
            stopping.set()
            pool.shutdown(cancel_futures=True)


def _report(inventory: PreparedInventory, out: Path) -> None:
    for skipped in inventory.skipped:
        print(f"skipped {skipped.name}: {skipped.reason}")
    counts = ", ".join(f"{len(inventory.of(split))} {split}" for split in ("train", "valid", "test"))
    print(
        f"{out}: {len(inventory.recordings)} recordings ({counts}), {inventory.hours:.2f} hours, "
        f"{len(inventory.skipped)} skipped"
    )
