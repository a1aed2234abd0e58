"""The bound of every test sequence of a run, in a file of its folder; a record would grow too large with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmark.errors import UserError

NAME = "test_sequences.csv"


def sequences_csv(scores: Mapping[str, Iterable[float]]) -> str:
    """A line for each protocol and sequence, in the order of the test split."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("protocol", "sequence", "nats"))
    for protocol, values in scores.items():
        writer.writerows((protocol, index, repr(value)) for index, value in enumerate(values))
    return text.getvalue()


def read_sequences(folder: Path) -> dict[str, list[float]]:
    """The bounds in nats by protocol.

    Raises:
        UserError: the folder holds none, or the file is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        raise UserError(f"{path} is missing; name the folder of a finished run, or repeat an old one with --fresh")
    scores: dict[str, list[float]] = {}
    try:
        for line in csv.DictReader(io.StringIO(path.read_text())):
            scores.setdefault(line["protocol"], []).append(float(line["nats"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); repeat the run with --fresh") from error
    return scores
