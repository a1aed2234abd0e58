"""Signs of posterior collapse that stand beside every bound."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zforcing.distributions import DiagonalGaussian


def mutual_information(posterior: DiagonalGaussian, z_NZ: Tensor) -> float:
    """An estimate in nats of how much one step's latents tell about which step of the data they belong to.

    The mean over N steps of log q(z_n | data of step n) - log 1/N sum_m q(z_n | data of step m), z_n being drawn from
    the first. It is 0 when all posteriors are the same and at most log N (the aggregated posterior of Hoffman and
    Johnson 2016, from a sample). Where the prior depends on the past it counts what the prior foresees as well, so
    that it may exceed the KL.

    Args:
        posterior: of N steps, (N, Z).
        z_NZ: a sample of each.
    """
    pairs_NN = torch.stack([posterior.log_prob(z_Z) for z_Z in z_NZ])
    aggregated_N = torch.logsumexp(pairs_NN, 1) - math.log(len(z_NZ))
    return float((pairs_NN.diagonal() - aggregated_N).mean())


def active_units(variance_Z: Tensor, threshold: float) -> int:
    """How many latents have a posterior mean whose variance over the data exceeds the threshold (Burda et al. 2016)."""
    return int((variance_Z > threshold).sum())
