"""Labels of rows: what tells those apart that would share one."""

from __future__ import annotations

import re
from pathlib import PurePath

from benchmark.row import WEIGHTS, Row, describe_ends

MANY = 3  # more bindings than this are named by the gin files that make them


def labels_apart(rows: list[Row]) -> list[str]:
    """The labels of rows that share one, with what tells the rows apart appended."""
    if len(rows) == 1:
        return [rows[0].label]
    weights, bindings, files, surroundings = _weights(rows), _bindings(rows), _files(rows), _surroundings(rows)
    for chosen in ([weights], [bindings], [files], [bindings, surroundings], [bindings, files, surroundings]):
        described = [", ".join(part for part in parts if part) for parts in zip(*chosen, strict=True)]
        if len(set(described)) == len(rows):
            break
    else:
        described = [row.records[0]["run_id"].rpartition("-")[2] for row in rows]
    return [f"{row.label}, {text}" if text else row.label for row, text in zip(rows, described, strict=True)]


def _weights(rows: list[Row]) -> list[str]:
    """The objective's weights that differ, and what else is bound differently; nothing if that is much."""
    others = [row.settings_beside_the_objective for row in rows]
    names = _differing(others)
    if len(names) > MANY:
        return [""] * len(rows)
    parts = [[f"{_words(name)} {_value(settings.get(name))}" for name in names] for settings in others]
    for weight, words in reversed(WEIGHTS.items()):
        ends = [row.ends(weight) for row in rows]
        if len(set(ends)) > 1:
            from_zero = {first for first, _ in ends} == {0.0}  # named by where they end alone
            for (first, last), part in zip(ends, parts, strict=True):
                part.insert(0, f"{words} {describe_ends((last if from_zero else first, last))}")
    return [", ".join(part) for part in parts]


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
    known = [row.surroundings | {"data": row.surroundings["data"][:8]} for row in rows]
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
