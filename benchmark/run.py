"""Trains and evaluates one model: python -m benchmark.run --gin gin/timit_zf.gin"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin
import torch

from benchmark.checkpoint import to_bytes, write_atomically
from benchmark.command import run_command
from benchmark.config import Config, check_every_binding_used, configuring, load_config
from benchmark.data import data_root
from benchmark.errors import UserError
from benchmark.experiment import Experiment, experiment
from benchmark.memory import estimate_training_bytes
from benchmark.plots import plot_learning_curves
from benchmark.record import build_record, count_parameters
from benchmark.run_folder import RunFolder, run_id
from benchmark.stop import StopSignals
from benchmark.tables import comparison_table
from benchmark.train import Trainer

EXAMPLE = "example: python -m benchmark.run --gin gin/timit_zf.gin --gin gin/scale/small.gin --seed 1"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.run", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("--gin", action="append", required=True, metavar="FILE", help="a gin file; later ones win")
    parser.add_argument("--set", action="append", default=[], metavar="NAME.param=VALUE", help="one gin binding")
    parser.add_argument("--seed", type=int, help="seed of all random streams (experiment.seed)")
    parser.add_argument("--data", metavar="DIR", help="where corpora are (default: the variable ZFORCING_DATA)")
    parser.add_argument("--out", default="results", metavar="DIR", help="results folder (default: results)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
    parser.add_argument("--fresh", action="store_true", help="throw away what an earlier run left and start anew")
    parser.add_argument("--dry-run", action="store_true", help="show configuration, data and size, then stop")
    return parser.parse_args(arguments)


def choose_device(name: str) -> torch.device:
    """The device of that name; 'auto' is the GPU if there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"--device {name}: unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device {name}: this machine has {torch.cuda.device_count()} CUDA device(s); use --device cpu"
        )
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: only cpu and cuda are supported")
    return device


@dataclass(frozen=True)
class Run:
    """Everything one command works with."""

    config: Config
    experiment: Experiment
    trainer: Trainer
    folder: RunFolder
    stop: StopSignals


def build_run(options: argparse.Namespace, stop: StopSignals) -> Run:
    """From the command line to a built experiment; nothing is written yet."""
    seed = [] if options.seed is None else [f"experiment.seed = {options.seed}"]
    config = load_config(options.gin, [*options.set, *seed])
    device = choose_device(options.device)
    # Without this, CUDA picks algorithms whose results change from run to run.
    torch.use_deterministic_algorithms(True, warn_only=True)
    with configuring():
        built = experiment(data_root(options.data), device)
    identifier = run_id(built.name, built.seed, config.text, built.dataset.fingerprint, device.type)
    folder = RunFolder(Path(options.out), identifier, options.fresh)
    with configuring():
        trainer = Trainer(
            built.model,
            built.dataset,
            built.objective,
            built.training,
            built.evaluation,
            built.seed,
            folder.path,
            stop.check,
            print,
        )
    check_every_binding_used(config)
    return Run(config, built, trainer, folder, stop)


def describe(run: Run) -> str:
    """Data, model and size in a few lines."""
    dataset, model = run.experiment.dataset, run.experiment.model
    counts = ", ".join(f"{count} {split}" for split, count in dataset.counts.items())
    return (
        f"data: {dataset.name}, source '{dataset.source}': {dataset.description} ({counts})\n"
        f"model: {type(model).__name__} with {model.head}, {count_parameters(model):,} parameters, "
        f"{run.trainer.updates:,} updates on {next(model.parameters()).device}\n"
        f"run: {run.folder.path}"
    )


def execute(run: Run) -> dict[str, Any]:
    """Trains, evaluates and writes everything a finished run leaves. Returns its record."""
    run.folder.write_text("config.gin", run.config.text)
    run.folder.write_text("operative.gin", gin.operative_config_str())
    run.trainer.run()
    parts, folder = run.experiment, run.folder
    results: dict[str, dict[str, dict[str, Any]]] = {
        split: {
            protocol: parts.evaluation(parts.model, parts.dataset, split, protocol, parts.seed, run.stop.check)
            for protocol in parts.dataset.protocols
        }
        for split in ("valid", "test")
    }
    run.stop.check()
    write_atomically(folder.path / "model.pt", to_bytes(parts.model.state_dict()))
    parts.samples.write(parts.model, parts.dataset, folder.path / "samples", parts.seed)
    plot_learning_curves(folder.path / "learning_curves.png", folder.path / "metrics.jsonl", folder.identifier)
    folder.write_text("timing.json", json.dumps({"training_seconds": round(run.trainer.progress.seconds, 1)}) + "\n")
    record = build_record(
        folder.identifier, run.config, parts, run.trainer.progress, run.trainer.best["update"], results
    )
    folder.finish(record)
    return record


def show(record: dict[str, Any], folder: RunFolder) -> None:
    """Prints the table, and where everything is."""
    table = comparison_table(record)
    folder.write_text("table.md", table + "\n")
    print(f"\n{table}\n")
    for name in ("record.json", "table.md", "learning_curves.png", "samples", "metrics.jsonl", "tensorboard"):
        print(f"  {folder.path / name}")
    print(f"  {folder.record_copy}")


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    with StopSignals() as stop:
        run = build_run(options, stop)
        print(describe(run), flush=True)
        if options.dry_run:
            size = estimate_training_bytes(
                run.experiment.model,
                run.experiment.dataset,
                run.experiment.objective,
                run.experiment.training.batch_size,
            )
            print(f"memory: about {size / 2**20:,.0f} MiB for a training step\n\n{run.config.text}")
            return
        stop.check()
        with run.folder as folder:
            record = folder.record
            if record is not None:
                print("this run is finished already; --fresh would start it anew")
                folder.publish()
            else:
                record = execute(run)
            show(record, folder)


if __name__ == "__main__":
    run_command(main)
