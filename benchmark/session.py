"""One run from the command line to its record and its table."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin
import torch

from benchmark import sequence_scores
from benchmark.allocator import keep_freed_memory
from benchmark.checkpoint import to_bytes
from benchmark.config import Config, configuring, load_config, resolved_text
from benchmark.data import data_root
from benchmark.data.dataset import Dataset
from benchmark.determinism import make_deterministic
from benchmark.errors import UserError
from benchmark.experiment import Experiment, Loader, experiment, load_corpus
from benchmark.files import write_atomically
from benchmark.memory import estimate_training_bytes
from benchmark.record import build_record, count_parameters
from benchmark.run_folder import RunFolder, run_id
from benchmark.stop import StopSignals
from benchmark.train import Trainer


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
    config_text: str
    experiment: Experiment
    trainer: Trainer
    folder: RunFolder
    stop: StopSignals


def build_run(options: argparse.Namespace, stop: StopSignals, load: Loader = load_corpus) -> Run:
    """From the command line to a built experiment; nothing is written yet. `load` reads the data."""
    seed = [] if options.seed is None else [f"experiment.seed = {options.seed}"]
    config = load_config(options.gin, [*options.set, *seed])
    device = choose_device(options.device)
    make_deterministic()
    with configuring():
        built = experiment(data_root(options.data), device, load)
    with configuring():
        trainer = Trainer(
            built.model,
            built.dataset,
            built.objective,
            built.training,
            built.evaluation,
            built.seed,
            stop.check,
            print,
        )
    text = resolved_text(config)
    identifier = run_id(built.name, built.seed, text, built.dataset.fingerprint, device.type)
    folder = RunFolder(Path(options.out), identifier, options.fresh)
    return Run(config, text, built, trainer, folder, stop)


def describe_data(dataset: Dataset) -> str:
    """Which data there are, from which source, in a line."""
    counts = ", ".join(f"{count} {split}" for split, count in dataset.counts.items())
    return f"data: {dataset.name}, source '{dataset.source}': {dataset.description} ({counts})"


def describe(run: Run) -> str:
    """Data, model and size in a few lines."""
    model = run.experiment.model
    return (
        f"{describe_data(run.experiment.dataset)}\n"
        f"model: {type(model).__name__} with {model.head}, {count_parameters(model):,} parameters, "
        f"{run.trainer.updates:,} updates on {next(model.parameters()).device}\n"
        f"run: {run.folder.path}"
    )


def execute(run: Run) -> dict[str, Any]:
    """Trains, evaluates and writes everything a finished run leaves. Returns its record."""
    run.folder.write_text("config.gin", run.config_text)
    run.folder.write_text("operative.gin", gin.operative_config_str())
    run.trainer.run(run.folder.path)
    parts, folder = run.experiment, run.folder
    results, test_sequences = score_held_out(run)
    run.stop.check()
    # A second to import, which should not delay the first update.
    from benchmark.figures.learning import plot_learning_curves

    write_atomically(folder.path / "model.pt", to_bytes(parts.model.state_dict()))
    parts.samples.write(parts.model, parts.dataset, folder.path / "samples", parts.seed)
    plot_learning_curves(folder.path / "learning_curves.png", folder.path / "metrics.jsonl", folder.identifier)
    folder.write_text(sequence_scores.NAME, sequence_scores.sequences_csv(test_sequences))
    folder.write_text("timing.json", json.dumps({"training_seconds": round(run.trainer.progress.seconds, 1)}) + "\n")
    record = build_record(
        folder.identifier, run.config, run.config_text, parts, run.trainer.progress, run.trainer.best["update"], results
    )
    folder.finish(record)
    return record


def score_held_out(run: Run) -> tuple[dict[str, dict[str, dict[str, Any]]], dict[str, list[float]]]:
    """The metrics by held-out split and protocol, and by protocol the bound of each test sequence, in nats."""
    parts = run.experiment
    results: dict[str, dict[str, dict[str, Any]]] = {}
    sequences: dict[str, list[float]] = {}
    for split in ("valid", "test"):
        for protocol in parts.dataset.protocols:
            totals = parts.evaluation.score(
                parts.model, parts.dataset, split, protocol, parts.seed, run.stop.check, thorough=True
            )
            results.setdefault(split, {})[protocol] = parts.evaluation.summarise(parts.model, parts.dataset, totals)
            sequences[protocol] = totals.by_sequence().tolist()  # those of the test split, which is the last
    return results, sequences


def show(record: dict[str, Any], folder: RunFolder) -> None:
    """Prints the table, and where everything is."""
    from benchmark.tables import comparison_table  # see `execute`

    table = comparison_table(record)
    folder.write_text("table.md", table + "\n")
    print(f"\n{table}\n")
    training = record["training"]
    if training["skipped_updates"]:
        print(f"{training['skipped_updates']} of {training['updates']} updates were not finite and were skipped")
    if training["best_update"] == 0:
        print("training improved nothing: the untrained model had the best validation bound")
    for name in ("record.json", "table.md", "learning_curves.png", "samples", "metrics.jsonl", "tensorboard"):
        print(f"  {folder.path / name}")
    print(f"  {folder.record_copy}")


def run_session(options: argparse.Namespace, stop: StopSignals) -> None:
    """What `python -m benchmark.run` does."""
    keep_freed_memory()
    run = build_run(options, stop)
    print(describe(run), flush=True)
    if options.dry_run:
        parts = run.experiment
        size = estimate_training_bytes(parts.model, parts.dataset, parts.objective, parts.training.batch_size)
        print(f"memory: about {size / 2**20:,.0f} MiB for a training step\n\n{run.config_text}")
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
