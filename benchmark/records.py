"""The records of a results folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import UserError

# What everything that reads records relies on.
RUN = {"run_id", "label", "seed", "model", "head", "weights", "config", "gin_files", "overrides", "environment"}
OUTCOME = {"dataset", "results", "training"}


def read_records(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The records in these files, in the order of their names.

    Raises:
        UserError: one cannot be read, is incomplete, or is not named after its run.
    """
    return [_read_record(path) for path in sorted(paths)]


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text())
        missing = sorted((RUN | OUTCOME) - record.keys())
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not a record ({error}); remove it, or repeat its run with --fresh") from error
    if missing:
        raise UserError(f"{path}: not a record (no {', '.join(missing)}); remove it, or repeat its run with --fresh")
    if path.stem not in (record["run_id"], "record"):
        raise UserError(
            f"{path}: the record of run {record['run_id']}; give it that name, or remove it if it is a copy"
        )
    return record


def folder_records(out: Path) -> list[dict[str, Any]]:
    """All records of the results folder `out`.

    Raises:
        UserError: there is none, or one cannot be read.
    """
    records = read_records((out / "records").glob("*.json"))
    if not records:
        raise UserError(f"{out / 'records'} holds no record; run python -m benchmark.run first")
    return records


def group_records(records: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Records by data set and source, such as 'timit_sample'."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(f"{record['dataset']['name']}_{record['dataset']['source']}", []).append(record)
    return dict(sorted(groups.items()))


def chosen_records(program: str, description: str, arguments: list[str] | None) -> tuple[Path, list[dict[str, Any]]]:
    """What a command that works on all records is given: the results folder, and its records.

    Raises:
        UserError: there is no record, or one cannot be read.
    """
    example = f"example: {program} --out results"
    parser = argparse.ArgumentParser(prog=program, description=description, epilog=example)
    parser.add_argument("--out", default="results", metavar="DIR", help="results folder (default: results)")
    out = Path(parser.parse_args(arguments).out)
    return out, folder_records(out)
