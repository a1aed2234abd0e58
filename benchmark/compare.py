"""Compares two runs on the same test sequences: python -m benchmark.compare RUN OTHER

The interval is over test sequences: it says how far the difference depends on which ones there are, and nothing about
how far it depends on the seed, for which `benchmark.tables` has intervals.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmark.command import run_command
from benchmark.errors import UserError
from benchmark.sequence_scores import read_sequences
from benchmark.statistics import bootstrap_interval

EXAMPLE = (
    "example: python -m benchmark.compare results/runs/timit_zf_aux-seed1-0a1b2c3d "
    "results/runs/timit_zf_plain-seed1-4e5f6a7b"
)


def compare(folder: Path, other: Path) -> list[str]:
    """A line for each protocol: the mean difference of the bounds, and its bootstrap interval over test sequences.

    Raises:
        UserError: a folder holds no finished run, the runs are on different data, or one is a bound and one exact.
    """
    first, second = _record(folder), _record(other)
    if first["dataset"]["fingerprint"] != second["dataset"]["fingerprint"]:
        raise UserError(f"{folder.name} and {other.name} were scored on different data; name two runs on the same")
    ours, theirs = read_sequences(folder), read_sequences(other)
    lines = []
    for protocol in [protocol for protocol in ours if protocol in theirs]:
        bounds = {record["results"]["test"][protocol]["bound"] for record in (first, second)}
        if len(bounds) > 1:
            raise UserError(
                f"{folder.name} and {other.name}: a lower bound and an exact log-likelihood are not compared; "
                f"name two runs of one kind"
            )
        differences = [x - y for x, y in zip(ours[protocol], theirs[protocol], strict=True)]
        low, high = bootstrap_interval(differences)
        mean = sum(differences) / len(differences)
        better = sum(difference > 0 for difference in differences)
        lines.append(
            f"{protocol}, {bounds.pop()}: {mean:+.2f} nats per sequence, 95 % bootstrap interval over test sequences "
            f"{low:+.2f} to {high:+.2f}; better on {better:,} of {len(differences):,}"
        )
    return lines


def _record(folder: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads((folder / "record.json").read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} is no finished run ({error}); give a folder of results/runs") from error
    return record


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.compare",
        description="Says how far two runs differ on the same test sequences.",
        epilog=EXAMPLE,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("other", type=Path, metavar="OTHER", help="that of the run it is held against")
    options = parser.parse_args(arguments)
    print(f"{options.run.name} minus {options.other.name}")
    for line in compare(options.run, options.other):
        print(line)


if __name__ == "__main__":
    run_command(main)
