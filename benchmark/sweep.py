"""Runs every cell of a sweep: python -m benchmark.sweep --gin gin/sweeps/ablation.gin"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from benchmark.cell import Cell
from benchmark.command import run_command
from benchmark.errors import UserError
from benchmark.local_executor import run_locally
from benchmark.ray_executor import run_on_ray
from benchmark.sharing import share
from benchmark.stop import StopSignals
from benchmark.sweep_display import SweepDisplay

EXAMPLE = (
    "example: python -m benchmark.sweep --gin gin/sweeps/ablation.gin --gin gin/scale/small.gin --seeds 3 --jobs 2"
)
FAILED = 1  # the exit status where cells failed


class Plan(NamedTuple):
    """The cells of a sweep, built once each by `benchmark.plan`; `devices` counts the CUDA devices."""

    cells: list[Cell]
    devices: int


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.sweep", description=__doc__, epilog=EXAMPLE)
    parser.add_argument(
        "--gin", action="append", required=True, metavar="FILE", help="a sweep first; others are added to every cell"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME.param=VALUE", help="one binding, everywhere"
    )
    add_arguments(parser)
    parser.add_argument("--seeds", type=int, metavar="N", help="the N seeds from 1234 on, not those of the sweep")
    parser.add_argument("--out", default="results", metavar="DIR", help="results folder (default: results)")
    options = parser.parse_args(arguments)
    for name in ("seeds", "jobs"):
        if getattr(options, name) is not None and getattr(options, name) < 1:
            raise UserError(f"--{name} must be at least 1, got {getattr(options, name)}")
    return options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What every command takes that runs cells."""
    parser.add_argument("--jobs", type=int, metavar="N", help="cells at a time (default: one for each core or GPU)")
    parser.add_argument("--executor", choices=("local", "ray"), default="local", help="default: local")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="of a running Ray cluster (default: the one found)")
    parser.add_argument("--data", metavar="DIR", help="where corpora are (default: the variable ZFORCING_DATA)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--dry-run", action="store_true", help="list the cells with their states, then stop")


def make_plan(arguments: list[str]) -> Plan:
    """Builds every cell, in another process, since torch and all data are needed for it. Prints which data there are.

    Raises:
        UserError: a cell cannot be built.
    """
    cells: list[Cell] = []
    shown: set[str] = set()
    command = [sys.executable, "-m", "benchmark.plan", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            head = _reply(process.stdout.readline())
            for line in tqdm(process.stdout, "checking", head["cells"], unit="cell", leave=False, disable=None):
                reply = _reply(line)
                cells.append(Cell(**{**reply["cell"], "arguments": tuple(reply["cell"]["arguments"])}))
                if reply["data"] not in shown:
                    shown.add(reply["data"])
                    tqdm.write(reply["data"])
        finally:
            process.terminate()
    if len(cells) < head["cells"]:
        raise RuntimeError("the process that checks the cells has ended before the last of them")
    return Plan(cells, head["devices"])


def _reply(line: str) -> dict[str, Any]:
    """A line of `benchmark.plan`.

    Raises:
        UserError: it says what is wrong.
    """
    if not line:
        raise RuntimeError("the process that checks the cells has ended without a word")
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise UserError(reply["error"])
    return reply


def list_cells(cells: Sequence[Cell], out: Path) -> Iterator[str]:
    """A line for each cell, and one that counts them."""
    width = max(len(cell.run_id) for cell in cells)
    states = []
    for cell in cells:
        folder = cell.folder(out)
        states.append("running" if folder.held else folder.state)
        yield f"{cell.number:4d}  {states[-1]:11s}  {cell.run_id:{width}s}  {shlex.join(cell.arguments)}"
    counts = ", ".join(f"{count} {state}" for state, count in Counter(states).items())
    yield f"{len(cells)} cells: {counts}"


def run_cells(plan: Plan, options: argparse.Namespace, stop: StopSignals) -> list[tuple[Cell, str]]:
    """Runs what is not done yet. Returns the cells that failed, with the reason."""
    out = Path(options.out)
    todo = [cell for cell in plan.cells if cell.folder(out).state != "done"]
    display = SweepDisplay(plan.cells, len(plan.cells) - len(todo), out)
    common = ["--device", options.device, *(["--data", options.data] if options.data else [])]
    try:
        if options.executor == "ray":
            run_on_ray(todo, out, common, options.ray_address, options.jobs, display, stop.check)
        else:
            on_gpu = any(cell.device == "cuda" for cell in todo)
            # By all cells: threads move numbers, in the last digits, and a repeated sweep has fewer left.
            sharing = share(options.jobs, len(plan.cells), options.device, plan.devices if on_gpu else 0)
            run_locally(todo, out, common, sharing, display, stop.check)
    finally:
        display.close()
    return display.failures


class Sweep(NamedTuple):
    """A sweep whose cells have been checked."""

    options: argparse.Namespace
    plan: Plan


def check(arguments: list[str]) -> Sweep:
    """Builds every cell and prints the list of them.

    Raises:
        UserError: a cell cannot be built.
    """
    options = parse_arguments(arguments)
    with StopSignals(at_once=True):
        plan = make_plan(arguments)
    print(*list_cells(plan.cells, Path(options.out)), sep="\n", flush=True)
    return Sweep(options, plan)


def finish(sweep: Sweep) -> int:
    """Runs what is not done yet, and says what failed; returns the exit status."""
    cells, out = sweep.plan.cells, Path(sweep.options.out)
    with StopSignals() as stop:
        failures = run_cells(sweep.plan, sweep.options, stop)
    for cell, reason in failures:
        print(f"{cell.title} failed: {reason}", file=sys.stderr)
    print(f"{len(cells) - len(failures)} of {len(cells)} cells are done: {out / 'records'}")
    return FAILED if failures else 0


def run_sweep(arguments: list[str]) -> int:
    """What the command does; returns its exit status."""
    sweep = check(arguments)
    return 0 if sweep.options.dry_run else finish(sweep)


def main(arguments: list[str] | None = None) -> None:
    sys.exit(run_sweep(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    run_command(main)
