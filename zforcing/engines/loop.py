"""A step run over time as one node of the autograd graph."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._pytree import tree_flatten, tree_unflatten

from zforcing.engines.derivation import derive
from zforcing.engines.fused import Loop
from zforcing.engines.tape import Step, Tape, record, signature

MOST_LOOPS = 64  # of different steps and shapes that are kept
# Why there is none is kept as well, in words: an exception would keep every tensor alive that its traceback sees.
LOOPS: dict[Hashable, Loop | str] = {}

MOST_ROWS = 256  # that are computed together: what is read again is then still in a processor's cache


class Course(NamedTuple):
    """What a loop leaves: the path and the visible state of every step, (T, B, .), and the last state, (B, .)."""

    path: tuple[Tensor, ...]
    visible: Tensor
    last: tuple[Tensor, ...]


def run_loop(step: Step, start: tuple[Tensor, ...], over_time: tuple[Tensor, ...], generate: type[Loop]) -> Course:
    """Runs a step over time.

    Args:
        step: (*path, *state) from (*state, *what enters); the first tensor of the state is the visible one.
        start: the state before the first step, (B, .) each.
        over_time: what enters, (T, B, .) each.
        generate: the kind of loop.

    Raises:
        NotImplementedError: the step mixes the sequences of a batch.
    """
    results, paths = _run(step, start, over_time, generate)
    return Course(results[:paths], results[paths], results[paths + 1 :])


def run_rows(function: Step, rows: tuple[Tensor, ...], generate: type[Loop]) -> tuple[Tensor, ...]:
    """Computes a function of rows, some of them after the others.

    Args:
        function: treats every row by itself, and gives tensors of as many rows.
        rows: its arguments, (T, B, .) each.
        generate: the kind of loop, one that is for any number of rows.

    Raises:
        NotImplementedError: the function mixes rows.
    """
    steps, batch = rows[0].shape[:2]
    together = max((n for n in range(1, steps + 1) if steps % n == 0 and n * batch <= MOST_ROWS), default=1)
    pieces = tuple(x.reshape(steps // together, together * batch, *x.shape[2:]) for x in rows)
    results, _ = _run(function, (), pieces, generate)
    return tuple(x.reshape(steps, batch, *x.shape[2:]) for x in results)


def _run(
    step: Step, start: tuple[Tensor, ...], over_time: tuple[Tensor, ...], generate: type[Loop]
) -> tuple[tuple[Tensor, ...], int]:
    """What the loop gives, and how many paths come first."""
    whole = (*start, *(x[0] for x in over_time))
    first, tape = _recorded(step, whole, generate.example_rows)
    wanted = tuple(torch.is_grad_enabled() and x.requires_grad for x in (*start, *over_time, *tape.weights))
    # The state of every step but the first depends on whatever has a gradient.
    wanted = ((any(wanted),) * len(start)) + wanted[len(start) :]
    key = (generate, len(start), tape.structure, tuple(map(signature, first)), wanted)
    try:
        loop = LOOPS.get(key)
    except TypeError as error:  # a slice, which cannot be a key before Python 3.12
        raise NotImplementedError("indexing by slices") from error
    if loop is None:
        if len(LOOPS) >= MOST_LOOPS:
            del LOOPS[next(iter(LOOPS))]
        # What a derivation saves is no part of the loop: checkpointing and measurements of memory must not see it.
        with saved_tensors_hooks(lambda x: x, lambda x: x):
            loop = _generated(generate, tape, first, len(start), wanted)
            if generate.example_rows and isinstance(loop, Loop):
                loop = _checked(loop, step, whole, wanted, generate.example_rows + 1)
        LOOPS[key] = loop
    if isinstance(loop, str):
        raise NotImplementedError(loop)
    results: tuple[Tensor, ...] = _LoopFunction.apply(loop, *start, *over_time, *tape.weights)
    return results, loop.paths


def _checked(loop: Loop, step: Step, inputs: tuple[Tensor, ...], wanted: tuple[bool, ...], rows: int) -> Loop | str:
    """The loop, or what is wrong with it for another number of rows than it was made from."""
    try:
        first, tape = _recorded(step, inputs, rows)
    except NotImplementedError as error:
        return str(error)
    if loop.same(_generated(type(loop), tape, first, loop.states, wanted)):
        return loop
    return "the compiled engine cannot run a step that depends on the number of sequences"


def _recorded(step: Step, inputs: tuple[Tensor, ...], rows: int | None) -> tuple[tuple[Tensor, ...], Tape]:
    """Inputs of so many rows, all like the first, and the tape of the step for them; the inputs themselves if None."""
    if rows is None:
        return inputs, record(step, inputs)
    inputs = tuple(x[:1].expand(rows, *x.shape[1:]) for x in inputs)
    try:
        return inputs, record(step, inputs)
    except RuntimeError as error:
        raise NotImplementedError(
            f"the compiled engine cannot run a step that holds tensors of one number of sequences ({error})"
        ) from error


def _generated(
    generate: type[Loop], tape: Tape, first: tuple[Tensor, ...], states: int, wanted: tuple[bool, ...]
) -> Loop | str:
    """The loop, or why there is none."""
    try:
        return generate(derive(tape, first, states, wanted), states)
    except Exception as error:
        # A step that the derivation does not foresee may fail anywhere in it; plain autograd runs every step.
        return str(error) or type(error).__name__


class _LoopFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loop: Loop, *tensors: Tensor) -> tuple[Tensor, ...]:
        counts = loop.states, len(loop.derivation.inputs)
        start, over_time, weights = tensors[: counts[0]], tensors[counts[0] : counts[1]], tensors[counts[1] :]
        keep = any(ctx.needs_input_grad)
        differentiable = loop.derivation.differentiable[: loop.paths]
        results, kept = loop.forward(start, over_time, weights, keep)
        if keep:
            ctx.mark_non_differentiable(*(x for x, has in zip(results, differentiable, strict=False) if not has))
            saved, ctx.form = tree_flatten(kept)
            ctx.loop = loop
            ctx.save_for_backward(*saved)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        return None, *ctx.loop.backward(tree_unflatten(ctx.saved_tensors, ctx.form), gradients)
