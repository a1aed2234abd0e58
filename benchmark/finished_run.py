"""A finished run: where it is, its record, and its parts with the best weights."""

from __future__ import annotations

import argparse
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.config import configuring, load_config
from benchmark.data import data_root
from benchmark.errors import UserError
from benchmark.experiment import Experiment, experiment
from benchmark.run_lookup import find_run, finished_record
from benchmark.session import choose_device


@dataclass(frozen=True)
class FinishedRun:
    """A run with everything that it left.

    Attributes:
        folder: of the run, runs/<run id> in a results folder.
        record: see `benchmark.record`.
        parts: its experiment, the model in evaluation mode with the weights of the best validation bound.
    """

    folder: Path
    record: dict[str, Any]
    parts: Experiment

    @property
    def results(self) -> Path:
        """The results folder that the run lies in."""
        return self.folder.resolve().parent.parent


def add_arguments(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """What every command takes that works on finished runs."""
    parser.add_argument(
        "run", metavar="RUN", nargs="+" if several else None, help="the id of a finished run, or its folder"
    )
    parser.add_argument("--out", default="results", metavar="DIR", help="the results folder (default: results)")
    parser.add_argument("--data", metavar="DIR", help="where corpora are (default: the variable ZFORCING_DATA)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")


def load_run(run: str, options: argparse.Namespace) -> FinishedRun:
    """A finished run, rebuilt from its configuration, its data and its weights.

    Args:
        run: its id or folder.
        options: with `out`, `data` and `device`, see `add_arguments`.

    Raises:
        UserError: there is no such finished run, the data are not the run's, or the weights do not fit.
    """
    folder = find_run(run, options.out)
    record = finished_record(folder, "config.gin", "model.pt")
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
