"""Bounds on log p(y) as functions of per-step log weights."""

from __future__ import annotations

from torch import Tensor

from zforcing.interface import StepTerms


def elbo(terms: StepTerms) -> Tensor:
    """Sum over time of log p(y_t | ...) - KL_t, in nats per sequence, (B,).

    A lower bound on log p(y_1 ... y_T) with the KL in closed form; for a model without latents it is exact.
    """
    return (terms.log_px - terms.kl).sum(0)
