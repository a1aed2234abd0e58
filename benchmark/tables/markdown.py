"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from benchmark.tables.columns import Cell, Column
from benchmark.tables.contents import Table


def markdown(table: Table) -> str:
    """The table and its runs, as a page."""
    notes = [f"[{index}] {note}" for index, note in enumerate(table.notes, 1)]
    comparison = [f"**Reported numbers.** {table.comparison}"] if table.comparison else []
    runs = [
        "## Runs",
        "A run's record is `records/<run>.json` of the results folder; it holds the whole configuration.",
        grid(table.runs),
    ]
    return "\n\n".join([f"# {table.title}", *table.head, grid(table.columns), *comparison, *notes, *runs]) + "\n"


def grid(columns: Sequence[Column]) -> str:
    """The columns alone."""
    lines = zip(*([_text(cell) for cell in column.cells] for column in columns), strict=True)
    headings = [_escape(column.heading) for column in columns]
    return tabulate(list(lines), headings, tablefmt="pipe", disable_numparse=True)


def _text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _escape(cell)
    half_width = f" ± {cell.half_width_text}" if cell.half_width_text else ""
    text = f"{cell.mean_text}{half_width}{cell.suffix}"
    return f"**{text}**" if cell.clear else text


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*")
