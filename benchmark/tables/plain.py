"""Which row another is held against: the same model without auxiliary cost and annealing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmark.rows import Row

# Settings of the objective, and names; all others have to agree.
OF_THE_OBJECTIVE = re.compile(
    r"aux|anneal|kl_|Objective|reconstruction|backward_weight|\b(Linear|Constant)\.|experiment\.(name|label)",
    re.IGNORECASE,
)


def plain_row(row: Row, rows: Sequence[Row]) -> Row | None:
    """The row that shows what the objective's weights change, which may be the row itself; None if there is none.

    Of the rows with the same model, data and settings but for the objective's weights it is the one without auxiliary
    cost whose KL weight is 1 throughout; if there is none, the one without auxiliary cost whose KL weight moves as the
    row's own. A model without latents has none.
    """
    if not _has_latents(row):
        return None
    alike = [other for other in rows if _foundation(other) == _foundation(row) and not _auxiliary(other)]
    annealed_alike = [other for other in alike if _kl_weights(other) == _kl_weights(row)]
    candidates = [other for other in alike if _kl_weights(other) == (1.0, 1.0)] or annealed_alike
    # A backward network may be trained without the auxiliary cost; the row that weighs it alike tells more.
    return min(candidates, key=lambda other: (_backward(other) != _backward(row), other is not row), default=None)


def is_fully_plain(row: Row) -> bool:
    """Whether the KL weight is 1 throughout and there is no auxiliary cost."""
    return _kl_weights(row) == (1.0, 1.0) and not _auxiliary(row)


def _has_latents(row: Row) -> bool:
    return any("elbo_nats_per_seq" in metrics for metrics in row.records[0]["results"]["test"].values())


def _foundation(row: Row) -> tuple[object, ...]:
    """Model, data, environment and all settings but the objective's."""
    record = row.records[0]
    kept = {name: value for name, value in row.settings.items() if not OF_THE_OBJECTIVE.search(name)}
    environment = tuple(record["environment"].get(name) for name in ("version", "torch", "device_kind"))
    return row.dataset, record["dataset"]["fingerprint"], row.model, row.head, sorted(kept.items()), environment


def _kl_weights(row: Row) -> tuple[float, float]:
    return row.weights["first"]["kl_weight"], row.weights["last"]["kl_weight"]


def _auxiliary(row: Row) -> bool:
    return any(weights["aux_weight"] for weights in row.weights.values())


def _backward(row: Row) -> tuple[float, float]:
    return row.weights["first"]["backward_weight"], row.weights["last"]["backward_weight"]
