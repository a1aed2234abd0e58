"""Which row another is held against: the same model without auxiliary cost and annealing."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.ablation import nearest
from benchmark.row import Row


def plain_row(row: Row, rows: Sequence[Row]) -> Row | None:
    """The row that shows what the objective's weights change, which may be the row itself; None if there is none.

    Of the rows with the same model, data and settings but for the objective's weights it is the one without auxiliary
    cost whose KL weight is 1 throughout; if there is none, the one without auxiliary cost whose KL weight moves as the
    row's own. A model without latents has none.
    """
    if not _has_latents(row):
        return None
    alike = [other for other in rows if _foundation(other) == _foundation(row) and not other.has_auxiliary_cost]
    plain = [other for other in alike if other.ends("kl_weight") == (1.0, 1.0)]
    annealed_alike = [other for other in alike if _kl_weight(other) == _kl_weight(row)]
    return nearest(row, plain or annealed_alike)


def is_fully_plain(row: Row) -> bool:
    """Whether the KL weight is 1 throughout and there is no auxiliary cost."""
    return row.ends("kl_weight") == (1.0, 1.0) and not row.has_auxiliary_cost


def _has_latents(row: Row) -> bool:
    return any("elbo_nats_per_seq" in metrics for metrics in row.records[0]["results"]["test"].values())


def _foundation(row: Row) -> tuple[object, ...]:
    """Model, data, environment and all settings but the objective's."""
    return row.dataset, row.model, row.head, row.surroundings, row.settings_beside_the_objective


def _kl_weight(row: Row) -> tuple[object, ...]:
    return row.ends("kl_weight"), row.pace("kl_weight")
