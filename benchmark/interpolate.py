"""Decodes latents between those of two test sequences: python -m benchmark.interpolate RUN --from 0 --to 1

Each sequence is encoded as the means of its posterior, z_1 ... z_T. A point between two sequences A and B has at every
step t the latents (1 - w) z_t(A) + w z_t(B), from which the model generates, feeding back its own frames. The first
input is (1 - w) u_1(A) + w u_1(B) of real-valued data, else that of the nearer sequence. Past the end of the shorter
sequence its latents are what the model expects: the mean of the prior at the state that the generation is in. At w = 0
and w = 1 this is the free-running reconstruction of one sequence.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.command import run_command
from benchmark.data.dataset import Sequence
from benchmark.errors import UserError
from benchmark.finished_run import FinishedRun, add_arguments, load_run
from benchmark.sample_folder import INTERPOLATED, INTERPOLATION, note_files
from benchmark.streams import stream
from zforcing.distributions import DiagonalGaussian
from zforcing.interface import Batch, SequenceModel

EXAMPLE = "example: python -m benchmark.interpolate ptb_sentence_zf-seed1234-0a1b2c3d --from 0 2 --to 1 3 --points 7"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.interpolate",
        description="Decodes latents between those of two sequences of the test split, which are numbered from 0.",
        epilog=EXAMPLE,
    )
    add_arguments(parser)
    parser.add_argument("--from", dest="first", type=int, nargs="+", default=[0], metavar="INDEX", help="default: 0")
    parser.add_argument(
        "--to", dest="second", type=int, nargs="+", default=[1], metavar="INDEX", help="as many (default: 1)"
    )
    parser.add_argument("--points", type=int, default=5, metavar="N", help="both ends counted (default: 5)")
    parser.add_argument(
        "--steps", type=int, metavar="N", help="cut sequences to so many (default: the run's Samples.steps)"
    )
    parser.add_argument(
        "--frames",
        choices=("most-likely", "drawn"),
        help="what is generated at every step: the most likely frame, or one drawn from the same random numbers at "
        "every point (default: most-likely for text, drawn for everything else)",
    )
    parser.add_argument("--folder", metavar="DIR", help="where to (default: interpolation/ in the run's folder)")
    return parser.parse_args(arguments)


class End(NamedTuple):
    """A sequence as the model has read it: u_1, (1, 1, D) or (1, 1), and z_1 ... z_T, (T, 1, Z)."""

    first_input: Tensor
    latents: Tensor


@torch.no_grad()
def encode(model: SequenceModel, batch: Batch) -> End:
    """The one sequence of a batch."""
    return End(batch.inputs[:1], model.encode(batch).latents)


@torch.no_grad()
def between(
    model: SequenceModel, ends: tuple[End, End], weight: float, generator: torch.Generator | None = None
) -> NDArray[Any]:
    """What the model generates from latents between those of two sequences, as long as the longer one.

    Args:
        model: with latents.
        ends: the two sequences.
        weight: of the second sequence, from 0 to 1.
        generator: what frames are drawn from; without it the most likely one is taken.

    Returns:
        (T, D) or (T,).
    """

    def latents(t: int, prior: DiagonalGaussian) -> Tensor:
        first_BZ, second_BZ = (end.latents[t] if t < len(end.latents) else prior.mean for end in ends)
        return torch.lerp(first_BZ, second_BZ, weight)

    first, second = (end.first_input for end in ends)
    real = model.head.kind == "real"
    start = torch.lerp(first, second, weight) if real else first if weight <= 0.5 else second
    steps = max(len(end.latents) for end in ends)
    frames = model.generate(steps, 1, generator, start, latents, most_likely=generator is None)
    sequence: NDArray[Any] = frames[:, 0].cpu().numpy()
    return sequence


def interpolation(run: FinishedRun, pair: tuple[int, int], points: int, steps: int, drawn: bool) -> dict[str, Any]:
    """Two test sequences, cut to `steps`, and what is generated between them, by name, from left to right."""
    parts = run.parts
    device = next(parts.model.parameters()).device
    originals = [Sequence(*(x[:steps] for x in parts.dataset.test[index])) for index in pair]
    batches = [Batch(*(torch.from_numpy(x[:, None]) for x in original)) for original in originals]
    first, second = (encode(parts.model, batch.to(device)) for batch in batches)
    decoded = {
        f"weight {weight:.3g}": between(
            parts.model, (first, second), float(weight), stream(parts.seed, "interpolation") if drawn else None
        )
        for weight in np.linspace(0, 1, points)
    }
    names = [f"original {index}" for index in pair]
    return {names[0]: originals[0].targets, **decoded, names[1]: originals[1].targets}


def check(run: FinishedRun, options: argparse.Namespace) -> None:
    """Refuses a run without latents, and sequences that are not there."""
    if not run.parts.model.has_latent:
        raise UserError(f"{run.record['model']} has no latents to interpolate between; name a run of another model")
    count = len(run.parts.dataset.test)
    wrong = [index for index in (*options.first, *options.second) if not 0 <= index < count]
    if wrong:
        raise UserError(f"there is no test sequence {wrong[0]}: they are numbered from 0 to {count - 1}")


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    if len(options.first) != len(options.second):
        raise UserError(
            f"--from names {len(options.first)} sequence(s) and --to {len(options.second)}; name as many in both"
        )
    same = [a for a, b in zip(options.first, options.second, strict=True) if a == b]
    if same:
        raise UserError(f"--from and --to both name sequence {same[0]}; name two different ones")
    if options.points < 2:
        raise UserError(f"--points must be at least 2, got {options.points}")
    if options.steps is not None and options.steps < 1:
        raise UserError(f"--steps must be at least 1, got {options.steps}")
    run = load_run(options.run, options)
    check(run, options)
    steps = options.steps or run.parts.samples.steps
    # Drawn words hide what latents change; likely pixels and samples are those of black images and of silence.
    drawn = (options.frames or ("most-likely" if run.parts.model.head.categorical else "drawn")) == "drawn"
    rows = {
        f"{first}-{second}": interpolation(run, (first, second), options.points, steps, drawn)
        for first, second in zip(options.first, options.second, strict=True)
    }
    folder = Path(options.folder) if options.folder else run.folder / INTERPOLATION
    paths = run.parts.dataset.write_interpolations(folder, rows)
    note_files(folder, INTERPOLATED, describe(drawn), paths)
    for path in paths:
        print(path)


def describe(drawn: bool) -> str:
    """How sequences were generated."""
    frames = "drawn from the same random numbers at every weight" if drawn else "the most likely one at every step"
    return (
        f"generated from latents between those of two test sequences; the frame is {frames}, and the next one's input"
    )


if __name__ == "__main__":
    run_command(main)
