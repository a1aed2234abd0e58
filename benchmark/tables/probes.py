"""Accuracies of linear probes, which are measured after a run and kept beside its record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import UserError

METRICS = {"latents": "phoneme_accuracy_from_latents", "states": "phoneme_accuracy_from_states"}


def with_probes(out: Path, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, with the accuracies that `out`/probes holds among the metrics of their test split.

    Raises:
        UserError: a file there is no probe of a run.
    """
    found: dict[tuple[str, str], dict[str, float]] = {}
    for path in sorted((out / "probes").glob("*.json")):
        try:
            probe = json.loads(path.read_text())
            place, metric = (probe["run_id"], probe["protocol"]), METRICS[probe["what"]]
            found.setdefault(place, {})[metric] = float(probe["accuracy"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: not the accuracy of a probe ({error}); remove it, or probe the run again"
            ) from error
    return [_with_metrics(record, found) for record in records]


def _with_metrics(record: dict[str, Any], found: dict[tuple[str, str], dict[str, float]]) -> dict[str, Any]:
    test = {
        protocol: metrics | found.get((record["run_id"], protocol), {})
        for protocol, metrics in record["results"]["test"].items()
    }
    return record | {"results": record["results"] | {"test": test}}
