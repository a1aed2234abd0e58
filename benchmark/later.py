"""What is measured after a run: linear probes (`benchmark.probe`) and tighter bounds (`benchmark.evaluate`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.errors import UserError
from benchmark.published import NATS

PROBED = "phone_accuracy"  # begins all metrics of probes
FILTER = {"resampling": "systematic", "threshold": 0.5}  # of the FIVO bounds that tables show
TIGHTER = re.compile(r"(?P<estimator>iwae|fivo)(?P<samples>\d+)_(?P<unit>.+)")  # 'iwae100_nats_per_seq'


class Origin(NamedTuple):
    """Where a number comes from: a file of the results folder, and the commit that computed it."""

    file: str
    commit: str


class Measured(NamedTuple):
    """What a file holds: metrics by name."""

    origin: Origin
    metrics: dict[str, float]


def with_later(out: Path, records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, with what `out`/probes and `out`/bounds hold of their runs among the test split's metrics.

    Probes and bounds are of whole sequences, as the data set's default protocol is.

    Raises:
        UserError: a file there is not what the command writes.
    """
    return [_with_metrics(record, _measured(out, record)) for record in records]


def origin(record: dict[str, Any], metric: str) -> Origin:
    """Where one of the test metrics of a record comes from."""
    of_run = Origin(f"records/{record['run_id']}.json", record["environment"]["commit"])
    found: Origin = record.get("later", {}).get(metric, of_run)
    return found


def probe_file(run_id: str, settings: str = "") -> str:
    """`settings` names a limit of frames that is not the default; tables do not show such probes."""
    return f"probes/{run_id}{settings}.json"


def bound_file(run_id: str, estimator: str, samples: int, split: str = "test", settings: str = "") -> str:
    """`settings` names those of a particle filter that are not FILTER."""
    return f"bounds/{run_id}_{estimator}{samples}{settings}_{split}.json"


def _measured(out: Path, record: dict[str, Any]) -> list[Measured]:
    run_id = record["run_id"]
    found = [(path, *_read_bound(path, record)) for path in sorted((out / "bounds").glob(f"{run_id}_*_test.json"))]
    found += [(path, *_read_probe(path, record)) for path in out.glob(probe_file(run_id))]
    return [Measured(Origin(path.relative_to(out).as_posix(), commit), metrics) for path, commit, metrics in found]


def _read_probe(path: Path, record: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """The commit, and the accuracies of a probe and of naming the commonest phone."""
    try:
        probe = json.loads(path.read_text())
        run_id, commit = str(probe["run_id"]), str(probe["commit"])
        found = {f"{PROBED}_from_{what}": float(fit["accuracy"]) for what, fit in probe["what"].items()}
        found[f"{PROBED}_of_majority"] = float(probe["majority"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the result of a probe ({error}); remove it, or probe the run again") from error
    if run_id != record["run_id"]:
        raise UserError(f"{path}: the probe of {run_id}, not of {record['run_id']}; remove it, or probe the run again")
    return commit, found


def _read_bound(path: Path, record: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """The commit, and a bound in all its units; nothing of an ELBO, which the record has, nor of another filter."""
    default, metrics = next(iter(record["results"]["test"].items()))
    try:
        bound = json.loads(path.read_text())
        estimator, samples, commit = bound["bound"], int(bound["samples"]), str(bound["commit"])
        values = {unit: float(value) for unit, value in bound["values"].items()}
        found = bound["run_id"], bound["protocol"], bound["sequences"]
        settings = {name: bound[name] for name in FILTER} if estimator == "fivo" else FILTER
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not the result of benchmark.evaluate ({error}); remove it, or repeat it") from error
    expected = record["run_id"], default, metrics["sequences"]
    if found != expected or not values.keys() <= {NATS, *metrics}:
        raise UserError(f"{path}: of {found} in {', '.join(values)}, not of {expected}; remove it, or repeat it")
    if estimator == "elbo" or settings != FILTER:
        return commit, {}
    return commit, {f"{estimator}{samples}_{unit}": value for unit, value in values.items()}


def _with_metrics(record: dict[str, Any], found: list[Measured]) -> dict[str, Any]:
    metrics = {name: value for measured in found for name, value in measured.metrics.items()}
    if not metrics:
        return record
    test = record["results"]["test"]
    default = next(iter(test))
    return record | {
        "results": record["results"] | {"test": test | {default: test[default] | metrics}},
        "later": {name: measured.origin for measured in found for name in measured.metrics},
    }
