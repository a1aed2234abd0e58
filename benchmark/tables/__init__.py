"""Tables, from records: python -m benchmark.tables"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.effects import effects_of
from benchmark.files import write_atomically
from benchmark.later import with_later
from benchmark.records import chosen_records
from benchmark.row import Row
from benchmark.rows import group_rows
from benchmark.tables.auxiliary_cost import NAME, effect_lines, effect_table
from benchmark.tables.contents import protocol_table
from benchmark.tables.latex import latex
from benchmark.tables.markdown import markdown
from benchmark.tables.overview import overview_table
from benchmark.tables.run_table import comparison_table
from benchmark.tables.tidy import tidy

OURS = re.compile(rf"({NAME}|.+_(full|sample|embedded)_.+)\.(md|tex|csv)")

__all__ = ["all_tables", "comparison_table", "main", "overview_table", "write_tables"]


def all_tables(records: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Every table of the records, by file name: for each data set, source and protocol .md, .tex and .csv, likewise of
    what the auxiliary cost changes, and an overview."""
    groups: dict[tuple[str, str], list[Row]] = {}
    rows = group_rows(records)
    for row in rows:
        groups.setdefault((row.dataset, row.source), []).append(row)
    texts = {}
    for group in groups.values():
        for protocol in dict.fromkeys(protocol for row in group for protocol in row.protocols):
            scored = [row for row in group if protocol in row.protocols]
            table = protocol_table(scored, protocol)
            texts[f"{table.name}.md"] = markdown(table)
            texts[f"{table.name}.tex"] = latex(table)
            texts[f"{table.name}.csv"] = tidy(scored, protocol)
    effects = [effect for group in groups.values() for effect in effects_of(group)]
    if effects:
        table = effect_table(effects)
        texts |= {
            f"{table.name}.md": markdown(table),
            f"{table.name}.tex": latex(table),
            f"{table.name}.csv": effect_lines(effects),
        }
    return texts | {"overview.md": overview_table(rows)}


def write_tables(out: Path, records: Iterable[dict[str, Any]]) -> list[Path]:
    """Writes every table into the results folder `out`, and removes those that earlier records gave."""
    folder = out / "tables"
    texts = all_tables(with_later(out, records))
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    for path in folder.iterdir():
        if OURS.fullmatch(path.name) and path.name not in texts:
            path.unlink()
    return [folder / name for name in texts]


def main(arguments: list[str] | None = None) -> None:
    description = (
        "Writes a table of the records of each data set, source and protocol, beside the reported numbers, as "
        "Markdown, LaTeX and CSV, one of what the auxiliary cost changes, and an overview of all."
    )
    out, records = chosen_records("python -m benchmark.tables", description, arguments)
    for path in write_tables(out, records):
        print(path)
