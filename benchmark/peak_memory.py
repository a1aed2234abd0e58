"""The most memory that a training step takes, measured in a process of its own."""

from __future__ import annotations

import multiprocessing
import re
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmark.errors import UserError
from benchmark.timing import Command
from benchmark.workload import Case, build, training_step

STEPS = 2  # the first allocates gradients and moments, the second runs beside them
STATUS = Path("/proc/self/status")


def peak_bytes(case: Case, device: torch.device, engine: str | None, check_stop: Command) -> int | None:
    """What training steps need at most beside the model's weights: activations, gradients, moments, buffers.

    On CUDA it is what the allocator gave out, on the CPU the growth of resident memory without the code of libraries.

    Args:
        case, device: what is built.
        engine: what runs the training step; None for the two LSTMs alone.
        check_stop: called while the process is waited for; it may raise.

    Returns:
        Bytes; None where the system does not tell.

    Raises:
        UserError: the process died.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    arguments = (sender, case, device, engine, torch.get_num_threads())
    process = context.Process(target=_measure, args=arguments, daemon=True)
    process.start()
    try:
        sender.close()
        while not receiver.poll(0.2):
            check_stop()
        peak: int | None = receiver.recv()
    except EOFError as error:
        raise UserError(
            f"memory of {engine or 'the LSTMs'} at size {case.size}: the measuring process died, most likely for want "
            f"of memory; choose a smaller size"
        ) from error
    finally:
        process.kill()
        process.join()
        receiver.close()
    return peak


def _measure(sender: Connection, case: Case, device: torch.device, engine: str | None, threads: int) -> None:
    # Ctrl-C reaches the whole process group; the parent ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    work = build(case, device)
    step: Command = work.lstm_pair if engine is None else training_step(work, engine)
    cuda = device.type == "cuda"
    before = torch.cuda.memory_allocated(device) if cuda else _status("RssAnon")
    _forget_peak(device)
    for _ in range(STEPS):
        step()
    if cuda:
        sender.send(torch.cuda.max_memory_allocated(device) - before)
    else:
        after = _status("VmHWM") - _status("RssFile") - _status("RssShmem")
        sender.send(after - before if STATUS.exists() else None)


def _forget_peak(device: torch.device) -> None:
    """What building took for a moment does not count."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif STATUS.exists():
        STATUS.with_name("clear_refs").write_text("5")


def _status(field: str) -> int:
    """A line of the process's status, in bytes; 0 where the system has none."""
    found = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE) if STATUS.exists() else None
    return int(found[1]) * 1024 if found else 0
