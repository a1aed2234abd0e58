"""Compares two runs on the same test sequences: python -m benchmark.compare RUN OTHER

The interval is over test sequences: it says how far the difference depends on which ones there are, and nothing about
how far it depends on the seed, for which `benchmark.tables` has intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmark.command import run_command
from benchmark.errors import UserError
from benchmark.run_lookup import find_run, finished_record
from benchmark.sequence_scores import NAME, read_sequences
from benchmark.statistics import bootstrap_interval

EXAMPLE = "example: python -m benchmark.compare timit_zf_aux-seed1-0a1b2c3d timit_zf_plain-seed1-4e5f6a7b"


def compare(folder: Path, other: Path) -> list[str]:
    """A line for each protocol: the mean difference of the bounds, and its bootstrap interval over test sequences.

    Raises:
        UserError: a folder holds no finished run, the runs were scored on different data or by different protocols, or
            one is a bound and one exact.
    """
    first, second = finished_record(folder), finished_record(other)
    both = f"{folder.name} and {other.name}"
    if first["dataset"]["fingerprint"] != second["dataset"]["fingerprint"]:
        raise UserError(f"{both} were scored on different data; name two runs on the same")
    ours, theirs = _scores(folder, first), _scores(other, second)
    shared = [protocol for protocol in ours if len(ours[protocol]) == len(theirs.get(protocol, []))]
    if not shared:
        protocols = " and ".join(", ".join(scores) for scores in (ours, theirs))
        raise UserError(f"{both} were scored by different protocols, {protocols}; name two runs that share one")
    lines = []
    for protocol in shared:
        bounds = {record["results"]["test"][protocol]["bound"] for record in (first, second)}
        if len(bounds) > 1:
            raise UserError(
                f"{both}: a lower bound and an exact log-likelihood are not compared; name two runs of one kind"
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


def _scores(folder: Path, record: dict[str, Any]) -> dict[str, list[float]]:
    """The bounds of the test sequences by protocol, all of them."""
    scores = read_sequences(folder)
    expected = {protocol: metrics["sequences"] for protocol, metrics in record["results"]["test"].items()}
    if {protocol: len(values) for protocol, values in scores.items()} != expected:
        raise UserError(f"{folder / NAME}: damaged (not the sequences of record.json); repeat the run with --fresh")
    return scores


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.compare",
        description="Says how far two runs differ on the same test sequences.",
        epilog=EXAMPLE,
    )
    parser.add_argument("run", metavar="RUN", help="the id of a finished run, or its folder")
    parser.add_argument("other", metavar="OTHER", help="that of the run it is held against")
    parser.add_argument("--out", default="results", metavar="DIR", help="the results folder (default: results)")
    options = parser.parse_args(arguments)
    folder, other = (find_run(run, options.out) for run in (options.run, options.other))
    lines = compare(folder, other)
    print(f"{folder.resolve().name} minus {other.resolve().name}", *lines, sep="\n")


if __name__ == "__main__":
    run_command(main)
