"""All that is known of one run, for the part of the page that shows it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.errors import UserError
from benchmark.report.curves import Curve, training_curves
from benchmark.row import Row

# What is said of a run anyway.
IDENTITY = {"run_id", "label", "model", "seed", "source", "description"}
CONTAINERS = {"what", "values"}  # whose name says nothing


class Further(NamedTuple):
    """Numbers that another command added to a run: what they are, their file, and name and value of each."""

    title: str
    name: str
    values: dict[str, Any]


class RunView(NamedTuple):
    """One run.

    Attributes:
        label: of its row.
        section: the id of its data set's section.
        record: of the run.
        curves: of its training.
        columns: (split, protocol) of the metrics.
        metrics: of the record, by name, a value for each column, None where there is none.
        further: numbers of other commands: tighter bounds, phones.
        command: that repeats the run.
    """

    label: str
    section: str
    record: dict[str, Any]
    curves: list[Curve]
    columns: list[tuple[str, str]]
    metrics: dict[str, list[Any]]
    further: list[Further]
    command: str


def run_views(out: Path, rows: list[Row]) -> list[RunView]:
    """A view of every run of these rows."""
    return [_view(out, row, record) for row in rows for record in row.records]


def _view(out: Path, row: Row, record: dict[str, Any]) -> RunView:
    results = {
        (split, protocol): metrics
        for split, protocols in record["results"].items()
        for protocol, metrics in protocols.items()
    }
    run_id = record["run_id"]
    named = dict.fromkeys(name for metrics in results.values() for name in metrics)
    names = [name for name in named if name not in record.get("later", {})]
    return RunView(
        row.label,
        f"{row.dataset}_{row.source}",
        record,
        training_curves(record),
        list(results),
        {name: [metrics.get(name) for metrics in results.values()] for name in names},
        _further(out, run_id),
        repeating_command(record),
    )


def _further(out: Path, run_id: str) -> list[Further]:
    paths = [
        *(("Another bound", path) for path in sorted((out / "bounds").glob(f"{run_id}_*.json"))),
        *(("Phones found by a linear probe", path) for path in sorted((out / "probes").glob(f"{run_id}*.json"))),
    ]
    found = []
    for title, path in paths:
        try:
            values = {name: value for name, value in json.loads(path.read_text()).items() if name not in IDENTITY}
        except (ValueError, AttributeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove it, or make it again") from error
        found.append(Further(title, path.relative_to(out).as_posix(), in_words(values)))
    return found


def in_words(values: dict[str, Any], outer: str = "") -> dict[str, Any]:
    """Nested names in words: {'what': {'latents': {'accuracy_valid': 1}}} is {'latents, accuracy valid': 1}."""
    joined: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            joined |= in_words(value, outer if name in CONTAINERS else f"{outer}{name}, ")
        else:
            joined[f"{outer}{name}".replace("_", " ")] = value
    return joined


def repeating_command(record: dict[str, Any]) -> str:
    """The command line that makes the run's configuration again."""
    arguments = [argument for file in record["gin_files"] for argument in ("--gin", file)]
    arguments += [argument for override in record["overrides"] for argument in ("--set", override)]
    return shlex.join(["python", "-m", "benchmark.run", *arguments])
