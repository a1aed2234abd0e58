"""The ground truth: a linear-Gaussian state space model, its exact likelihood, and the same model as a recurrent VAE.

    z_t = a z_{t-1} + q e_t,  z_0 = 0,      y_t = C z_t + r n_t,      e_t, n_t standard normal

a and q are vectors over the latents, r is a vector over the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zforcing.distributions import DiagonalGaussian
from zforcing.heads import GaussianHead
from zforcing.interface import Batch, State
from zforcing.recurrence import UNKNOWN, ChooseY, ChooseZ, Pass, Recurrence
from zforcing.recurrent_vae import RecurrentVAE


@dataclass(frozen=True)
class LinearGaussianSystem:
    """The parameters of a system, float64.

    Attributes:
        decay_Z: a.
        noise_Z: q, the standard deviation of the latent noise.
        loading_DZ: C.
        noise_D: r, the standard deviation of the observation noise.
    """

    decay_Z: Tensor
    noise_Z: Tensor
    loading_DZ: Tensor
    noise_D: Tensor

    def sample(self, steps: int, batch_size: int, generator: torch.Generator) -> Tensor:
        """y, (T, B, D)."""
        data_size, latent_size = self.loading_DZ.shape
        z_BZ = torch.zeros(batch_size, latent_size, dtype=torch.float64)
        frames = []
        for _ in range(steps):
            innovation_BZ = torch.randn(batch_size, latent_size, generator=generator, dtype=torch.float64)
            z_BZ = self.decay_Z * z_BZ + self.noise_Z * innovation_BZ
            noise_BD = torch.randn(batch_size, data_size, generator=generator, dtype=torch.float64)
            frames.append(z_BZ @ self.loading_DZ.t() + self.noise_D * noise_BD)
        return torch.stack(frames)

    def log_likelihood(self, y_TBD: Tensor) -> Tensor:
        """The exact log p(y_1 ... y_T) by the Kalman filter, in nats per sequence, (B,)."""
        transition_ZZ = torch.diag(self.decay_Z)
        mean_BZ = torch.zeros(y_TBD.shape[1], len(self.decay_Z), dtype=torch.float64)
        covariance_ZZ = torch.zeros_like(transition_ZZ)
        total_B = torch.zeros(y_TBD.shape[1], dtype=torch.float64)
        for y_BD in y_TBD:
            mean_BZ = mean_BZ @ transition_ZZ
            covariance_ZZ = transition_ZZ @ covariance_ZZ @ transition_ZZ + torch.diag(self.noise_Z**2)
            surprise_BD = y_BD - mean_BZ @ self.loading_DZ.t()
            spread_DD = self.loading_DZ @ covariance_ZZ @ self.loading_DZ.t() + torch.diag(self.noise_D**2)
            factor_DD = torch.linalg.cholesky(spread_DD)
            scaled_DB = torch.linalg.solve_triangular(factor_DD, surprise_BD.t(), upper=False)
            log_determinant = 2 * factor_DD.diagonal().log().sum()
            total_B -= 0.5 * (scaled_DB.square().sum(0) + log_determinant + len(spread_DD) * math.log(2 * math.pi))
            gain_ZD = torch.linalg.solve(spread_DD, self.loading_DZ @ covariance_ZZ).t()
            mean_BZ = mean_BZ + surprise_BD @ gain_ZD.t()
            covariance_ZZ = covariance_ZZ - gain_ZD @ self.loading_DZ @ covariance_ZZ
        return total_B


class LinearGaussianModel(RecurrentVAE):
    """The system as a recurrent VAE: p(z_t | z_{t-1}), q(z_t | z_{t-1}, y_t), p(y_t | z_t).

    The generative part is the system's own. The posterior is linear: mean = G [z_{t-1}, y_t] + g, with a free
    variance; `condition_on_y` sets it to p(z_t | z_{t-1}, y_t), the best that sees no future.
    """

    def __init__(self, system: LinearGaussianSystem) -> None:
        super().__init__(GaussianHead(len(system.noise_D)))
        self.latent_size = len(system.decay_Z)
        self.decay_Z = nn.Parameter(system.decay_Z.clone())
        self.log_noise_Z = nn.Parameter(system.noise_Z.log())
        self.loading_DZ = nn.Parameter(system.loading_DZ.clone())
        self.log_noise_D = nn.Parameter(system.noise_D.log())
        self.posterior_mean = nn.Linear(self.latent_size + len(system.noise_D), self.latent_size, dtype=torch.float64)
        self.posterior_log_variance = nn.Parameter(torch.zeros(self.latent_size, dtype=torch.float64))

    @torch.no_grad()
    def condition_on_y(self) -> None:
        """Sets the posterior to p(z_t | z_{t-1}, y_t), exact where its covariance is diagonal (Z = 1, or C'C is)."""
        precision_D = (-2 * self.log_noise_D).exp()
        prior_precision_Z = (-2 * self.log_noise_Z).exp()
        precision_ZZ = torch.diag(prior_precision_Z) + (self.loading_DZ.t() * precision_D) @ self.loading_DZ
        covariance_ZZ = torch.linalg.inv(precision_ZZ)
        from_z_ZZ = covariance_ZZ @ torch.diag(prior_precision_Z * self.decay_Z)
        from_y_ZD = covariance_ZZ @ (self.loading_DZ.t() * precision_D)
        self.posterior_mean.weight.copy_(torch.cat((from_z_ZZ, from_y_ZD), 1))
        self.posterior_mean.bias.zero_()
        self.posterior_log_variance.copy_(covariance_ZZ.diagonal().log())

    def initial_state(self, batch_size: int) -> State:
        """(z_0,): zeros."""
        return (self.zeros(batch_size, self.latent_size),)

    def recurrence(self) -> LinearGaussianRecurrence:
        return LinearGaussianRecurrence(self)

    def enter(self, batch: Batch, state: State) -> Pass:
        return Pass(self.recurrence(), LinearGaussianEntering(batch.targets), state)

    def generation_step(
        self, recurrence: Recurrence, state: State, u: Tensor, choose_z: ChooseZ, choose_y: ChooseY
    ) -> tuple[State, Tensor]:
        nothing = LinearGaussianEntering(UNKNOWN)
        z_BZ = choose_z(recurrence.prior(state[0], nothing))
        return (z_BZ,), choose_y(recurrence.emission(state[0], z_BZ, z_BZ, nothing))


class LinearGaussianEntering(NamedTuple):
    """What enters a step: y_t."""

    targets: Tensor


class LinearGaussianRecurrence(Recurrence):
    """The step of the linear-Gaussian model; the state is (z,)."""

    def __init__(self, model: LinearGaussianModel) -> None:
        self.model = model

    def prior(self, visible: Tensor, entering: LinearGaussianEntering) -> DiagonalGaussian:
        return DiagonalGaussian(self.model.decay_Z * visible, (2 * self.model.log_noise_Z).expand_as(visible))

    def posterior(self, visible: Tensor, entering: LinearGaussianEntering) -> DiagonalGaussian:
        mean = self.model.posterior_mean(torch.cat((visible, entering.targets), -1))
        return DiagonalGaussian(mean, self.model.posterior_log_variance.expand_as(mean))

    def advance(self, state: State, z: Tensor, entering: LinearGaussianEntering) -> State:
        return (z,)

    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: LinearGaussianEntering) -> Tensor:
        mean = z @ self.model.loading_DZ.t()
        return torch.cat((mean, (2 * self.model.log_noise_D).expand_as(mean)), -1)
