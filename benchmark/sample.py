"""Generates sequences from a finished run: python -m benchmark.sample RUN --count 4"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmark.command import run_command
from benchmark.errors import UserError
from benchmark.finished_run import add_arguments, load_run
from benchmark.samples import longest

EXAMPLE = "example: python -m benchmark.sample timit_zf-seed1234-0a1b2c3d --count 4 --steps 320 --prefix 40"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.sample",
        description="Writes sequences that a finished run generates, beside originals of the test split.",
        epilog=EXAMPLE,
    )
    add_arguments(parser)
    parser.add_argument("--count", type=int, metavar="N", help="sequences (default: the run's Samples.count)")
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="new steps, at most up to the longest test sequence (default: the run's Samples.steps)",
    )
    parser.add_argument("--seed", type=int, help="of what is drawn (default: the run's seed)")
    parser.add_argument("--prefix", type=int, default=0, metavar="N", help="go on from N steps of test sequences")
    parser.add_argument(
        "--most-likely", action="store_true", help="take the most likely frame at every step; latents are drawn still"
    )
    parser.add_argument("--folder", metavar="DIR", help="where to (default: generated/ in the run's folder)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    for name in ("count", "steps"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} must be at least 1, got {value}")
    if options.prefix < 0:
        raise UserError(f"--prefix must be at least 0, got {options.prefix}")
    run = load_run(options.run, options)
    parts = run.parts
    samples = replace(
        parts.samples,
        count=options.count or parts.samples.count,
        steps=options.steps or parts.samples.steps,
    )
    most = longest(parts.dataset, options.prefix)
    if options.steps and options.steps > most > 0:
        after = f" after {options.prefix}" if options.prefix else ""
        print(f"{most} steps instead of {options.steps}: the longest test sequence has no more{after}", file=sys.stderr)
    folder = Path(options.folder) if options.folder else run.folder / "generated"
    seed = parts.seed if options.seed is None else options.seed
    for path in samples.write(parts.model, parts.dataset, folder, seed, options.prefix, options.most_likely):
        print(path)


if __name__ == "__main__":
    run_command(main)
