"""What a run prints at its end."""

from __future__ import annotations

from typing import Any

from benchmark.published import comparability
from benchmark.rows import group_rows
from benchmark.tables.columns import columns
from benchmark.tables.contents import COMPARABLE, legends, numbered_lines, order, reported_lines, sequence_in_words
from benchmark.tables.markdown import grid

LEFT_OUT = ("row", "plain row", "n")  # of a table of several rows


def comparison_table(record: dict[str, Any]) -> str:
    """A run's test numbers above the reported ones, and whether they may be compared, as Markdown."""
    dataset, results = record["dataset"], record["results"]["test"]
    (row,) = group_rows([record])
    ours = [
        {heading: cell for heading, cell in line.items() if heading not in LEFT_OUT}
        | {"model": f"{row.label} (this run)", "protocol": protocol, "from": f"seed {record['seed']}"}
        for protocol in results
        for _, line in numbered_lines([row], protocol)
    ]
    theirs, notes = reported_lines(record)
    grids = grid(columns([*ours, *theirs], [*order([*ours, *theirs]), "protocol", "from", COMPARABLE]))
    counts = "; ".join(
        f"{protocol}, sequences: {metrics['sequences']:,}, each {sequence_in_words(protocol)}"
        for protocol, metrics in results.items()
    )
    return "\n\n".join(
        [
            f"Test split of {dataset['name']}: {dataset['description']}.\n{counts}.",
            "\n".join(legends(ours)),
            grids,
            "\n".join(f"[{index}] {note}" for index, note in enumerate(notes, 1)),
            comparability(record),
        ]
    )
