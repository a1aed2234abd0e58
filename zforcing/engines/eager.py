"""The loop over time in plain autograd: the definition that every other engine has to agree with."""

from __future__ import annotations

import torch
from torch import Tensor

from zforcing.engines.loop import Course
from zforcing.engines.tape import Step


def run_loop(step: Step, start: tuple[Tensor, ...], over_time: tuple[Tensor, ...]) -> Course:
    """See `loop.run_loop`."""
    state, seen = start, []
    # unbind, not x[t]: the gradient of each index would be a full (T, B, .) tensor, a cost of T squared.
    for entering in zip(*(x.unbind(0) for x in over_time), strict=True):
        results = step((*state, *entering))
        paths = len(results) - len(start)
        state = results[paths:]
        seen.append(results[: paths + 1])
    *path, visible = map(torch.stack, zip(*seen, strict=True))
    return Course(tuple(path), visible, state)
