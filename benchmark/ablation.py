"""Rows that differ in nothing but the weights of the auxiliary cost and of the KL term."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from benchmark.row import Row
from benchmark.statistics import paired_differences

Ends = tuple[float, float]


@dataclass(frozen=True)
class Ablation:
    """One model in one configuration under several weights.

    Attributes:
        title: of the model.
        rows: by the weight of the auxiliary cost where it ends, and the weight of the KL term at the first update and
            where it ends.
    """

    title: str
    rows: dict[tuple[float, Ends], Row]

    @cached_property
    def aux_weights(self) -> list[float]:
        return sorted({aux_weight for aux_weight, _ in self.rows})

    @cached_property
    def kl_weights(self) -> list[Ends]:
        """Constant ones first."""
        return sorted({kl_weight for _, kl_weight in self.rows}, key=lambda ends: (ends[0] != ends[1], ends))

    def over_aux_weight(self, kl_weight: Ends) -> dict[float, Row]:
        """The rows of one KL weight, by auxiliary weight."""
        return {weight: self.rows[weight, kl_weight] for weight in self.aux_weights if (weight, kl_weight) in self.rows}


def ablations(rows: list[Row]) -> list[Ablation]:
    """What `rows` of one data set and source ablate: the models that they have with several auxiliary weights."""
    alike: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(_what_stays(row), []).append(row)
    found = [
        (_title(group[0]), cells)
        for group in alike.values()
        for cells in _cells(group)
        if len({aux_weight for aux_weight, _ in cells}) > 1
    ]
    titles = [title for title, _ in found]
    return [
        Ablation(title if titles.count(title) == 1 else f"{title} ({titles[:number].count(title) + 1})", cells)
        for number, (title, cells) in enumerate(found)
    ]


def _cells(rows: list[Row]) -> list[dict[tuple[float, Ends], Row]]:
    """The rows by their weights; those that reach the same weights at another pace are in a further mapping."""
    found: list[dict[tuple[float, Ends], Row]] = []
    for row in rows:
        cell = row.ends("aux_weight")[1], row.ends("kl_weight")
        cells = next(
            (cells for cells in found if cell not in cells or cells[cell].settings_beside() == row.settings_beside()),
            None,
        )
        if cells is None:
            found.append({cell: row})
        elif cell not in cells or len(cells[cell].seeds) < len(row.seeds):  # one experiment may have two labels
            cells[cell] = row
    return found


def effects(ablation: Ablation, kl_weight: Ends, protocol: str, metric: str) -> dict[float, dict[int, float]]:
    """What each auxiliary weight changes a test metric by, against weight 0: differences by seed that both have."""
    rows = ablation.over_aux_weight(kl_weight)
    if 0.0 not in rows:
        return {}
    plain = rows.pop(0.0).values(protocol, metric)
    differences = {weight: paired_differences(row.values(protocol, metric), plain) for weight, row in rows.items()}
    return {weight: by_seed for weight, by_seed in differences.items() if by_seed}


def _what_stays(row: Row) -> tuple[object, ...]:
    """All that two rows of an ablation have in common: the data, the environment, the bindings but the two weights'.

    A model that takes the auxiliary cost as an addition has a network for it, and perhaps a backward network, which the
    weight of the backward reconstruction trains; without the cost it has neither.
    """
    addition = f"{row.model}.auxiliary"
    added = (addition, "Objective.backward_weight") if addition in row.settings else ()
    kept = row.settings_beside("Objective.aux_weight", "Objective.kl_weight", *added)
    return row.model, row.head, frozenset(row.surroundings.items()), frozenset(kept.items())


def _title(row: Row) -> str:
    """The label without the weights that are ablated."""
    label = str(row.records[0]["label"])
    return re.sub(r" \+ (kla|aux)(, aux)?$", "", label)
