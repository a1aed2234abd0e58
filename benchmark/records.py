"""The records of a results folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.record_form import complaint


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file.

    Raises:
        UserError: it cannot be read, or is no record that this version can use.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        wrong = complaint(record)
    except (OSError, ValueError, RecursionError) as error:
        wrong = str(error)
    if wrong:
        raise UserError(f"{path}: not a record ({wrong}); remove it, or repeat its run, which makes it again")
    return record


def read_records(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The records in these files, in the order of their names.

    Raises:
        UserError: one cannot be read, is incomplete, is not named after its run, or is of the same run as another.
    """
    found: dict[str, Path] = {}
    records = []
    for path in sorted(paths):
        record = read_record(path)
        run_id = record["run_id"]
        if path.stem not in (run_id, "record"):
            raise UserError(f"{path}: the record of run {run_id}; give it that name, or remove it if it is a copy")
        if run_id in found:
            raise UserError(f"{path}: the record of run {run_id}, which {found[run_id]} is, too; remove one of them")
        found[run_id] = path
        records.append(record)
    return records


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
