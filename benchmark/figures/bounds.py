"""What a row's likelihood is: a lower bound or exact, and how axes say so."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.row import Row

UNIT = "nats per sequence"


def bound_name(rows: Iterable[Row]) -> str:
    """What is on an axis that shows these rows."""
    kinds = {row.is_exact for row in rows}
    if kinds == {True}:
        return "exact log-likelihood"
    return "ELBO, a lower bound" if kinds == {False} else "ELBO, a lower bound (dashed: exact log-likelihood)"
