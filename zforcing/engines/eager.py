"""The time loop in plain autograd: the definition that every other engine has to agree with."""

from __future__ import annotations

import torch
from torch import Tensor

from zforcing.distributions import DiagonalGaussian
from zforcing.recurrence import Pass, Trajectory


def run(prepared: Pass, noise_TBZ: Tensor, from_prior: bool = False) -> Trajectory:
    """The recurrence over time; it holds only what depends on the step before."""
    recurrence, state = prepared.recurrence, prepared.start
    draw = recurrence.prior if from_prior else recurrence.posterior
    before, after, latents, means, log_variances = [], [], [], [], []
    # unbind, not x[t]: the gradient of each index would be a full (T, B, .) tensor, a cost of T squared.
    for noise_BZ, *entering in zip(noise_TBZ.unbind(0), *(x.unbind(0) for x in prepared.entering), strict=True):
        step = type(prepared.entering)(*entering)
        before.append(state[0])
        drawn = draw(state[0], step)
        latents.append(drawn.sample(noise_BZ))
        state = recurrence.advance(state, latents[-1], step)
        after.append(state[0])
        means.append(drawn.mean)
        log_variances.append(drawn.log_variance)
    posterior = DiagonalGaussian(torch.stack(means), torch.stack(log_variances))
    return Trajectory(torch.stack(before), torch.stack(after), torch.stack(latents), posterior, state)
