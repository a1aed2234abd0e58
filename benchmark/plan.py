"""The plan of a sweep, made by a process of its own, which needs torch and all data: python -m benchmark.plan

It builds every cell as `python -m benchmark.run --dry-run` does, each data set read once, and prints a JSON object per
line: first how much there is, then one for each cell, or what is wrong.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from typing import Any

import torch

from benchmark.cell import Cell
from benchmark.command import run_command
from benchmark.config import configuring, load_config, resolved_text
from benchmark.errors import UserError
from benchmark.experiment import load_corpus
from benchmark.grid import Point, sweep
from benchmark.run import parse_arguments as parse_run_arguments
from benchmark.session import build_run, describe_data
from benchmark.stop import StopSignals
from benchmark.sweep import parse_arguments


def read_points(file: str, seeds: int | None) -> list[Point]:
    """The runs that a sweep's gin file names.

    Raises:
        UserError: the file is malformed, or binds what no sweep reads.
    """
    config = load_config([file])
    with configuring():
        points = sweep(seeds)
    resolved_text(config)
    return points


def plan(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """What is printed, for the command line of `benchmark.sweep`.

    Raises:
        UserError: a cell cannot be built, or two are the same run.
    """
    options = parse_arguments(arguments)
    points = read_points(options.gin[0], options.seeds)
    yield {"cells": len(points), "devices": torch.cuda.device_count()}
    load = functools.cache(load_corpus)  # corpora are frozen dataclasses, which the types do not say
    common = ["--out", options.out, "--device", options.device, *(["--data", options.data] if options.data else [])]
    numbers: dict[str, int] = {}
    for number, point in enumerate(points, 1):
        full = Point((*point.files, *options.gin[1:]), (*point.overrides, *options.set), point.seed)
        try:
            run = build_run(parse_run_arguments([*full.arguments, *common]), StopSignals(), load)  # type: ignore[arg-type]
        except UserError as error:
            raise UserError(f"cell {number} ({' '.join(point.arguments)}) cannot run: {error}") from error
        run_id = run.folder.identifier
        other = numbers.setdefault(run_id, number)
        if other != number:
            raise UserError(f"cells {other} and {number} of {options.gin[0]} are the same run {run_id}: remove one")
        device = next(run.experiment.model.parameters()).device.type
        cell = Cell(number, run_id, run.experiment.label, tuple(full.arguments), run.trainer.updates, device)
        yield {"cell": cell._asdict(), "data": describe_data(run.experiment.dataset)}


def main() -> None:
    try:
        for line in plan(sys.argv[1:]):
            print(json.dumps(line), flush=True)
    except UserError as error:
        print(json.dumps({"error": str(error)}), flush=True)


if __name__ == "__main__":
    run_command(main)
