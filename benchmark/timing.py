"""Times of several commands, interleaved in rounds, of which only undisturbed repetitions count."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from tqdm import tqdm

Command = Callable[[], None]
Key = TypeVar("Key", bound=Hashable)

WARM_UP = 3  # calls before the first that counts: an engine compiles, buffers and moments are allocated
SHORTEST = 0.5  # seconds of a repetition; the system counts CPU time in hundredths of a second
TOLERANCE = 0.04  # of the CPU, taken by other processes
PATIENCE = 6  # rounds made, as a multiple of the repetitions asked for, before disturbed ones are taken


class Reading(NamedTuple):
    """Clocks at one moment, in seconds.

    Attributes:
        wall: elapsed time.
        own: CPU time of this process.
        everyone: CPU time of all processes on the cores that this one may use, and time that the machine's host took
            from them; NaN where the system does not tell.
        cores: how many these are.
    """

    wall: float
    own: float
    everyone: float
    cores: int


def read_clocks() -> Reading:
    """The clocks of this machine."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    return Reading(time.perf_counter(), time.process_time(), _busy_seconds(cores), len(cores))


def _busy_seconds(cores: set[int], source: Path = Path("/proc/stat")) -> float:
    try:
        lines = [line.split() for line in source.read_text().splitlines() if line.startswith("cpu")]
    except OSError:
        return math.nan
    # user, nice, system, idle, waiting for input and output, interrupts, soft interrupts, stolen by the host
    busy = (0, 1, 2, 5, 6, 7)
    ticks = sum(int(fields[1 + n]) for fields in lines if fields[0][3:] in map(str, cores) for n in busy)
    return ticks / os.sysconf("SC_CLK_TCK")


class Repetition(NamedTuple):
    """One repetition: seconds per call, and the share of the CPU that other processes had meanwhile."""

    seconds: float
    others: float

    @property
    def clean(self) -> bool:
        return self.others <= TOLERANCE  # never true of NaN


@dataclass(frozen=True)
class Timing:
    """Seconds per call over the repetitions that count.

    Attributes:
        clean: whether no repetition was disturbed by other processes. Otherwise it is made of the least disturbed.
    """

    median_s: float
    min_s: float
    max_s: float
    repetitions: int
    clean: bool


def summarise(taken: list[Repetition], wanted: int) -> Timing:
    """The clean repetitions, or the `wanted` least disturbed ones if fewer are clean."""
    clean = [repetition for repetition in taken if repetition.clean]
    kept = clean if len(clean) >= wanted else sorted(taken, key=_disturbance)[:wanted]
    seconds = [repetition.seconds for repetition in kept]
    return Timing(statistics.median(seconds), min(seconds), max(seconds), len(seconds), len(clean) >= wanted)


def _disturbance(repetition: Repetition) -> float:
    return math.inf if math.isnan(repetition.others) else repetition.others


def time_interleaved(
    commands: Mapping[Key, Command],
    repetitions: int = 5,
    label: str = "",
    check_stop: Command = lambda: None,
    synchronise: Command = lambda: None,
    read: Callable[[], Reading] = read_clocks,
) -> dict[Key, Timing]:
    """Times commands in rounds, each of them once a round, so that all see the same machine.

    A repetition calls its command as often as half a second needs. Rounds go on until every command has enough clean
    repetitions, or patience ends.

    Args:
        commands: what is timed, by a name of any kind.
        repetitions: clean ones of each command, at least.
        label: of the progress bar.
        check_stop: called between repetitions; it may raise.
        synchronise: waits until the device has done what was asked of it.
        read: the clocks.
    """
    taken: dict[Key, list[Repetition]] = {key: [] for key in commands}
    with tqdm(total=len(commands) * (1 + repetitions), desc=label, unit="repetition", dynamic_ncols=True) as bar:
        calls = {}
        for key, command in commands.items():
            check_stop()
            calls[key] = _warm_up(command, synchronise, read)
            bar.update()
        for _ in range(PATIENCE * repetitions):
            if all(_clean(made) >= repetitions for made in taken.values()):
                break
            for key, command in commands.items():
                check_stop()
                missing = _clean(taken[key]) < repetitions
                taken[key].append(_repeat(command, calls[key], synchronise, read))
                bar.update(missing and taken[key][-1].clean)
            bar.set_postfix(disturbed=sum(len(made) - _clean(made) for made in taken.values()))
    return {key: summarise(made, repetitions) for key, made in taken.items()}


def _clean(taken: list[Repetition]) -> int:
    return sum(repetition.clean for repetition in taken)


def _warm_up(command: Command, synchronise: Command, read: Callable[[], Reading]) -> int:
    """Calls the command until it runs as it will, and returns how many calls make a repetition."""
    for _ in range(WARM_UP - 1):
        command()
    seconds = _repeat(command, 1, synchronise, read).seconds
    return max(1, math.ceil(SHORTEST / max(seconds, 1e-6)))


def _repeat(command: Command, calls: int, synchronise: Command, read: Callable[[], Reading]) -> Repetition:
    synchronise()
    before = read()
    for _ in range(calls):
        command()
    synchronise()
    after = read()
    wall = after.wall - before.wall
    foreign = (after.everyone - before.everyone) - (after.own - before.own)
    return Repetition(wall / calls, foreign / (wall * after.cores))
