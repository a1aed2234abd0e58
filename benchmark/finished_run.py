"""A finished run: where it is, its record, and its parts with the best weights."""

from __future__ import annotations

import argparse
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.config import configuring, load_config
from benchmark.data import data_root
from benchmark.errors import UserError
from benchmark.experiment import Experiment, experiment
from benchmark.session import choose_device


@dataclass(frozen=True)
class FinishedRun:
    """A run with everything that it left.

    Attributes:
        folder: `OUT`/runs/<run id>.
        record: see `benchmark.record`.
        parts: its experiment, the model in evaluation mode with the weights of the best validation bound.
    """

    folder: Path
    record: dict[str, Any]
    parts: Experiment


def add_arguments(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """What every command takes that works on finished runs."""
    parser.add_argument(
        "run", metavar="RUN", nargs="+" if several else None, help="the id of a finished run, or its folder"
    )
    parser.add_argument("--out", default="results", metavar="DIR", help="the results folder (default: results)")
    parser.add_argument("--data", metavar="DIR", help="where corpora are (default: the variable ZFORCING_DATA)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")


def find_run(run: str, out: str) -> Path:
    """The folder of a run that is named by its id below `out`/runs, or by its path.

    Raises:
        UserError: there is no such folder.
    """
    for folder in (Path(out) / "runs" / run, Path(run)):
        if folder.is_dir():
            return folder
    raise UserError(f"there is no run {run}: it is no folder, nor the id of a run in {Path(out) / 'runs'}")


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a finished run.

    Raises:
        UserError: the folder holds no finished run.
    """
    missing = [name for name in ("record.json", "config.gin", "model.pt") if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} is no finished run: it lacks {', '.join(missing)}; give a folder of results/runs")
    try:
        record: dict[str, Any] = json.loads((folder / "record.json").read_text())
    except ValueError as error:
        raise UserError(f"{folder / 'record.json'}: damaged record; repeat the run with --fresh") from error
    return record


def load_run(run: str, options: argparse.Namespace) -> FinishedRun:
    """A finished run, rebuilt from its configuration, its data and its weights.

    Args:
        run: its id or folder.
        options: with `out`, `data` and `device`, see `add_arguments`.

    Raises:
        UserError: there is no such finished run, the data are not the run's, or the weights do not fit.
    """
    folder = find_run(run, options.out)
    record = read_record(folder)
    load_config([str(folder / "config.gin")])
    device = choose_device(options.device)
    with configuring():
        parts = experiment(data_root(options.data), device)
    if parts.dataset.fingerprint != record["dataset"]["fingerprint"]:
        raise UserError(
            f"the run was made on {record['dataset']['description']}, found is {parts.dataset.description}: name the "
            f"folder with the run's data by --data"
        )
    try:
        parts.model.load_state_dict(torch.load(folder / "model.pt", map_location=device, weights_only=True))
    except (RuntimeError, EOFError, TypeError, pickle.UnpicklingError) as error:
        raise UserError(
            f"{folder / 'model.pt'}: damaged, or not the weights of the model of {folder / 'config.gin'}; repeat the "
            f"run with --fresh"
        ) from error
    parts.model.eval()
    return FinishedRun(folder, record, parts)
