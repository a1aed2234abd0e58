"""The tables of the page: those of `benchmark.tables`, line by line with the runs that each is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmark.effects import effects_of
from benchmark.row import Row
from benchmark.tables.auxiliary_cost import ROWS, effect_table
from benchmark.tables.columns import Cell, Column, Number
from benchmark.tables.contents import PLAIN, protocol_table

LINE = ("row", "model", "seed", "n", "from", "run")  # headings that `Line` says in another way


class Heading(NamedTuple):
    """The head of a column: the quantity or unit, what else has to be known, and whether numbers are below it."""

    title: str
    note: str
    numeric: bool


class Line(NamedTuple):
    """A line of a table.

    Attributes:
        label: of the row, or of the model as reported.
        model: name of its class, empty for reported numbers.
        records: of its runs; none for reported numbers.
        note: where a reported number comes from, as in '[1]'.
        cells: one for each heading.
    """

    label: str
    model: str
    records: Sequence[dict[str, Any]]
    note: str
    cells: list[Cell | None]


class ScoreTable(NamedTuple):
    """The test numbers of one data set and source by one protocol.

    Attributes:
        protocol: by which the test split was scored.
        description: of the data.
        legends: what has to be known to read the numbers.
        comparison: whether they may be compared with the reported ones.
        headings, lines: of all rows, ours and then the reported ones.
        notes: what the reported lines refer to.
        run_headings, run_lines: of all runs; no lines if no row has several.
    """

    protocol: str
    description: str
    legends: list[str]
    comparison: str
    headings: list[Heading]
    lines: list[Line]
    notes: list[str]
    run_headings: list[Heading]
    run_lines: list[Line]


def score_tables(rows: Sequence[Row]) -> list[ScoreTable]:
    """The tables of one data set and source, one for each protocol."""
    protocols = dict.fromkeys(protocol for row in rows for protocol in row.protocols)
    return [_table([row for row in rows if protocol in row.protocols], protocol) for protocol in protocols]


class EffectTable(NamedTuple):
    """What the auxiliary cost changes in one data set and source; no lines if no rows differ in its weight alone."""

    legends: list[str]
    headings: list[Heading]
    lines: list[Line]


def effects(rows: Sequence[Row]) -> EffectTable:
    """The effects that the rows show."""
    found = list(effects_of(rows))
    table = effect_table(found)
    against = Column("against", [effect.plain.label for effect in found])
    shown = [column for column in table.columns if column.heading not in (*LINE, "data", "rows")] + [against]
    return EffectTable(
        [legend for legend in table.head if legend != ROWS],
        [_heading(column) for column in shown],
        [
            Line(effect.row.label, effect.row.model, effect.row.records, "", cells)
            for effect, cells in zip(found, _across(shown), strict=True)
        ],
    )


def _table(rows: list[Row], protocol: str) -> ScoreTable:
    table = protocol_table(rows, protocol)
    shown = [_with_labels(column, rows) for column in table.columns if column.heading not in LINE]
    ours = [
        Line(row.label, row.model, row.records, "", cells) for row, cells in zip(rows, _across(shown), strict=False)
    ]
    reported = [
        Line(label, "", (), note, cells)
        for label, note, cells in zip(
            _texts(table.columns, "model"), _texts(table.columns, "from"), _across(shown), strict=True
        )
    ][table.ours :]
    runs = [(row, record) for row in rows for record in row.records]
    of_runs = [column for column in table.runs if column.heading not in LINE]
    run_lines = [
        Line(row.label, row.model, (record,), "", cells)
        for (row, record), cells in zip(runs, _across(of_runs), strict=True)
    ]
    return ScoreTable(
        protocol,
        table.head[0],
        table.head[1:],
        table.comparison,
        [_heading(column) for column in shown],
        ours + reported,
        table.notes,
        [_heading(column) for column in of_runs],
        run_lines if len(runs) > len(rows) else [],
    )


def _across(columns: Sequence[Column]) -> list[list[Cell | None]]:
    """The cells line by line."""
    return [list(cells) for cells in zip(*(column.cells for column in columns), strict=True)]


def _texts(columns: Sequence[Column], heading: str) -> list[str]:
    return [str(cell or "") for column in columns if column.heading == heading for cell in column.cells]


def _heading(column: Column) -> Heading:
    title, _, note = column.heading.partition(", ")
    return Heading(title, note, any(isinstance(cell, Number) for cell in column.cells))


def _with_labels(column: Column, rows: Sequence[Row]) -> Column:
    """The column that names plain rows by their numbers, naming them by their labels; any other as it is."""
    if column.heading != PLAIN:
        return column
    return Column(
        PLAIN,
        [
            re.sub(r"^\d+", lambda match: rows[int(match[0]) - 1].label, cell) if isinstance(cell, str) else cell
            for cell in column.cells
        ],
    )
