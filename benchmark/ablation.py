"""Rows that differ in nothing but the weights of the auxiliary cost and of the KL term."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from benchmark.row import Row
from benchmark.row_labels import labels_apart

Ends = tuple[float, float]


@dataclass(frozen=True)
class Ablation:
    """One model in one configuration under several weights.

    Attributes:
        title: of the model, and what else tells it apart from another ablation of the same.
        rows: by the largest weight of the auxiliary cost, and the weight of the KL term at the first update and where
            it ends.
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
    """What `rows` of one data set and source ablate: models with the auxiliary cost, and the same without it."""
    families: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        families.setdefault(_what_stays(row), []).append(row)
    found = [
        cells
        for family in families.values()
        for alike in _at_one_pace([row for row in family if row.has_auxiliary_cost])
        for cells in [alike | _controls(alike, family)]
        if len({aux_weight for aux_weight, _ in cells}) > 1
    ]
    titles = _titles([next(iter(cells.values())) for cells in found])
    return [Ablation(name, cells) for name, cells in zip(titles, found, strict=True)]


def _titles(rows: list[Row]) -> list[str]:
    """Of the models of these rows, with what tells apart several of one title beside the weights that are ablated."""
    ablated = {"aux_weight": 0.0, "kl_weight": 1.0}
    bare = [
        replace(row, label=title(row), weights={when: weights | ablated for when, weights in row.weights.items()})
        for row in rows
    ]
    titles: dict[int, str] = {}
    for name in {row.label for row in bare}:
        alike = [number for number, row in enumerate(bare) if row.label == name]
        titles |= zip(alike, labels_apart([bare[number] for number in alike]), strict=True)
    return [titles[number] for number in range(len(rows))]


def control(row: Row, rows: Iterable[Row]) -> Row | None:
    """The row that lacks the auxiliary cost of `row` and differs in nothing else, as far as `rows` have it.

    The KL weight moves alike. Of several, one whose backward network is trained alike, then the one of most seeds: a
    model to which the cost brings a backward network may also be without both.
    """
    return nearest(
        row,
        (
            other
            for other in rows
            if not other.has_auxiliary_cost
            and _what_stays(other) == _what_stays(row)
            and other.ends("kl_weight") == row.ends("kl_weight")
            and other.pace("kl_weight") == row.pace("kl_weight")
        ),
    )


def nearest(row: Row, others: Iterable[Row]) -> Row | None:
    """Of several rows to hold a row against, the one to take."""

    def distance(other: Row) -> tuple[bool, bool, int]:
        alike = other.ends("backward_weight") == row.ends("backward_weight")
        return not alike, other is not row, -len(set(other.seeds) & set(row.seeds))

    return min(others, key=distance, default=None)


def _at_one_pace(rows: list[Row]) -> list[dict[tuple[float, Ends], Row]]:
    """The rows by their weights; those that reach the same weights at another pace are in a further mapping."""
    paces: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        paces.setdefault((row.ends("aux_weight")[0], row.pace("aux_weight"), row.ends("backward_weight")), []).append(
            row
        )
    found: list[dict[tuple[float, Ends], Row]] = []
    for alike in paces.values():
        of_pace: list[dict[tuple[float, Ends], Row]] = []
        for row in alike:
            cell = max(row.ends("aux_weight")), row.ends("kl_weight")
            cells = next((cells for cells in of_pace if _fits(row, cells)), None)
            if cells is None:
                of_pace.append({cell: row})
            elif cell not in cells or len(cells[cell].seeds) < len(row.seeds):  # one experiment may have two labels
                cells[cell] = row
        found += of_pace
    return found


def _fits(row: Row, cells: dict[tuple[float, Ends], Row]) -> bool:
    """Whether the KL weight of the row moves as in those of the rows that have the same."""
    others = (other for (_, kl_weight), other in cells.items() if kl_weight == row.ends("kl_weight"))
    return all(other.pace("kl_weight") == row.pace("kl_weight") for other in others)


def _controls(cells: dict[tuple[float, Ends], Row], family: list[Row]) -> dict[tuple[float, Ends], Row]:
    """The rows without the auxiliary cost that these are held against."""
    found = {kl_weight: control(row, family) for (_, kl_weight), row in cells.items()}
    return {(0.0, kl_weight): row for kl_weight, row in found.items() if row is not None}


def _what_stays(row: Row) -> tuple[object, ...]:
    """All that two rows of an ablation have in common: the data, the environment, the bindings but the two weights'.

    A model that takes the auxiliary cost as an addition has a network for it, and perhaps a backward network, which the
    weight of the backward reconstruction trains; without the cost it has neither.
    """
    addition = f"{row.model}.auxiliary"
    added = (addition, "Objective.backward_weight") if addition in row.settings else ()
    kept = row.settings_beside("Objective.aux_weight", "Objective.kl_weight", *added)
    return row.model, row.head, frozenset(row.surroundings.items()), frozenset(kept.items())


def title(row: Row) -> str:
    """Of the model: the label without the weights that are ablated."""
    label = str(row.records[0]["label"])
    return re.sub(r" \+ (kla|aux)(, aux)?$", "", label)
