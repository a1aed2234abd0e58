"""A long sequence in segments whose activations are computed again in the backward pass: memory for time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from zforcing.distributions import DiagonalGaussian
from zforcing.interface import Batch, StepTerms
from zforcing.recurrence import Pass

Run = Callable[[Batch, Pass, Tensor, bool], StepTerms]


def run_in_segments(
    run: Run, batch: Batch, prepared: Pass, noise_TBZ: Tensor, from_prior: bool = False, steps: int | None = None
) -> StepTerms:
    """What `run` returns, with the same gradient, from segments of `steps` steps.

    For the backward pass only what enters the loop is kept, and the state between two segments; of everything else,
    the activations of the loop and of the networks after it, one segment is held at a time. It takes a second forward
    pass. What an engine keeps for itself, beside autograd's saved tensors, is not freed.

    Args:
        run: the time loop and the terms that its trajectory gives.
        batch, prepared, noise_TBZ, from_prior: what `run` is called with.
        steps: of a segment; None for one segment, of which nothing is computed again.
    """
    if steps is None or not torch.is_grad_enabled():
        return run(batch, prepared, noise_TBZ, from_prior)
    pieces: list[StepTerms] = []
    state = prepared.start
    for part, segment, noise in _cut(batch, prepared, noise_TBZ, steps):
        arguments = part, replace(segment, start=state), noise, from_prior
        # A segment draws no random numbers, so that none have to be drawn again.
        pieces.append(checkpoint(run, *arguments, use_reentrant=False, preserve_rng_state=False))
        state = pieces[-1].state
    return StepTerms(
        log_px=torch.cat([piece.log_px for piece in pieces]),
        kl=torch.cat([piece.kl for piece in pieces]),
        aux_nll=torch.cat([piece.aux_nll for piece in pieces]),
        backward_nll=torch.cat([piece.backward_nll for piece in pieces]),
        z=torch.cat([piece.z for piece in pieces]),
        prior=_joined([piece.prior for piece in pieces]),
        posterior=_joined([piece.posterior for piece in pieces]),
        scored_TB=batch.scored_TB,
        state=(*state, *prepared.carried),
    )


def _cut(batch: Batch, prepared: Pass, noise_TBZ: Tensor, steps: int) -> Iterator[tuple[Batch, Pass, Tensor]]:
    """Batch, pass and noise of every segment, all with the start of the sequence."""
    count = -(-batch.steps // steps)

    # split, not x[a:b]: the gradient of each slice would be a full (T, B, .) tensor.
    def split(x: Tensor | None) -> tuple[Tensor, ...] | list[None]:
        return [None] * count if x is None else x.split(steps)

    of_batch = zip(batch.inputs.split(steps), batch.targets.split(steps), split(batch.mask), strict=True)
    of_pass = zip(*(x.split(steps) for x in prepared.entering), strict=True)
    together = zip(of_batch, of_pass, split(prepared.backward_TBH), noise_TBZ.split(steps), strict=True)
    for parts, entering, backward_TBH, noise in together:
        segment = Pass(prepared.recurrence, type(prepared.entering)(*entering), prepared.start, (), backward_TBH)
        yield Batch(*parts), segment, noise


def _joined(parts: list[DiagonalGaussian | None]) -> DiagonalGaussian:
    """The distributions of consecutive segments as one."""
    found = [part for part in parts if part is not None]
    return DiagonalGaussian(torch.cat([x.mean for x in found]), torch.cat([x.log_variance for x in found]))
