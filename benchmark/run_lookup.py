"""Finds a finished run by its id or its folder, and its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.records import read_record


def find_run(run: str, out: str) -> Path:
    """The folder of a run that is named by its id below `out`/runs, or by its path.

    Raises:
        UserError: there is no such folder.
    """
    for folder in (Path(out) / "runs" / run, Path(run)):
        if folder.is_dir():
            return folder
    raise UserError(f"there is no run {run}: it is no folder, nor the id of a run in {Path(out) / 'runs'}")


def finished_record(folder: Path, *others: str) -> dict[str, Any]:
    """The record of a finished run, whose folder holds these other files, too.

    Raises:
        UserError: a file is missing, or the record is damaged.
    """
    missing = [name for name in ("record.json", *others) if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} is no finished run: it lacks {', '.join(missing)}; give a folder of results/runs")
    return read_record(folder / "record.json")
