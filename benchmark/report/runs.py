"""All that is known of one run, for the part of the page that shows it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.errors import UserError
from benchmark.report.curves import Curve, training_curves
from benchmark.row import Row


class Further(NamedTuple):
    """Numbers that another command added to a run: their file, and name and value of each."""

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
        metrics: by name, a value for each column, None where there is none.
        further: numbers of other commands, such as tighter bounds.
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
    names = dict.fromkeys(name for metrics in results.values() for name in metrics)
    return RunView(
        row.label,
        f"{row.dataset}_{row.source}",
        record,
        training_curves(record),
        list(results),
        {name: [metrics.get(name) for metrics in results.values()] for name in names},
        _further(out, record["run_id"]),
        repeating_command(record),
    )


def _further(out: Path, run_id: str) -> list[Further]:
    paths = [
        *sorted((out / "bounds").glob(f"{run_id}_*.json")),
        *(out / "probes").glob(f"{run_id}.json"),
    ]
    found = []
    for path in paths:
        try:
            values = flat(json.loads(path.read_text()))
        except (ValueError, AttributeError) as error:
            raise UserError(f"{path}: cannot be read ({error}); remove it, or make it again") from error
        found.append(Further(path.relative_to(out).as_posix(), values))
    return found


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested names joined by dots: {'a': {'b': 1}} is {'a.b': 1}."""
    joined: dict[str, Any] = {}
    for name, value in values.items():
        joined |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return joined


def repeating_command(record: dict[str, Any]) -> str:
    """The command line that makes the run's configuration again."""
    arguments = [argument for file in record["gin_files"] for argument in ("--gin", file)]
    arguments += [argument for override in record["overrides"] for argument in ("--set", override)]
    return shlex.join(["python", "-m", "benchmark.run", *arguments])
