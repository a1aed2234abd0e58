"""What the auxiliary cost changes: rows that differ in its weight alone, paired by seed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from benchmark.ablation import ablations
from benchmark.row import Row, describe_ends
from benchmark.statistics import paired_differences, t_interval
from benchmark.tables.columns import LOWER, Cell, Kind, Line, columns, number
from benchmark.tables.contents import Table, short_commit
from benchmark.tables.quantities import BOUND_METRICS, KL

NAME = "auxiliary_cost"
METRICS = {BOUND_METRICS["elbo"]: Kind("ELBO", "nats/seq", LOWER), "kl_nats_per_seq": KL}
LEGEND = (
    "What the auxiliary cost of this weight changes on the test split, by the default protocol of the data: the mean "
    "over n seeds of the difference to the same model, data, KL weight and seed with an auxiliary weight of 0, ± half "
    "the width of its 95 % interval of Student's t, bold if the interval leaves out zero; beside it the mean without "
    "the cost. The interval is of training again with another seed, on the same test sequences; where the cost changes "
    "nothing, one in twenty leaves out zero by chance. Rows: those of the table of the data set, with the cost and "
    "without it."
)
FIELDS = (
    *("row", "data", "model", "kl_weight", "auxiliary_weight", "seed", "metric", "unit"),
    *("without", "with", "difference", "run_id_without", "run_id", "commit"),
)


class Effect(NamedTuple):
    """One auxiliary weight against none.

    Attributes:
        data: data set, source and protocol.
        model: its title.
        kl_weight: at the first update, and where it ends.
        aux_weight: its largest.
        row, plain: with the cost and without.
        numbers: of the two in their table.
    """

    data: tuple[str, str, str]
    model: str
    kl_weight: tuple[float, float]
    aux_weight: float
    row: Row
    plain: Row
    numbers: tuple[int, int]

    def values(self, row: Row, metric: str) -> dict[int, float]:
        return row.values(self.data[-1], metric)

    def differences(self, metric: str) -> dict[int, float]:
        return paired_differences(self.values(self.row, metric), self.values(self.plain, metric))


def effects_of(rows: Sequence[Row]) -> Iterator[Effect]:
    """The effects that rows of one data set and source show, in the order of models and weights."""
    protocol = rows[0].protocols[0]
    labels = [row.label for row in rows if protocol in row.protocols]
    for model in ablations(list(rows)):
        for kl_weight in model.kl_weights:
            by_weight = model.over_aux_weight(kl_weight)
            plain = by_weight.pop(0.0, None)
            for aux_weight, row in by_weight.items() if plain else ():
                assert plain is not None
                numbers = labels.index(row.label) + 1, labels.index(plain.label) + 1
                data = row.dataset, row.source, protocol
                effect = Effect(data, model.title, kl_weight, aux_weight, row, plain, numbers)
                if effect.differences(BOUND_METRICS["elbo"]):
                    yield effect


def effect_table(effects: Sequence[Effect]) -> Table:
    """All effects below each other."""
    lines = [{"row": str(index), **_line(effect)} for index, effect in enumerate(effects, 1)]
    runs = [{"row": str(index), **line} for index, effect in enumerate(effects, 1) for line in _run_lines(effect)]
    return Table(NAME, "What the auxiliary cost changes", [LEGEND], columns(lines), len(lines), runs=columns(runs))


def effect_lines(effects: Sequence[Effect]) -> str:
    """The same as CSV: a line for each effect, seed and metric, at full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    for index, effect in enumerate(effects, 1):
        for metric, kind in METRICS.items():
            plain, values = effect.values(effect.plain, metric), effect.values(effect.row, metric)
            for seed, difference in effect.differences(metric).items():
                run, other = _run(effect.row, seed), _run(effect.plain, seed)
                cells = (
                    *(index, " ".join(effect.data), effect.model, describe_ends(effect.kl_weight), effect.aux_weight),
                    *(seed, metric, kind.unit, plain[seed], values[seed], difference),
                    *(other["run_id"], run["run_id"], run["environment"]["commit"]),
                )
                writer.writerow(dict(zip(FIELDS, cells, strict=True)))
    return text.getvalue()


def _line(effect: Effect) -> Line:
    line: dict[str, Cell] = {
        "data": ", ".join(effect.data),
        "model": effect.model,
        "KL weight": describe_ends(effect.kl_weight),
        "auxiliary weight": _rising(effect.row.ends("aux_weight")),
    }
    for metric, kind in METRICS.items():
        differences = effect.differences(metric)
        without = number(kind, t_interval(effect.values(effect.plain, metric)[seed] for seed in differences))
        change = t_interval(differences.values())
        changed = number(_change(kind), change, clear=change.excludes_zero)
        line |= {f"{kind.name} without, {kind.unit}": without, _change(kind).heading: changed}
    shared = effect.differences(BOUND_METRICS["elbo"])
    return line | {"n": str(len(shared)), "rows": "{} against {}".format(*effect.numbers)}


def _run_lines(effect: Effect) -> Iterator[Line]:
    by_metric = {kind: effect.differences(metric) for metric, kind in METRICS.items()}
    for seed in effect.differences(BOUND_METRICS["elbo"]):
        run, other = _run(effect.row, seed), _run(effect.plain, seed)
        line: dict[str, Cell] = {"seed": str(seed)}
        for kind, by_seed in by_metric.items():
            line[_change(kind).heading] = number(_change(kind), t_interval([by_seed[seed]]))
        commit = short_commit(run["environment"]["commit"])
        yield line | {"run": run["run_id"], "without": other["run_id"], "commit": commit}


def _rising(ends: tuple[float, float]) -> str:
    """A weight that rises from 0, as is usual, by its end alone."""
    return describe_ends(ends if ends[0] else (ends[1], ends[1]))


def _change(kind: Kind) -> Kind:
    return Kind(f"change of {kind.name}", kind.unit, form="+.1f")


def _run(row: Row, seed: int) -> dict[str, Any]:
    return next(record for record in row.records if record["seed"] == seed)
