"""Tables as LaTeX, to be \\input into a document that loads booktabs, graphicx and longtable."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmark.tables.auxiliary_cost import OF_LATENTS, headings
from benchmark.tables.columns import Cell, Column, Number
from benchmark.tables.contents import KL_CHANGE, Table
from benchmark.tables.quantities import DIAGNOSTICS, KL, LIKELIHOODS, TEST_SET

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
IDENTIFIER = re.compile(r"[\w-]+-seed\d+-[0-9a-f]+|[0-9a-f]{12}\+?")  # of a run, a commit
WHICH = ("row", "model", "KL weight", "auxiliary weight")  # the row that a line is about
LATENTS = (
    KL_CHANGE.heading,
    *(kind.heading for kind in DIAGNOSTICS.values() if kind is not TEST_SET),
    *(heading for kind in OF_LATENTS.values() for heading in headings(kind)),
)
OF_A_RUN = ("row", "seed", "cost", KL.heading, "run", "commit")


def latex(table: Table) -> str:
    """The table, one of the latents, what has to be known to read them, and a long one of the runs."""
    notes = [rf"[{index}] {escape(note)}" for index, note in enumerate(table.notes, 1)]
    below = [escape(text) for text in (*table.head, table.comparison) if text] + notes
    return "\n".join(
        [
            "% For a document that loads booktabs, graphicx and longtable.",
            *_float(
                table.title, table.name, [column for column in table.columns if column.heading not in LATENTS], table
            ),
            *_latents(table),
            r"{\footnotesize\sloppy",
            "\n\n".join(below),
            r"\par}",
            *_runs(table),
            "",
        ]
    )


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _float(title: str, name: str, shown: Sequence[Column], table: Table) -> list[str]:
    return [
        r"\begin{table}",
        rf"\caption{{{escape(title)}}}",
        rf"\label{{tab:{name}}}",
        r"\footnotesize",
        *_tabular(shown, table.ours),
        r"\end{table}",
    ]


def _latents(table: Table) -> list[str]:
    """What is known of the latents of our rows, in a table of its own; one would be too wide."""
    columns = [column for column in table.columns if column.heading in (*WHICH, *LATENTS)]
    if not any(column.heading in LATENTS for column in columns):
        return []
    ours = [Column(heading, cells[: table.ours]) for heading, cells in columns]
    return _float(f"{table.title}: latents", f"{table.name}_latents", ours, table)


def _tabular(columns: Sequence[Column], ours: int) -> list[str]:
    """Our rows above the reported ones, made smaller if they are wider than a line."""
    lines = _lines(columns)
    reported = [r"\midrule", *lines[ours:]] if lines[ours:] else []
    return [
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{_alignment(columns)}}}",
        r"\toprule",
        _headings(columns),
        r"\midrule",
        *lines[:ours],
        *reported,
        r"\bottomrule",
        r"\end{tabular}}",
    ]


def _runs(table: Table) -> list[str]:
    """Seed by seed the likelihood in the first unit, the KL, run and commit; a page has no room for more."""
    units = [name for name, _ in LIKELIHOODS.values()]
    unit = next((name for name in units if any(_unit(column) == name for column in table.runs)), "")
    kept = [
        column for column in table.runs if column.heading in OF_A_RUN or (_numeric(column) and _unit(column) == unit)
    ]
    return [
        r"{\scriptsize\setlength{\tabcolsep}{2pt}",
        rf"\begin{{longtable}}{{{_alignment(kept)}}}",
        rf"\caption{{Runs of table~\ref{{tab:{table.name}}}; the record of a run is records/run.json}}\\",
        r"\toprule",
        _headings(kept),
        r"\midrule",
        r"\endhead",
        *_lines(kept),
        r"\bottomrule",
        r"\end{longtable}",
        "}",
    ]


def _unit(column: Column) -> str:
    """The unit of a column of likelihoods."""
    kinds = {cell.kind for cell in column.cells if isinstance(cell, Number)}
    return next((kind.unit for kind in kinds if kind.bound), "")


def _alignment(columns: Sequence[Column]) -> str:
    return "".join("r" if _numeric(column) else "l" for column in columns)


def _numeric(column: Column) -> bool:
    return any(isinstance(cell, Number) for cell in column.cells)


def _headings(columns: Sequence[Column]) -> str:
    """The parts of a heading below each other, so that columns are narrow."""
    parts = [escape(column.heading).replace(", ", r"\\") for column in columns]
    return _joined([rf"\shortstack{{{text}}}" for text in parts])


def _lines(columns: Sequence[Column]) -> list[str]:
    return [_joined(line) for line in zip(*([_text(cell) for cell in column.cells] for column in columns), strict=True)]


def _joined(cells: Sequence[str]) -> str:
    # A first cell in brackets would be read as an argument of the \\ before it.
    return rf"{{}}{' & '.join(cells)} \\"


def _text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return rf"\texttt{{{escape(cell)}}}" if IDENTIFIER.fullmatch(cell) else escape(cell)
    half_width = rf" \pm {cell.half_width_text}" if cell.half_width_text else ""
    text = f"{cell.mean_text}{half_width}"
    shown = rf"$\mathbf{{{text}}}$" if cell.clear else f"${text}$"
    return shown + escape(cell.suffix)
