"""Tables as CSV: a line for each number at full precision, with everything that says where it comes from."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.later import file_of_metric
from benchmark.published import comparable_in_a_word, comparable_rows, reported_bound, reported_number, source
from benchmark.row import Row
from benchmark.tables.contents import of_protocol
from benchmark.tables.plain import plain_row
from benchmark.tables.quantities import LIKELIHOODS, bound_in, metric_kind, numeric

FIELDS = (
    *("origin", "row", "label", "plain_row", "dataset", "source", "protocol", "split", "seed"),
    *("metric", "value", "unit", "bound", "sequences", "model", "head", "parameters"),
    *("kl_weight_first", "kl_weight_last", "aux_weight_first", "aux_weight_last"),
    *("backward_weight_first", "backward_weight_last"),
    *("run_id", "record", "commit", "version", "config_sha256", "gin_files", "overrides", "data_fingerprint"),
    *("reference", "comparable"),
)


def tidy(rows: Sequence[Row], protocol: str) -> str:
    """Our numbers by row, metric and seed, then the reported ones."""
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
            **{f"{name}_{end}": value for end, weights in row.weights.items() for name, value in weights.items()},
        }
        for record in row.records:
            metrics = record["results"]["test"].get(protocol, {})
            for metric, value in numeric(metrics).items():
                unit, bound = metric_kind(metric, metrics["bound"])
                of_metric = {"metric": metric, "value": repr(value), "unit": unit, "bound": bound}
                of_metric["record"] = file_of_metric(metric, record["run_id"])
                yield of_row | _of_run(record) | of_metric | {"sequences": metrics["sequences"]}


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
    for reported in comparable_rows(record):
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
            "comparable": comparable_in_a_word(record),
        }
