"""Accuracies of the linear probes of `python -m benchmark.probe`, which are measured after a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import UserError

PREFIX = "phone_accuracy"  # of all metrics of probes


def with_probes(out: Path, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, with what `out`/probes/<run id>.json holds among the test split's metrics.

    A probe reads whole sequences, as the data set's default protocol does.

    Raises:
        UserError: a file there is no result of a probe.
    """
    return [_with_metrics(record, read_probe(out / "probes" / f"{record['run_id']}.json")) for record in records]


def read_probe(path: Path) -> dict[str, float]:
    """The accuracies of a probe, and of naming the commonest phone; nothing if the run was not probed.

    Raises:
        UserError: the file is no result of a probe.
    """
    if not path.is_file():
        return {}
    try:
        probe = json.loads(path.read_text())
        found = {f"{PREFIX}_from_{what}": float(fit["accuracy"]) for what, fit in probe["what"].items()}
        return found | {f"{PREFIX}_of_majority": float(probe["majority"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the result of a probe ({error}); remove it, or probe the run again") from error


def _with_metrics(record: dict[str, Any], found: dict[str, float]) -> dict[str, Any]:
    if not found:
        return record
    test = record["results"]["test"]
    default = next(iter(test))
    return record | {"results": record["results"] | {"test": test | {default: test[default] | found}}}
