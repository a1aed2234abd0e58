"""Bounds on log p(y_1 ... y_T), as functions of per-step log weights; they serve every model with latents.

The log weight of step t is log p(y_t | ...) + log p(z_t | ...) - log q(z_t | ...).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zforcing.engines import run_time_loop
from zforcing.interface import Batch, State, StepTerms
from zforcing.recurrence import Pass
from zforcing.recurrent_vae import RecurrentVAE

RESAMPLING = ("multinomial", "systematic")


def elbo(terms: StepTerms) -> Tensor:
    """Sum over time of log p(y_t | ...) - KL_t, in nats per sequence, (B,).

    A lower bound on log p(y_1 ... y_T) with the KL in closed form; for a model without latents it is exact. Summed in
    float64.
    """
    return (terms.log_px - terms.kl).sum(0, dtype=torch.float64)


def log_weights(terms: StepTerms) -> Tensor:
    """The log weight of every step, (T, B); 0 where a step is not scored."""
    return terms.log_px + terms.log_pz - terms.log_qz


def importance_weighted(log_weights_KB: Tensor) -> Tensor:
    """log of the mean of K weights per sequence, (K, B) -> (B,) (IWAE, Burda et al. 2016)."""
    return torch.logsumexp(log_weights_KB, 0) - math.log(len(log_weights_KB))


def iwae(model: RecurrentVAE, batch: Batch, samples: int, generator: torch.Generator | None = None) -> Tensor:
    """The IWAE bound with `samples` joint samples of z_1 ... z_T, in nats per sequence, (B,). Summed in float64."""
    many = repeated(batch, samples)
    terms = model(many, model.draw_noise(many.steps, many.size, generator))
    return importance_weighted(log_weights(terms).sum(0, dtype=torch.float64).view(samples, batch.size))


def fivo(
    model: RecurrentVAE,
    batch: Batch,
    particles: int,
    generator: torch.Generator | None = None,
    resampling: str = "systematic",
    threshold: float = 0.5,
) -> Tensor:
    """The FIVO bound (Maddison et al. 2017): the log of a particle filter's estimate, in nats per sequence, (B,).

    The filter resamples a sequence when the effective sample size of its weights falls below `threshold` x particles.
    With a threshold of 0 it never does, and the bound is IWAE's. It is unbiased for a posterior that does not depend
    on the future through anything that resampling would have to change, which holds for every model here: b_t is a
    function of the data alone. Summed in float64.
    """
    many = repeated(batch.without_padding_values(), particles)
    prepared = model.enter(many, model.initial_state(many.size))
    noise_TBZ = model.draw_noise(many.steps, many.size, generator)
    state = prepared.start
    total_B = noise_TBZ.new_zeros(batch.size, dtype=torch.float64)
    log_weight_KB = total_B.new_full((particles, batch.size), -math.log(particles))
    for t in range(many.steps):
        increments_KB, state = _step(model, many, prepared, noise_TBZ, state, t)
        updated_KB = log_weight_KB + increments_KB.view(particles, batch.size)
        scored_B = torch.logsumexp(updated_KB, 0)
        total_B = total_B + scored_B
        log_weight_KB = updated_KB - scored_B
        effective_B = torch.exp(-torch.logsumexp(2 * log_weight_KB, 0))
        poor_B = (effective_B < threshold * particles) & batch.scored_TB[t]
        if bool(poor_B.any()):
            ancestors_KB = resample(log_weight_KB, resampling, generator)
            own_KB = torch.arange(particles, device=poor_B.device)[:, None].expand_as(ancestors_KB)
            chosen_KB = torch.where(poor_B, ancestors_KB, own_KB)
            state = tuple(_pick(x, chosen_KB) for x in state)
            log_weight_KB = torch.where(poor_B, torch.full_like(log_weight_KB, -math.log(particles)), log_weight_KB)
    return total_B


def repeated(batch: Batch, count: int) -> Batch:
    """Every sequence `count` times, the copies of the whole batch one after another."""
    times = (1, count) + (1,) * (batch.inputs.dim() - 2)
    mask = None if batch.mask is None else batch.mask.repeat(1, count)
    return Batch(batch.inputs.repeat(times), batch.targets.repeat(times), mask)


def resample(log_weights_KB: Tensor, method: str, generator: torch.Generator | None = None) -> Tensor:
    """Ancestor indices, (K, B), drawn in proportion to normalised weights.

    'multinomial' draws K times independently; 'systematic' takes K equally spaced points with one common offset per
    sequence, which has a smaller variance. The gradient of the choice is left out, as in FIVO.
    """
    if method not in RESAMPLING:
        raise ValueError(f"resampling must be one of {', '.join(RESAMPLING)}, got {method!r}")
    particles, size = log_weights_KB.shape
    drawn_on = log_weights_KB.device if generator is None else generator.device
    shape = (particles, size) if method == "multinomial" else (1, size)
    points = torch.rand(shape, generator=generator, device=drawn_on).to(log_weights_KB)
    if method == "systematic":
        points = (points + torch.arange(particles, device=points.device)[:, None]) / particles
    cumulative_BK = log_weights_KB.detach().softmax(0).cumsum(0).t().contiguous()
    found_BK = torch.searchsorted(cumulative_BK, points.t().contiguous(), right=True)
    return found_BK.t().clamp(max=particles - 1)


def _step(
    model: RecurrentVAE, batch: Batch, prepared: Pass, noise_TBZ: Tensor, state: State, t: int
) -> tuple[Tensor, State]:
    """The log weights of step t of every particle, (B,), and the state after it."""
    now = slice(t, t + 1)
    one = Batch(batch.inputs[now], batch.targets[now], None if batch.mask is None else batch.mask[now])
    entering = type(prepared.entering)(*(x[now] for x in prepared.entering))
    single = Pass(prepared.recurrence, entering, state)
    path = run_time_loop(single, noise_TBZ[now], engine="eager")
    return log_weights(model.terms(one, single, path))[0], path.last


def _pick(x: Tensor, chosen_KB: Tensor) -> Tensor:
    """The rows of the chosen ancestors, x being (K B, .)."""
    size = chosen_KB.shape[1]
    rows_KB = chosen_KB * size + torch.arange(size, device=chosen_KB.device)
    return x[rows_KB.reshape(-1)]
