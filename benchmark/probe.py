"""Probes runs on TIMIT for phones: python -m benchmark.probe RUN...

A linear probe finds the phone of each frame from the model's latents (the means of the posterior) and, separately, from
its deterministic states. It is trained on whole utterances of the training split, its penalty is chosen on validation,
and the share of frames of the test split whose phone it finds is written to probes/<run id>.json of the results folder
that the run lies in. What step t gives is labelled by the phone of y_t, which every latent and state has read; see
`zforcing.interface.Encoding`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmark.command import run_command
from benchmark.data.batches import evaluation_batches
from benchmark.data.phones import CLASSES, FOLDING, NO_CLASS, TranscribedDataset
from benchmark.errors import UserError
from benchmark.files import write_atomically
from benchmark.finished_run import FinishedRun, add_arguments, load_run
from benchmark.later import probe_file
from benchmark.linear_probe import Labelled, fit_probe, majority_accuracy
from benchmark.record import commit
from benchmark.stop import StopSignals
from zforcing.interface import SequenceModel

EXAMPLE = "example: python -m benchmark.probe timit_zf-seed1234-0a1b2c3d timit_lstm-seed1234-4e5f6a7b"
SPLITS = ("train", "valid", "test")
BATCH_SIZE = 32
FRAMES = 100_000  # of the training split, in the probes that tables show


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.probe",
        description="Measures how well a linear probe finds the phone of a frame from a model's latents and states.",
        epilog=EXAMPLE,
    )
    add_arguments(parser, several=True)
    parser.add_argument(
        "--frames",
        type=int,
        default=FRAMES,
        metavar="N",
        help=f"train on at most about so many frames, evenly spread over the training split (default: {FRAMES})",
    )
    return parser.parse_args(arguments)


class Frames(NamedTuple):
    """Labelled frames of a split in the order of its utterances: latents (N, Z), states (N, H), classes (N,)."""

    latents: NDArray[np.float32]
    states: NDArray[np.float32]
    classes: NDArray[np.int64]


def encode_frames(
    model: SequenceModel, dataset: TranscribedDataset, split: str, most: int, check_stop: Callable[[], None]
) -> Frames:
    """Every stride-th frame of a split whose phone has a class, with the smallest stride that leaves at most `most`."""
    classes = dataset.classes(split)
    utterances = dataset.utterances[split]
    stride = -(-int(utterances.steps.sum()) // most)
    offset_N = np.cumsum(utterances.steps) - utterances.steps
    device = next(model.parameters()).device
    found: dict[int, Frames] = {}
    batches = evaluation_batches(utterances, BATCH_SIZE)
    for indices, batch, _ in tqdm(
        batches, f"encoding, {split}", -(-len(utterances) // BATCH_SIZE), leave=False, delay=2
    ):
        check_stop()
        encoding = model.encode(batch.to(device))
        for column, index in enumerate(indices):
            chosen = np.arange(-int(offset_N[index]) % stride, len(classes[index]), stride)
            chosen = chosen[classes[index][chosen] != NO_CLASS]
            parts = (encoding.latents, encoding.states)
            latents, states = (x[:, column].cpu().numpy().astype(np.float32)[chosen] for x in parts)
            found[index] = Frames(latents, states, classes[index][chosen])
    return Frames(*map(np.concatenate, zip(*(found[index] for index in sorted(found)), strict=True)))


@torch.no_grad()
def probe_run(run: FinishedRun, most_frames: int, check_stop: Callable[[], None]) -> dict[str, Any]:
    """What a linear probe finds in a run's model, as it is written.

    Raises:
        UserError: the run is of a data set without phones, or a training frame's phone is not labelled.
    """
    record, dataset, model = run.record, run.parts.dataset, run.parts.model
    if not isinstance(dataset, TranscribedDataset):
        raise UserError(f"{run.folder.name} is of {dataset.name}, whose phones are not known; name runs on timit")
    limits = {split: most_frames if split == "train" else 2**62 for split in SPLITS}
    frames = {split: encode_frames(model, dataset, split, limits[split], check_stop) for split in SPLITS}
    if not all(len(of_split.classes) for of_split in frames.values()):
        raise UserError(f"{run.folder.name}: a split has no labelled frame; complete the .phn files of the corpus")
    what: dict[str, dict[str, float | int]] = {}
    for name in ("latents", "states") if model.has_latent else ("states",):
        train, valid, test = (Labelled(getattr(frames[split], name), frames[split].classes) for split in SPLITS)
        fit = fit_probe(train, valid, len(CLASSES), check_stop=check_stop)
        what[name] = {
            "accuracy": round(fit.probe.accuracy(test), 6),
            "accuracy_valid": round(fit.valid_accuracy, 6),
            "accuracy_train": round(fit.probe.accuracy(train), 6),
            "ridge": fit.ridge,
            "dimensions": train.features.shape[1],
        }
    return {
        "run_id": record["run_id"],
        "label": record["label"],
        "model": record["model"],
        "seed": record["seed"],
        "source": record["dataset"]["source"],
        "description": record["dataset"]["description"],
        "what": what,
        "majority": round(majority_accuracy(train, test), 6),
        "classes": len(np.unique(frames["train"].classes)),
        "folding": FOLDING,
        **{f"frames_{split}": len(frames[split].classes) for split in SPLITS},
        "commit": commit(),
    }


def describe(result: dict[str, Any]) -> str:
    """The result in one line."""
    found = ", ".join(f"{name} {x['accuracy']:.1%}" for name, x in result["what"].items())
    return f"{result['label']}, seed {result['seed']}: {found}; majority {result['majority']:.1%}"


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if options.frames < 1:
        raise UserError(f"--frames must be at least 1, got {options.frames}")
    with StopSignals() as stop:
        for name in options.run:
            run = load_run(name, options)
            result = probe_run(run, options.frames, stop.check)
            settings = "" if options.frames == FRAMES else f"_frames{options.frames}"
            path = run.results / probe_file(result["run_id"], settings)
            write_atomically(path, (json.dumps(result, indent=1) + "\n").encode())
            print(f"{describe(result)}\n{path}", flush=True)


if __name__ == "__main__":
    run_command(main)
