"""The auxiliary cost of Z-Forcing: z_t has to predict the state b_t of the backward network."""

from __future__ import annotations

from dataclasses import dataclass

import gin
import torch
from torch import Tensor, nn

from zforcing.checks import require_choice, require_flags
from zforcing.distributions import DiagonalGaussian
from zforcing.networks import mlp

LOSSES = ("gaussian", "l2")


@gin.register
@dataclass(frozen=True)
class Auxiliary:
    """Adds the auxiliary cost to a baseline.

    A model whose posterior does not read the future gets a backward network for it. That network learns only from the
    backward reconstruction (`Objective.backward_weight`), because the cost holds its states constant.

    Args:
        loss, z_force: see `AuxiliaryCost`.
    """

    loss: str = "gaussian"
    z_force: bool = False

    def __post_init__(self) -> None:
        require_choice(LOSSES, loss=self.loss)
        require_flags(z_force=self.z_force)

    def cost(
        self, hidden_size: int, latent_size: int, backward_size: int, mlp_size: int, own_network: bool
    ) -> AuxiliaryCost:
        return AuxiliaryCost(hidden_size, latent_size, backward_size, mlp_size, self.loss, self.z_force, own_network)


class AuxiliaryCost(nn.Module):
    """-log p(b_t | z_t, h_{t-1}), paper section 3.2.

    b_t is a constant here: the gradient reaches z_t and h_{t-1} (and through z_t the posterior and the backward
    network), never b_t as a target.

    Args:
        hidden_size: H of h_{t-1}.
        latent_size: Z.
        backward_size: H of b_t.
        mlp_size: M.
        loss: 'gaussian' for a Gaussian log-density, 'l2' for the squared distance to its mean.
        z_force: predict from z_t alone, h_{t-1} being multiplied by zero.
        own_network: the backward network is there for the cost alone, so that nothing but the backward reconstruction
            trains it.
    """

    def __init__(
        self,
        hidden_size: int,
        latent_size: int,
        backward_size: int,
        mlp_size: int,
        loss: str = "gaussian",
        z_force: bool = False,
        own_network: bool = False,
    ) -> None:
        super().__init__()
        require_choice(LOSSES, aux_loss=loss)
        self.loss = loss
        self.z_force = z_force
        self.own_network = own_network
        self.network = mlp(hidden_size + latent_size, mlp_size, 2 * backward_size)

    def forward(self, hidden: Tensor, z: Tensor, backward: Tensor) -> Tensor:
        """The cost in nats (a squared distance for 'l2'), (..., H), (..., Z), (..., H) -> (...)."""
        hidden = hidden * 0.0 if self.z_force else hidden
        raw = DiagonalGaussian.from_parameters(self.network(torch.cat((hidden, z), -1)), clamp=8.0)
        prediction = DiagonalGaussian(raw.mean.tanh(), raw.log_variance)
        if self.loss == "l2":
            return (backward.detach() - prediction.mean).square().sum(-1)
        return -prediction.log_prob(backward.detach())
