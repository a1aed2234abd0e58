"""What a row's likelihood is: a lower bound or exact, and how axes say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmark.row import Row

UNIT = "nats per sequence"
METRICS = {"elbo": "elbo_nats_per_seq", "exact": "log_likelihood_nats_per_seq"}


def is_exact(row: Row) -> bool:
    """Whether the row's likelihoods are exact; else they are lower bounds."""
    return any(bound == "exact" for bound in row.values(row.protocols[0], "bound").values())


def bound_of(metrics: Mapping[str, Any]) -> float:
    """The bound, or the exact log-likelihood, in nats per sequence."""
    return float(metrics[METRICS[metrics["bound"]]])


def bound_values(row: Row, protocol: str) -> dict[int, float]:
    """The bound, or the exact log-likelihood, on the test split by seed."""
    return row.values(protocol, METRICS["exact" if is_exact(row) else "elbo"])


def bound_name(rows: Iterable[Row]) -> str:
    """What is on an axis that shows these rows."""
    kinds = {is_exact(row) for row in rows}
    if kinds == {True}:
        return "exact log-likelihood"
    return "ELBO, a lower bound" if kinds == {False} else "ELBO, a lower bound (dashed: exact log-likelihood)"
