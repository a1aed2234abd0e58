"""Scores a finished run by another bound: python -m benchmark.evaluate RUN --bound iwae --samples 100"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from typing import Any

import torch
from tqdm import tqdm

from benchmark.allocator import keep_freed_memory
from benchmark.command import run_command
from benchmark.data.batches import evaluation_batches
from benchmark.errors import UserError
from benchmark.files import write_atomically
from benchmark.finished_run import FinishedRun, add_arguments, load_run
from benchmark.later import FILTER, bound_file
from benchmark.published import NATS
from benchmark.record import commit
from benchmark.stop import StopSignals
from benchmark.streams import stream
from zforcing.bounds import elbo, fivo, iwae
from zforcing.interface import Batch, State
from zforcing.recurrent_vae import RecurrentVAE

EXAMPLE = "example: python -m benchmark.evaluate timit_zf-seed1234-0a1b2c3d --bound fivo --samples 32"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmark.evaluate", description=__doc__, epilog=EXAMPLE)
    add_arguments(parser)
    parser.add_argument("--bound", choices=("elbo", "iwae", "fivo"), default="iwae", help="default: iwae")
    parser.add_argument("--samples", type=int, default=100, metavar="K", help="samples or particles (default: 100)")
    parser.add_argument("--split", choices=("valid", "test"), default="test", help="default: test")
    parser.add_argument(
        "--resampling", choices=("systematic", "multinomial"), default=FILTER["resampling"], help="of fivo"
    )
    parser.add_argument(
        "--threshold", type=float, default=FILTER["threshold"], help="fivo: effective sample size / K to resample below"
    )
    return parser.parse_args(arguments)


def score(
    model: RecurrentVAE, batch: Batch, generator: torch.Generator, options: argparse.Namespace, state: State | None
) -> tuple[float, State]:
    """The bound of one sequence, in nats, and for the ELBO the state that the segment after it goes on from."""
    if options.bound == "elbo":
        terms = model(batch, model.draw_noise(batch.steps, 1, generator), state)
        return float(elbo(terms)), terms.state
    if options.bound == "iwae":
        return float(iwae(model, batch, options.samples, generator)), ()
    return float(fivo(model, batch, options.samples, generator, options.resampling, options.threshold)), ()


@torch.inference_mode()
def evaluate(run: FinishedRun, options: argparse.Namespace, check_stop: Callable[[], None]) -> dict[str, Any]:
    """Scores every sequence of the split on its own, so that the result depends on nothing else.

    A stream is one sequence, its segments scored one after the other with the state carried.
    """
    parts = run.parts
    if not isinstance(parts.model, RecurrentVAE):
        raise UserError(f"{run.record['model']} has no latents: its log-likelihood in record.json is exact")
    device = next(parts.model.parameters()).device
    protocol = parts.dataset.protocols[0]
    split = parts.dataset.scored(options.split, protocol)
    if options.bound != "elbo" and (split.successor >= 0).any() and split.groups < len(split):
        raise UserError(
            f"a stream in segments is one sequence, too long for the many samples of {options.bound}; score it with "
            f"--bound elbo, or train on single sentences"
        )
    values = [0.0] * split.groups
    state: State | None = None
    in_turn = evaluation_batches(split, 1)
    for (index,), batch, goes_on in tqdm(in_turn, f"{options.bound}, {options.split}", len(split), dynamic_ncols=True):
        check_stop()
        generator = stream(parts.seed, "bound", index)
        value, state = score(parts.model, batch.to(device), generator, options, state if goes_on else None)
        values[split.group[index]] += value
    return {
        **{name: run.record[name] for name in ("run_id", "label", "seed")},
        "bound": options.bound,
        "samples": 1 if options.bound == "elbo" else options.samples,
        **({"resampling": options.resampling, "threshold": options.threshold} if options.bound == "fivo" else {}),
        "split": options.split,
        "protocol": protocol,
        "sequences": len(values),
        "values": {
            NATS: math.fsum(values) / len(values),
            **parts.dataset.derived_units(math.fsum(values), int(split.steps.sum())),
        },
        **({"standard_error_over_sequences": _standard_error(values)} if len(values) > 1 else {}),
        "commit": commit(),
    }


def _standard_error(values: list[float]) -> float:
    """Of the mean."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.samples < 1:
        raise UserError(f"--samples must be at least 1, got {options.samples}")
    if not 0 <= options.threshold <= 1:
        raise UserError(f"--threshold must be from 0 (never resample) to 1, got {options.threshold}")
    keep_freed_memory()
    with StopSignals() as stop:
        run = load_run(options.run, options)
        metrics = evaluate(run, options, stop.check)
    chosen = {name: metrics[name] for name in FILTER if name in metrics}
    settings = "" if chosen in ({}, FILTER) else "_{resampling}_{threshold:g}".format(**chosen)
    file = bound_file(run.record["run_id"], metrics["bound"], metrics["samples"], metrics["split"], settings)
    path = run.folder.parents[1] / file
    write_atomically(path, (json.dumps(metrics, indent=1) + "\n").encode())
    for name, value in {**metrics.pop("values"), **metrics}.items():
        print(f"{name}: {value:.6g}" if isinstance(value, float) else f"{name}: {value}")
    print(path)


if __name__ == "__main__":
    run_command(main)
