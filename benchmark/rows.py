"""Rows of tables and figures: the records that differ in nothing but the seed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

MANY = 3  # more bindings than this are named by the gin files that make them


@dataclass(frozen=True)
class Row:
    """The runs of one configuration on the same data.

    Attributes:
        label: of the configuration; no other row of the data set and source has it.
        dataset, source: what it was trained and scored on.
        model, head: names of their classes.
        weights: of the objective, at the 'first' update and where they end ('last').
        records: of the runs, by seed, no two of one seed.
    """

    label: str
    dataset: str
    source: str
    model: str
    head: str
    weights: dict[str, dict[str, float]]
    records: tuple[dict[str, Any], ...]

    @property
    def seeds(self) -> list[int]:
        return [record["seed"] for record in self.records]

    @property
    def protocols(self) -> list[str]:
        """The protocols of the test split, the data set's default first."""
        return list(self.records[0]["results"]["test"])

    def values(self, protocol: str, metric: str, split: str = "test") -> dict[int, Any]:
        """A metric by seed, of the runs that have it."""
        results = {record["seed"]: record["results"].get(split, {}).get(protocol, {}) for record in self.records}
        return {seed: metrics[metric] for seed, metrics in results.items() if metric in metrics}

    @property
    def settings(self) -> dict[str, str]:
        """The bindings of the configuration, as written, without the seed."""
        return settings(self.records[0]["config"])


def group_rows(records: Iterable[dict[str, Any]]) -> list[Row]:
    """Rows by data set, source and label; rows that would share a label say in it what tells them apart."""
    same: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record in records:
        same.setdefault(_identity(record), []).append(record)
    shared: dict[tuple[str, str, str], list[Row]] = {}
    for group in same.values():
        row = _row(group)
        shared.setdefault((row.dataset, row.source, row.label), []).append(row)
    rows = [row for rows in shared.values() for row in _told_apart(rows)]
    return sorted(rows, key=lambda row: (row.dataset, row.source, _natural(row.label)))


def settings(config: str) -> dict[str, str]:
    """The bindings of a resolved configuration, as written, without the seed."""
    joined = config.replace("\\\n", "")  # gin breaks long values
    bindings = re.findall(r"^([\w./]+) =\s*(.*(?:\n[ \t]+.*)*)", joined, re.MULTILINE)
    return {name: " ".join(value.split()) for name, value in bindings if name != "experiment.seed"}


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
    dataset = first["dataset"]
    return Row(
        first["label"],
        dataset["name"],
        dataset["source"],
        first["model"],
        first["head"],
        first["weights"],
        tuple(ordered),
    )


def _told_apart(rows: list[Row]) -> list[Row]:
    """The rows, all of one label, with what tells them apart appended to it."""
    if len(rows) == 1:
        return rows
    marks = [_bindings(rows), _files(rows), _surroundings(rows)]
    for chosen in ([marks[0]], [marks[1]], [marks[0], marks[2]], marks):
        described = [", ".join(part for part in parts if part) for parts in zip(*chosen, strict=True)]
        if len(set(described)) == len(rows):
            break
    else:
        described = [row.records[0]["run_id"].rpartition("-")[2] for row in rows]
    labels = [f"{row.label}, {text}" if text else row.label for row, text in zip(rows, described, strict=True)]
    return [replace(row, label=label) for row, label in zip(rows, labels, strict=True)]


def _bindings(rows: list[Row]) -> list[str]:
    """What the configurations bind differently, in words; nothing if that is much."""
    names = _differing([row.settings for row in rows])
    if len(names) > MANY:
        return [""] * len(rows)
    return [", ".join(f"{_words(name)} {_value(row.settings.get(name))}" for name in names) for row in rows]


def _files(rows: list[Row]) -> list[str]:
    """The gin files and overrides that not all of the rows have."""
    parts = [
        [PurePath(file).stem for file in row.records[0]["gin_files"]]
        + [_override(text) for text in row.records[0]["overrides"] if not text.startswith("experiment.seed")]
        for row in rows
    ]
    common = set(parts[0]).intersection(*parts[1:])
    return [", ".join(part for part in own if part not in common) for own in parts]


def _surroundings(rows: list[Row]) -> list[str]:
    """The data and the environment, as far as they differ."""
    known = [
        {
            "data": row.records[0]["dataset"]["fingerprint"][:8],
            **{name: str(row.records[0]["environment"].get(name)) for name in ("version", "torch", "device_kind")},
        }
        for row in rows
    ]
    names = _differing(known)
    return [", ".join(f"{_words(name)} {own[name]}" for name in names) for own in known]


def _differing(mappings: list[dict[str, str]]) -> list[str]:
    """The names that do not have the same value in all mappings."""
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    return [name for name in names if len({mapping.get(name) for mapping in mappings}) > 1]


def _override(text: str) -> str:
    name, _, value = text.partition("=")
    return f"{_words(name.strip())} {_value(value.strip())}"


def _words(name: str) -> str:
    """A binding's name in words: 'auxiliary_weight' and 'Samples.count' are 'auxiliary weight' and 'Samples count'."""
    return re.sub(r"[._]", " ", name.removeprefix("experiment."))


def _value(value: str | None) -> str:
    return "unbound" if value is None else value.strip("'\"")


def _natural(label: str) -> list[tuple[int, float, str]]:
    """For sorting: numbers by size."""
    parts = re.split(r"(\d+(?:\.\d+)?(?:e-?\d+)?)", label)
    return [(0, float(part), "") if index % 2 else (1, 0.0, part) for index, part in enumerate(parts)]
