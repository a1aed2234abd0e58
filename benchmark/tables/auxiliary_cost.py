"""What the auxiliary cost changes, as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.effects import ELBO, Effect
from benchmark.later import PROBED
from benchmark.row import Row
from benchmark.statistics import t_interval
from benchmark.tables.columns import LOWER, Cell, Kind, Line, columns, number
from benchmark.tables.contents import IN_USE, PHONES, Table, configuration, short_commit, unreached
from benchmark.tables.quantities import DIAGNOSTICS, KL, fewer
from benchmark.tables.tidy import config_sha256

NAME = "auxiliary_cost"
OF_LATENTS = {
    metric: DIAGNOSTICS[metric] for metric in ("active_units", "mutual_information_nats", f"{PROBED}_from_latents")
}
METRICS = {ELBO: Kind("ELBO", "nats/seq", LOWER), "kl_nats_per_seq": KL, **OF_LATENTS}
LEGEND = (
    "What the auxiliary cost of this weight changes on the test split, by the default protocol of the data: the mean "
    "over the seeds of the difference to the same model, data, KL weight and seed without the cost, ± half the width "
    "of its 95 % interval of Student's t, bold if the interval leaves out zero; beside it the mean without the cost. "
    "The interval is of training again with another seed, on the same test sequences; where the cost changes nothing, "
    "one in twenty leaves out zero by chance."
)
ROWS = "rows: those of the table of the data set, with the cost and without it."
FIELDS = (
    *("row", "dataset", "source", "protocol", "model", "kl_weight", "auxiliary_weight", "seed", "metric", "unit"),
    *("without", "with", "difference", "half_width", "n"),
    *("run_id_without", "commit_without", "config_sha256_without", "run_id", "commit", "config_sha256"),
)


def effect_table(effects: Sequence[Effect]) -> Table:
    """All effects below each other."""
    lines = [{"row": str(index), **_line(effect)} for index, effect in enumerate(effects, 1)]
    runs = [{"row": str(index), **line} for index, effect in enumerate(effects, 1) for line in _run_lines(effect)]
    shown = " ".join(heading for line in lines for heading in line)
    legends = [legend for name, legend in {"active": IN_USE, "phones": PHONES}.items() if name in shown]
    rows = [row for effect in effects for row in (effect.plain, effect.row)]
    head = [" ".join([LEGEND, *unreached(rows)]), *legends, ROWS]
    return Table(NAME, "What the auxiliary cost changes", head, columns(lines), len(lines), runs=columns(runs))


def effect_lines(effects: Sequence[Effect]) -> str:
    """The same as CSV: for each effect and metric the mean, then every seed, at full precision."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for index, effect in enumerate(effects, 1):
        first = dict(zip(("dataset", "source", "protocol"), effect.data, strict=True))
        first |= {"model": effect.name, "kl_weight": effect.kl_weight, "auxiliary_weight": effect.aux_weight}
        for metric, kind in METRICS.items():
            of_metric = {"row": index, **first, "metric": metric, "unit": kind.unit}
            writer.writerows(of_metric | line for line in _numbers(effect, metric))
    return text.getvalue()


def _numbers(effect: Effect, metric: str) -> Iterator[dict[str, Any]]:
    pairs = effect.pairs(metric)
    if not pairs:
        return
    without, values = (t_interval(side).mean for side in zip(*pairs.values(), strict=True))
    change = t_interval(effect.differences(metric).values())
    yield {
        **{"seed": "mean", "without": without, "with": values, "difference": change.mean, "n": len(pairs)},
        "half_width": "" if change.half_width is None else change.half_width,
    }
    for seed, (without, value) in pairs.items():
        line: dict[str, Any] = {"seed": seed, "without": without, "with": value, "difference": value - without}
        for row, suffix in ((effect.plain, "_without"), (effect.row, "")):
            run = _run(row, seed)
            line |= {
                f"run_id{suffix}": run["run_id"],
                f"commit{suffix}": run["environment"]["commit"],
                f"config_sha256{suffix}": config_sha256(run),
            }
        yield line


def _line(effect: Effect) -> Line:
    line: dict[str, Cell] = {
        "data": ", ".join(effect.data),
        "model": effect.name,
        "KL weight": effect.kl_weight,
        "auxiliary weight": effect.aux_weight,
    }
    for metric, kind in METRICS.items():
        pairs, differences = effect.pairs(metric), effect.differences(metric)
        if differences:
            count = fewer(len(pairs), effect.seeds)
            without = number(kind, t_interval(without for without, _ in pairs.values()), count)
            change = t_interval(differences.values())
            changed = number(_change(kind), change, count, change.excludes_zero)
            line |= dict(zip(headings(kind), (without, changed), strict=True))
    return line | {"n": str(len(effect.seeds)), "rows": "{} against {}".format(*effect.numbers)}


def _run_lines(effect: Effect) -> Iterator[Line]:
    """Every run, one without the cost below that with it."""
    for seed in effect.seeds:
        for row, which in ((effect.row, "with"), (effect.plain, "without")):
            run = _run(row, seed)
            line: dict[str, Cell] = {"seed": str(seed), "cost": which}
            for metric, kind in METRICS.items():
                values = effect.values(row, metric)
                if seed in values:
                    line[kind.heading] = number(kind, t_interval([values[seed]]))
            commit = short_commit(run["environment"]["commit"])
            yield line | {"run": run["run_id"], "commit": commit, "configuration": configuration(run)}


def headings(kind: Kind) -> tuple[str, str]:
    """Of the column of means without the cost, and of that of changes."""
    return f"{kind.name} without, {kind.unit}", _change(kind).heading


def _change(kind: Kind) -> Kind:
    single = f"+{kind.single}" if kind.single else ""
    return Kind(f"change of {kind.name}", kind.unit, form=f"+{kind.form}", single=single)


def _run(row: Row, seed: int) -> dict[str, Any]:
    return next(record for record in row.records if record["seed"] == seed)
