"""Trains and evaluates one model: python -m benchmark.run --gin gin/timit_zf.gin"""

from __future__ import annotations

import argparse

from benchmark.command import run_command
from benchmark.stop import StopSignals, stop_with_parent

EXAMPLE = "example: python -m benchmark.run --gin gin/timit_zf.gin --gin gin/scale/small.gin --seed 1"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.run", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("--gin", action="append", required=True, metavar="FILE", help="a gin file; later ones win")
    parser.add_argument("--set", action="append", default=[], metavar="NAME.param=VALUE", help="one gin binding")
    parser.add_argument("--seed", type=int, help="seed of all random streams (experiment.seed)")
    parser.add_argument("--data", metavar="DIR", help="where corpora are (default: the variable ZFORCING_DATA)")
    parser.add_argument("--out", default="results", metavar="DIR", help="results folder (default: results)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--fresh", action="store_true", help="throw away what an earlier run left and start anew")
    parser.add_argument("--dry-run", action="store_true", help="show configuration, data and size, then stop")
    parser.add_argument("--parent", type=int, metavar="PID", help="stop when this process is gone, which started it")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    with StopSignals() as stop:
        if options.parent is not None:
            stop_with_parent(options.parent)
        # Importing torch takes seconds, in which a signal should already be heard.
        from benchmark.session import run_session

        run_session(options, stop)


if __name__ == "__main__":
    run_command(main)
