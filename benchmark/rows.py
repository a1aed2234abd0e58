"""Rows of tables and figures: the records that differ in nothing but the seed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from benchmark.row import Row
from benchmark.row_labels import labels_apart


def group_rows(records: Iterable[dict[str, Any]]) -> list[Row]:
    """Rows by data set, source and label; rows that would share a label say in it what tells them apart."""
    same: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record in records:
        same.setdefault(_identity(record), []).append(record)
    shared: dict[tuple[str, str, str], list[Row]] = {}
    for group in same.values():
        row = _row(group)
        shared.setdefault((row.dataset, row.source, row.label), []).append(row)
    rows = [
        replace(row, label=label)
        for alike in shared.values()
        for row, label in zip(alike, labels_apart(alike), strict=True)
    ]
    return sorted(rows, key=lambda row: (row.dataset, row.source, _natural(row.label)))


def rows_by_protocol(rows: Iterable[Row]) -> dict[tuple[str, str, str], list[Row]]:
    """Rows by data set, source and default protocol: those that one figure or one comparison may hold."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.dataset, row.source, row.protocols[0]), []).append(row)
    return groups


def _identity(record: dict[str, Any]) -> tuple[str, ...]:
    """All that a run's id is made of but the seed; see `run_folder.run_id`."""
    environment = record["environment"]
    kept = [line for line in record["config"].splitlines() if not line.startswith("experiment.seed =")]
    return (
        record["dataset"]["name"],
        record["dataset"]["source"],
        record["dataset"]["fingerprint"],
        record["label"],
        "\n".join(kept),
        *(str(environment.get(name)) for name in ("version", "torch", "device_kind")),
    )


def _row(records: list[dict[str, Any]]) -> Row:
    ordered = sorted(records, key=lambda record: record["seed"])
    first = ordered[0]
    label = " ".join(first["label"].split())  # in one line, as tables need it
    dataset = first["dataset"]
    return Row(
        label,
        dataset["name"],
        dataset["source"],
        first["model"],
        first["head"],
        first["weights"],
        tuple(ordered),
    )


def _natural(label: str) -> list[tuple[int, float, str]]:
    """For sorting: numbers by size."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", label)
    return [(0, float(part), "") if index % 2 else (1, 0.0, part) for index, part in enumerate(parts)]
