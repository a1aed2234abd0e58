"""All rows of all data sets below each other, with what training gained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.row import Row, bound_of
from benchmark.statistics import t_interval
from benchmark.tables.columns import EXACT, LOWER, Kind, Number, columns, number
from benchmark.tables.contents import COLLAPSE, LEGEND
from benchmark.tables.markdown import grid
from benchmark.tables.quantities import diagnostics

TITLE = "All rows by the default protocol of their data set; untrained and valid: of the validation split."
SHOWN = ("untrained", "valid", "test")
DIAGNOSED = ("KL, nats/seq", "active, units", "MI, nats")


def overview_table(rows: Sequence[Row]) -> str:
    """A line for each row, by data set, as Markdown."""
    order = [
        *("data", "model"),
        *(_kind(name, bound).heading for name in SHOWN for bound in (EXACT, LOWER)),
        *DIAGNOSED,
    ]
    table = grid(columns([_line(row, rows) for row in rows], order))
    return "\n\n".join(["# Overview", TITLE, LEGEND, COLLAPSE, table]) + "\n"


def _line(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    protocol = row.protocols[0]
    table = [other for other in rows if (other.dataset, other.source) == (row.dataset, row.source)]
    place = [other for other in table if protocol in other.protocols].index(row) + 1
    values = {
        "untrained": _untrained(row),
        "valid": row.bound_values(protocol, "valid"),
        "test": row.bound_values(protocol),
    }
    return {
        "data": f"{row.dataset}, {row.source}, {protocol}",
        "model": row.label,
        **{cell.kind.heading: cell for cell in (_number(row, name, values[name]) for name in SHOWN)},
        **{heading: cell for heading, cell in diagnostics(row, protocol).items() if heading in DIAGNOSED},
        "updates": _range([record["training"]["updates"] for record in row.records]),
        "n": str(len(row.seeds)),
        "runs in": f"row {place} of {row.dataset}_{row.source}_{protocol}.md",
    }


def _number(row: Row, name: str, values: dict[int, float]) -> Number:
    return number(_kind(name, EXACT if row.is_exact else LOWER), t_interval(values.values()))


def _kind(name: str, bound: str) -> Kind:
    return Kind(name, "nats/seq", bound)


def _untrained(row: Row) -> dict[int, float]:
    """The bound on the validation split before the first update, by seed."""
    first = {record["seed"]: record["training"]["validation"][0] for record in row.records}
    return {seed: bound_of(metrics) for seed, metrics in first.items()}


def _range(values: Sequence[int]) -> str:
    return " to ".join(f"{value:,}" for value in sorted({min(values), max(values)}))
