"""One self-contained HTML page from the records of a results folder.

The page needs no network and no other file: its style, its script, its figures and its sounds are inside it.
"""

from __future__ import annotations

from benchmark.files import write_atomically
from benchmark.records import chosen_records
from benchmark.report.page import build_page


def main(arguments: list[str] | None = None) -> None:
    description = (
        "Writes one HTML page, DIR/report.html, of all recorded runs: tables, figures, samples, and every run."
    )
    out, records = chosen_records("python -m benchmark.report", description, arguments)
    path = out / "report.html"
    write_atomically(path, build_page(out, records).encode())
    print(path)
