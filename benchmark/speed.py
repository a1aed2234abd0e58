"""Measures training steps: python -m benchmark.speed --size SMALL"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.allocator import keep_freed_memory
from benchmark.command import run_command
from benchmark.errors import UserError
from benchmark.files import write_atomically
from benchmark.stop import StopSignals

if TYPE_CHECKING:
    from benchmark.workload import Case

EXAMPLE = "example: python -m benchmark.speed --size SMALL LONG --model ZForcing --engine eager"
SIZES = {"PAPER": "paper", "SMALL": "small", "LONG": "long"}
MODELS = {"ZForcing": "zf", "VRNN": "vrnn", "SRNN": "srnn", "STORN": "storn"}
DATA = {"PAPER": "timit", "SMALL": "timit", "LONG": "seqmnist"}  # whose experiment files a size belongs to

RECOMPUTED_STEPS = 56  # of LONG, measured once more in segments whose activations are computed again

SCALING_SIZE = "SMALL"
SCALING_STEPS = (10, 40, 160, 640)  # at the B of the size
SCALING_BATCH_SIZES = (2, 8, 128, 512)  # at the T of the size, which with its B is among the first


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.speed", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("--gin", action="append", metavar="FILE", help="an experiment instead of the shipped models")
    parser.add_argument("--set", action="append", default=[], metavar="NAME.param=VALUE", help="one gin binding")
    parser.add_argument("--size", nargs="+", action="extend", choices=SIZES, help="default: all")
    parser.add_argument("--model", nargs="+", action="extend", choices=MODELS, help="default: all")
    parser.add_argument("--engine", nargs="+", action="extend", metavar="NAME", help="default: all that run here")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N", help="undisturbed ones (default: 5)")
    parser.add_argument("--scaling", action="store_true", help="also measure other T and B, and draw them")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--json", metavar="FILE", help="where numbers are written (default: speed.json in --out)")
    parser.add_argument("--out", default="results/speed", metavar="DIR", help="default: results/speed")
    return parser.parse_args(arguments)


def experiment_files(options: argparse.Namespace, size: str) -> list[tuple[str, ...]]:
    """The gin files of each experiment that is measured at a size."""
    added = ("gin/speed/base.gin", f"gin/speed/{SIZES[size]}.gin")
    if options.gin:
        return [(*options.gin, *added)]
    return [(f"gin/{DATA[size]}_{MODELS[name]}.gin", *added) for name in dict.fromkeys(options.model or MODELS)]


def cases(options: argparse.Namespace, size: str) -> Iterator[Case]:
    """What is measured at a size: each experiment, and LONG's first with less memory."""
    from benchmark.workload import Case

    files = experiment_files(options, size)
    yield from (Case(size, names, tuple(options.set)) for names in files)
    if size == "LONG" and not options.gin:
        overrides = (*options.set, f"experiment.recomputed_steps = {RECOMPUTED_STEPS}")
        yield Case(size, files[0], overrides, f", segments of {RECOMPUTED_STEPS}")


def scaling_overrides() -> Iterator[tuple[str, ...]]:
    """The bindings of each point of the scaling figure."""
    yield from ((f"RandomSequences.steps = {steps}",) for steps in SCALING_STEPS)
    yield from ((f"batch_size = {size}",) for size in SCALING_BATCH_SIZES)


def measure_and_write(options: argparse.Namespace, stop: StopSignals) -> None:
    """What the command does; files are written once everything has been measured."""
    from benchmark.measurement import Row, Settings, choose_engines, environment, measure
    from benchmark.session import choose_device
    from benchmark.speed_report import scaling_figure, speed_report
    from benchmark.workload import Case

    device = choose_device(options.device)
    settings = Settings(device, choose_engines(options.engine, device), options.repetitions, stop.check)
    out = Path(options.out)
    path = Path(options.json) if options.json else out / "speed.json"
    for folder in (out, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    machine = environment(device)
    print(f"{machine['device_name']}, torch {machine['torch']}, engines: {', '.join(settings.engines)}", flush=True)
    rows: list[Row] = []
    for size in dict.fromkeys(options.size or SIZES):
        rows += measure(list(cases(options, size)), settings)
    scaling: list[Row] = []
    for point in scaling_overrides() if options.scaling else ():
        files = experiment_files(options, SCALING_SIZE)[0]
        scaling += measure([Case(SCALING_SIZE, files, (*options.set, *point))], settings)
    files_written = {path: _json(rows), out / "speed.md": speed_report(rows).encode()}
    if scaling:
        files_written[out / "scaling.json"] = _json(scaling)
        files_written |= {out / f"scaling.{suffix}": scaling_figure(scaling, suffix) for suffix in ("png", "svg")}
    print(f"\n{speed_report(rows)}")
    disturbed = sum(not row["clean"] for row in (*rows, *scaling))
    if disturbed:
        print(
            f"other processes disturbed {disturbed} of {len(rows) + len(scaling)} rows: repeat it on a quiet machine\n"
        )
    for target, content in files_written.items():
        write_atomically(target, content)
        print(f"  {target}")


def _json(rows: list[dict[str, Any]]) -> bytes:
    return (json.dumps(rows, indent=1) + "\n").encode()


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.repetitions < 1:
        raise UserError(f"--repetitions must be at least 1, got {options.repetitions}")
    if options.gin and options.model:
        raise UserError("--gin names the model already: leave --model out")
    keep_freed_memory()
    with StopSignals() as stop:
        measure_and_write(options, stop)


if __name__ == "__main__":
    run_command(main)
