"""Rows that differ in nothing but the weights of the auxiliary cost and of the KL term."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from benchmark.rows import Row
from benchmark.statistics import paired_differences

NAMES = ("experiment.name", "experiment.label")
SCHEDULES = ("Objective.aux_weight", "Objective.kl_weight")
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
        first, last = row.weights["first"], row.weights["last"]
        cell = last["aux_weight"], (first["kl_weight"], last["kl_weight"])
        cells = next((cells for cells in found if cell not in cells or _bound(cells[cell]) == _bound(row)), None)
        if cells is None:
            found.append({cell: row})
        elif cell not in cells or len(cells[cell].seeds) < len(row.seeds):  # one experiment may have two labels
            cells[cell] = row
    return found


def _bound(row: Row) -> dict[str, str]:
    return {name: value for name, value in row.settings.items() if name not in NAMES}


def effects(ablation: Ablation, kl_weight: Ends, protocol: str, metric: str) -> dict[float, dict[int, float]]:
    """What each auxiliary weight changes a test metric by, against weight 0: differences by seed that both have."""
    rows = ablation.over_aux_weight(kl_weight)
    if 0.0 not in rows:
        return {}
    plain = rows.pop(0.0).values(protocol, metric)
    differences = {weight: paired_differences(row.values(protocol, metric), plain) for weight, row in rows.items()}
    return {weight: by_seed for weight, by_seed in differences.items() if by_seed}


def describe_kl_weight(ends: Ends) -> str:
    """Such as 'KL weight 1' and 'KL weight 0.2 to 1'."""
    return f"KL weight {ends[0]:g}" + (f" to {ends[1]:g}" if ends[0] != ends[1] else "")


def _what_stays(row: Row) -> tuple[object, ...]:
    """All that two rows of an ablation have in common: the data, the environment, the bindings but the two weights'.

    A model that takes the auxiliary cost as an addition has a network for it, and perhaps a backward network, which the
    weight of the backward reconstruction trains; without the cost it has neither.
    """
    settings = row.settings
    addition = f"{row.model}.auxiliary"
    added = (addition, "Objective.backward_weight") if addition in settings else ()
    free = set(NAMES).union(*(_reached(settings, name) for name in (*SCHEDULES, *added)))
    record = row.records[0]
    environment = tuple(record["environment"].get(name) for name in ("version", "torch", "device_kind"))
    kept = frozenset((name, value) for name, value in settings.items() if name not in free)
    return row.model, row.head, record["dataset"]["fingerprint"], environment, kept


def _reached(settings: dict[str, str], start: str) -> set[str]:
    """The bindings that decide the value of one: of what it references, and macros that nothing else uses."""
    reached, waiting = {start}, [start]
    while waiting:
        for kind, name in re.findall(r"([@%])([\w./]+)", settings.get(waiting.pop(), "")):
            names = [name] if kind == "%" else [other for other in settings if other.startswith(f"{name}.")]
            waiting += [other for other in names if other in settings and other not in reached]
            reached.update(waiting)
    others = " ".join(value for name, value in settings.items() if name not in reached)
    return {name for name in reached if "." in name or not re.search(rf"%{re.escape(name)}\b", others)}


def _title(row: Row) -> str:
    """The label without the weights that are ablated."""
    label = str(row.records[0]["label"])
    return re.sub(r" \+ (kla|aux)(, aux)?$", "", label)
