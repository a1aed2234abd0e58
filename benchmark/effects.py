"""What the auxiliary cost changes: rows with it against rows that lack nothing else, paired by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from benchmark.ablation import ablations, control, title
from benchmark.record_form import BOUND_METRICS
from benchmark.row import Row, describe_ends
from benchmark.rows import rows_by_protocol
from benchmark.statistics import paired_differences

ELBO = BOUND_METRICS["elbo"]


class Effect(NamedTuple):
    """A row with the auxiliary cost against its control.

    Attributes:
        data: data set, source and protocol.
        row, plain: with the cost and without.
        numbers: of the two in their table.
        model: its title, as an ablation has it.
        name: of the model, or the row's label if another effect is of the same model and weights.
    """

    data: tuple[str, str, str]
    row: Row
    plain: Row
    numbers: tuple[int, int]
    model: str
    name: str

    @property
    def order(self) -> tuple[object, ...]:
        """By data and model, a constant KL weight first, then by weight."""
        first, last = self.row.ends("kl_weight")
        return self.data, self.model, first != last, first, last, self.largest_aux_weight

    @property
    def kl_weight(self) -> str:
        return describe_ends(self.row.ends("kl_weight"))

    @property
    def largest_aux_weight(self) -> float:
        return max(self.row.ends("aux_weight"))

    @property
    def aux_weight(self) -> str:
        """A weight that rises from 0, as is usual, is named by its end alone."""
        first, last = self.row.ends("aux_weight")
        return describe_ends((first or last, last))

    @property
    def seeds(self) -> list[int]:
        return list(self.differences(ELBO))

    def values(self, row: Row, metric: str) -> dict[int, float]:
        return row.values(self.data[-1], metric)

    def differences(self, metric: str) -> dict[int, float]:
        return paired_differences(self.values(self.row, metric), self.values(self.plain, metric))

    def pairs(self, metric: str) -> dict[int, tuple[float, float]]:
        """The metric without the cost and with it, by each seed that has both."""
        without, values = self.values(self.plain, metric), self.values(self.row, metric)
        return {seed: (without[seed], values[seed]) for seed in self.differences(metric)}


def effects_of(rows: Sequence[Row]) -> list[Effect]:
    """The effects that rows of one data set and source show."""
    found = []
    for data, alike in rows_by_protocol(rows).items():
        labels = [row.label for row in rows if data[-1] in row.protocols]
        models = {row.label: ablation.title for ablation in ablations(alike) for row in ablation.rows.values()}
        for row in alike:
            plain = control(row, alike) if row.has_auxiliary_cost else None
            if plain is not None:
                numbers = labels.index(row.label) + 1, labels.index(plain.label) + 1
                model = models.get(row.label, title(row))
                found.append(Effect(data, row, plain, numbers, model, name=model))
    found = [effect for effect in found if effect.seeds]
    places = Counter(effect.order for effect in found)
    named = (effect._replace(name=effect.row.label) if places[effect.order] > 1 else effect for effect in found)
    return sorted(named, key=attrgetter("order"))
