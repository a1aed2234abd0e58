"""Tables as CSV: a line for each number at full precision, with everything that says where it comes from."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.later import origin
from benchmark.published import comparable_in_a_word, reported_bound, reported_number, shown_rows, source
from benchmark.row import WEIGHTS, Row
from benchmark.statistics import Interval, paired_differences, t_interval
from benchmark.tables.contents import of_protocol
from benchmark.tables.plain import plain_row
from benchmark.tables.quantities import COUNT, LIKELIHOODS, bound_in, metric_kind, numeric

FIELDS = (
    *("origin", "row", "label", "plain_row", "dataset", "source", "protocol", "split", "seed"),
    *("metric", "value", "half_width", "n", "unit", "bound", "sequences", "model", "head", "parameters"),
    *("difference_to_plain", "difference_half_width", "difference_n"),
    *("kl_weight_first", "kl_weight_last", "aux_weight_first", "aux_weight_last"),
    *("backward_weight_first", "backward_weight_last"),
    *("run_id", "record", "commit", "version", "config_sha256", "gin_files", "overrides", "data_fingerprint"),
    *("reference", "comparable"),
)


def tidy(rows: Sequence[Row], protocol: str) -> str:
    """Our numbers by row, metric and seed, below them the means of each row, then the reported ones."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_ours(rows, protocol))
    writer.writerows(_theirs(rows[0], protocol))
    return text.getvalue()


def _ours(rows: Sequence[Row], protocol: str) -> Iterator[dict[str, Any]]:
    for index, row in enumerate(rows, 1):
        plain = plain_row(row, rows)
        of_row = {
            "origin": "ours",
            "row": index,
            "label": row.label,
            "plain_row": "" if plain is None else rows.index(plain) + 1,
            "dataset": row.dataset,
            "source": row.source,
            "protocol": protocol,
            "split": "test",
            "model": row.model,
            "head": row.head,
            **{f"{weight}_{end}": value for weight in WEIGHTS for end, value in _ends(row, weight).items()},
        }
        for record in row.records:
            metrics = record["results"]["test"].get(protocol, {})
            for metric, value in numeric(metrics).items():
                unit, bound = metric_kind(metric, metrics["bound"])
                of_metric = {"metric": metric, "value": repr(value), "unit": unit, "bound": bound}
                of_metric["record"], of_metric["commit"] = origin(record, metric)
                yield of_row | _of_run(record) | of_metric | {"sequences": metrics["sequences"]}
        for line in _means(row, plain, protocol):
            yield of_row | {"origin": "ours, mean"} | line


def _ends(row: Row, weight: str) -> dict[str, float]:
    return dict(zip(("first", "last"), row.ends(weight), strict=True))


def _means(row: Row, plain: Row | None, protocol: str) -> Iterator[dict[str, Any]]:
    """Means over seeds with their t intervals, and those of the differences to the plain row, paired by seed."""
    names = dict.fromkeys(
        name for record in row.records for name in numeric(record["results"]["test"].get(protocol, {}))
    )
    bound = next(iter(row.values(protocol, "bound").values()))
    for metric in names:
        unit, kind = metric_kind(metric, bound)
        if unit != COUNT:
            values = row.values(protocol, metric)
            yield {
                **{"metric": metric, "unit": unit, "bound": kind},
                **_interval(t_interval(values.values()), len(values), "value", "half_width", "n"),
                **_difference(values, {} if plain in (None, row) else plain.values(protocol, metric)),
            }


def _difference(values: dict[int, float], of_plain: dict[int, float]) -> dict[str, Any]:
    differences = paired_differences(values, of_plain)
    if not differences:
        return {}
    names = "difference_to_plain", "difference_half_width", "difference_n"
    return _interval(t_interval(differences.values()), len(differences), *names)


def _interval(interval: Interval, count: int, mean: str, half_width: str, n: str) -> dict[str, Any]:
    width = "" if interval.half_width is None else repr(interval.half_width)
    return {mean: repr(interval.mean), half_width: width, n: count}


def _of_run(record: dict[str, Any]) -> dict[str, Any]:
    """Where a run's numbers come from."""
    environment = record["environment"]
    return {
        "seed": record["seed"],
        "parameters": record["parameters"],
        "run_id": record["run_id"],
        "commit": environment["commit"],
        "version": environment["version"],
        "config_sha256": config_sha256(record),
        "gin_files": " ".join(record["gin_files"]),
        "overrides": "; ".join(record["overrides"]),
        "data_fingerprint": record["dataset"]["fingerprint"],
    }


def config_sha256(record: dict[str, Any]) -> str:
    return hashlib.sha256(record["config"].encode()).hexdigest()


def _theirs(row: Row, protocol: str) -> Iterator[dict[str, Any]]:
    record = of_protocol(row.records[0], protocol)
    for reported in shown_rows(record):
        metric, value = reported_number(reported)
        yield {
            "origin": "reported",
            "label": reported["model"],
            "dataset": reported["dataset"],
            "source": "full",
            "protocol": reported.get("protocol", "not stated"),
            "split": reported["split"],
            "metric": metric,
            "value": repr(value),
            "unit": LIKELIHOODS[metric][0],
            "bound": bound_in(metric, reported_bound(reported)),
            "sequences": reported.get("sequences", ""),
            "reference": source(reported),
            "comparable": comparable_in_a_word(record, reported),
        }
