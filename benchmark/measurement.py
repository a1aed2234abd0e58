"""From cases to rows: every engine of every model beside two LSTMs and the FLOP floor, in one interleaved run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from tqdm import tqdm

from benchmark.errors import UserError
from benchmark.peak_memory import peak_bytes
from benchmark.record import commit
from benchmark.speed_report import LSTM_PAIR
from benchmark.timing import Command, Timing, time_interleaved
from benchmark.workload import PRODUCT_FLOP, Case, build, matrix_product, training_step
from zforcing.engines import available

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How rows are measured.

    Attributes:
        device: where.
        engines: what is timed.
        repetitions: clean ones, at least.
        check_stop: raises Interrupted once the user or the system wants the process to end.
    """

    device: torch.device
    engines: tuple[str, ...]
    repetitions: int
    check_stop: Command


@dataclass(frozen=True)
class Entrant:
    """What a row is about.

    Attributes:
        model: its name.
        engine: what runs its training step; None for the two LSTMs.
        case: what it is built from.
        flop: floating-point operations of its matrix products.
        command: one call is one training step.
    """

    model: str
    engine: str | None
    case: Case
    flop: int
    command: Command


def choose_engines(named: Sequence[str] | None, device: torch.device) -> tuple[str, ...]:
    """The engines of those names, each once; all that can be measured if none is named.

    Raises:
        UserError: there is no such engine on this machine.
    """
    known = available(device)
    for name in named or ():
        if name not in known:
            raise UserError(f"--engine {name}: not available on {device}; choose from {', '.join(known)}")
    return tuple(dict.fromkeys(named or known))


def measure(cases: Sequence[Case], settings: Settings) -> list[Row]:
    """Rows of cases of one size: the two LSTMs, then every engine of each model."""
    device, size = settings.device, cases[0].size
    works = []
    for case in cases:
        settings.check_stop()
        works.append(build(case, device))
    entrants = [Entrant(LSTM_PAIR, None, cases[0], works[0].lstm_flop, works[0].lstm_pair)]
    for case, work in zip(cases, works, strict=True):
        flop = work.flop()
        for engine in settings.engines:
            entrants.append(Entrant(work.name + case.remark, engine, case, flop, training_step(work, engine)))
    commands = {number: entrant.command for number, entrant in enumerate(entrants)}
    product = len(entrants)
    wait = torch.cuda.synchronize if device.type == "cuda" else _nothing
    shape = {"steps": works[0].batch.steps, "batch_size": works[0].batch.size}
    label = f"{size}, T = {shape['steps']}, B = {shape['batch_size']}"
    commands[product] = matrix_product(device)
    times = time_interleaved(commands, settings.repetitions, label, settings.check_stop, wait)
    pair_s, flop_s = times[0].median_s, PRODUCT_FLOP / times[product].median_s
    rows, common = [], environment(device)
    for number, entrant in enumerate(tqdm(entrants, f"{label}, memory", unit="process", dynamic_ncols=True)):
        peak = peak_bytes(entrant.case, device, entrant.engine, settings.check_stop)
        row = _row(entrant, times[number], pair_s, flop_s, shape) | {"peak_bytes": peak} | common
        # A ratio is no better than what it is relative to.
        rows.append(row | {"clean": all(times[n].clean for n in (number, 0, product))})
    return rows


def _nothing() -> None:
    pass


def _row(entrant: Entrant, timing: Timing, pair_s: float, flop_s: float, shape: dict[str, int]) -> Row:
    """Everything about a row that follows from times.

    Args:
        entrant, timing: what was timed.
        pair_s: the time of the two LSTMs, seconds.
        flop_s: the machine's rate, floating-point operations per second.
        shape: T and B.
    """
    sequences_s = shape["batch_size"] / timing.median_s
    return {
        "model": entrant.model,
        "engine": entrant.engine or "torch",
        "size": entrant.case.size,
        **shape,
        **asdict(timing),
        "sequences_per_second": sequences_s,
        "frames_per_second": sequences_s * shape["steps"],
        "ratio_to_lstm_pair": timing.median_s / pair_s,
        "ratio_to_floor": timing.median_s * flop_s / entrant.flop,
        "flop": entrant.flop,
    }


def environment(device: torch.device) -> Row:
    """The machine and the code, as far as they decide about speed."""
    cuda = device.type == "cuda"
    return {
        "device": device.type,
        "device_name": torch.cuda.get_device_name(device) if cuda else f"CPU, {torch.get_num_threads()} thread(s)",
        "tf32": torch.get_float32_matmul_precision() != "highest",
        "tf32_cudnn": cuda and torch.backends.cudnn.allow_tf32,
        "torch": torch.__version__,
        "commit": commit(),
    }
