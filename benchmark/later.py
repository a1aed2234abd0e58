"""What is measured after a run: linear probes (`benchmark.probe`) and tighter bounds (`benchmark.evaluate`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.published import NATS

PROBED = "phone_accuracy"  # begins all metrics of probes
FILTER = {"resampling": "systematic", "threshold": 0.5}  # of the FIVO bounds that tables show
TIGHTER = re.compile(r"(?P<estimator>iwae|fivo)(?P<samples>\d+)_(?P<unit>.+)")  # 'iwae100_nats_per_seq'


def with_later(out: Path, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, with what `out`/probes and `out`/bounds hold of their runs among the test split's metrics.

    Probes and bounds are of whole sequences, as the data set's default protocol is.

    Raises:
        UserError: a file there is not what the command writes.
    """
    return [_with_metrics(record, _metrics(out, record)) for record in records]


def file_of_metric(metric: str, run_id: str) -> str:
    """Where a metric of a run is written, relative to the results folder."""
    if metric.startswith(PROBED):
        return probe_file(run_id)
    tighter = TIGHTER.fullmatch(metric)
    return bound_file(run_id, tighter["estimator"], int(tighter["samples"])) if tighter else f"records/{run_id}.json"


def probe_file(run_id: str) -> str:
    return f"probes/{run_id}.json"


def bound_file(run_id: str, estimator: str, samples: int, split: str = "test", settings: str = "") -> str:
    """`settings` names those of a particle filter that are not FILTER."""
    return f"bounds/{run_id}_{estimator}{samples}{settings}_{split}.json"


def _metrics(out: Path, record: dict[str, Any]) -> dict[str, float]:
    run_id = record["run_id"]
    paths = sorted((out / "bounds").glob(f"{run_id}_*_test.json"))
    bounds = [_read_bound(path, record) for path in paths]
    probe = out / probe_file(run_id)
    found = _read_probe(probe) if probe.is_file() else {}
    return {name: value for metrics in (*bounds, found) for name, value in metrics.items()}


def _read_probe(path: Path) -> dict[str, float]:
    """The accuracies of a probe, and of naming the commonest phone."""
    try:
        probe = json.loads(path.read_text())
        found = {f"{PROBED}_from_{what}": float(fit["accuracy"]) for what, fit in probe["what"].items()}
        return found | {f"{PROBED}_of_majority": float(probe["majority"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the result of a probe ({error}); remove it, or probe the run again") from error


def _read_bound(path: Path, record: dict[str, Any]) -> dict[str, float]:
    """A bound in all its units; nothing of an ELBO, which the record has, nor of a filter of other settings."""
    default, metrics = next(iter(record["results"]["test"].items()))
    try:
        bound = json.loads(path.read_text())
        estimator, samples = bound["bound"], int(bound["samples"])
        values = {unit: float(value) for unit, value in bound["values"].items()}
        found = bound["run_id"], bound["protocol"], bound["sequences"]
        settings = {name: bound[name] for name in FILTER} if estimator == "fivo" else FILTER
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the result of benchmark.evaluate ({error}); remove it, or repeat it") from error
    expected = record["run_id"], default, metrics["sequences"]
    if found != expected or not values.keys() <= {NATS, *metrics}:
        raise UserError(f"{path}: of {found} in {', '.join(values)}, not of {expected}; remove it, or repeat it")
    if estimator == "elbo" or settings != FILTER:
        return {}
    return {f"{estimator}{samples}_{unit}": value for unit, value in values.items()}


def _with_metrics(record: dict[str, Any], found: dict[str, float]) -> dict[str, Any]:
    if not found:
        return record
    test = record["results"]["test"]
    default = next(iter(test))
    return record | {"results": record["results"] | {"test": test | {default: test[default] | found}}}
