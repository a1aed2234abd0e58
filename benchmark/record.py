"""The record of a finished run: its numbers together with everything they depend on.

Nothing in it depends on time, place or interruptions: the same run gives the same bytes.
"""

from __future__ import annotations

import platform
import subprocess
from typing import Any

import gin
import numpy
import torch

from benchmark import REPOSITORY, __version__
from benchmark.config import Config
from benchmark.experiment import Experiment
from benchmark.record_form import SCHEMA
from benchmark.training import Progress
from zforcing.engines import resolve
from zforcing.interface import SequenceModel


def build_record(
    identifier: str,
    config: Config,
    config_text: str,
    experiment: Experiment,
    progress: Progress,
    best_update: int,
    results: dict[str, dict[str, dict[str, Any]]],
) -> dict[str, Any]:
    """The record; `config_text` is the resolved configuration, `results` holds metrics by split and protocol."""
    dataset, model = experiment.dataset, experiment.model
    return {
        "schema": SCHEMA,
        "run_id": identifier,
        "name": experiment.name,
        "label": experiment.label,
        "seed": experiment.seed,
        "model": type(model).__name__,
        "head": type(model.head).__name__,
        "parameters": count_parameters(model),
        "weights": {
            **experiment.objective.extremes(),
            "trained": experiment.objective.weights(max(progress.update - 1, 0)),  # at the last update that was made
        },
        "dataset": {
            "name": dataset.name,
            "source": dataset.source,
            "description": dataset.description,
            "counts": dataset.counts,
            "statistics": dataset.statistics,
            "fingerprint": dataset.fingerprint,
        },
        "results": results,
        "training": {
            "updates": progress.update,
            "skipped_updates": progress.skipped,
            "stopped_early": progress.stopped_early,
            "best_update": best_update,
            "validation": progress.history,
        },
        "gin_files": list(config.files),
        "overrides": list(config.overrides),
        "config": config_text,
        "operative_config": gin.operative_config_str(),
        "environment": environment(model),
    }


def count_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def environment(model: SequenceModel) -> dict[str, Any]:
    """What the numbers depend on beside the configuration and the data."""
    device = next(model.parameters()).device
    return {
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "device_kind": device.type,
        "threads": torch.get_num_threads(),
        "engine": resolve(model.engine, device),
    }


def commit() -> str:
    """The commit of the project's checkout, with '+' if files differ from it; 'unknown' outside a checkout."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ":!results")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
