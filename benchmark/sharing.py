"""How the cores or the GPUs of a machine are shared out among runs that work side by side."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Sharing:
    """What each of `jobs` runs at a time may use.

    Attributes:
        jobs: runs at a time.
        threads: of the CPU, for each run.
        gpus: what CUDA_VISIBLE_DEVICES names; empty if runs choose for themselves.
    """

    jobs: int
    threads: int
    gpus: tuple[str, ...] = ()

    def environment(self, slot: int) -> dict[str, str]:
        """The variables of the run in a slot, counted from 0. A number of threads that the user set is kept."""
        threads = os.environ.get("OMP_NUM_THREADS", str(self.threads))
        visible = {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]} if self.gpus else {}
        return {"OMP_NUM_THREADS": threads, **visible}


def share(jobs: int | None, runs: int, device: str, gpu_count: int) -> Sharing:
    """Shares this machine among `runs` runs.

    Args:
        jobs: runs at a time; when omitted one for each GPU, or for each core.
        runs: how many there are.
        device: what --device says; a single GPU that it names is for all runs.
        gpu_count: the GPUs that torch sees; 0 if the runs compute on the CPU.
    """
    cores = usable_cores()
    spread = device in ("auto", "cuda")
    jobs = min(jobs or (gpu_count if spread else min(gpu_count, 1)) or cores, max(runs, 1))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.split(",") if visible else [str(index) for index in range(gpu_count)]
    gpus = tuple(names[:gpu_count]) if spread else ()
    return Sharing(jobs, max(1, cores // jobs), gpus)


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
