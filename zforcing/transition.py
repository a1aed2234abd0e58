"""How z_t enters the forward LSTM of Z-Forcing.

`prepare` gives a cell's step, stated once for the time loop and for generation: `entering` is what can be computed for
all time steps at once, `advance` what cannot. Weights are stored input-major, (in, 4H), gates in the order
i, f, g, o, as in the released code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from zforcing.interface import State
from zforcing.networks import LayerNorm, lstm_step, mlp, normalise, uniform_weight


class LatentAsInput(nn.Module):
    """gates = [W_g z_t + g, e_t] W_ih + b_ih + h_{t-1} W_hh + b_hh."""

    def __init__(self, embedding_size: int, latent_size: int, mlp_size: int, hidden_size: int) -> None:
        super().__init__()
        self.generator = nn.Linear(latent_size, mlp_size)
        self.weight_ih = nn.Parameter(uniform_weight(mlp_size + embedding_size, hidden_size))
        self.weight_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden_size, 4 * hidden_size)))
        self.bias_ih = nn.Parameter(torch.zeros(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.zeros(4 * hidden_size))

    def prepare(self) -> InputStep:
        """The weights as the time loop needs them."""
        # One split, not two slices: the gradient of a slice is a full tensor of zeros around it.
        sizes = [self.generator.out_features, self.weight_ih.shape[0] - self.generator.out_features]
        weight_generated, weight_embedded = self.weight_ih.split(sizes)
        return InputStep(
            weight_embedded,
            self.generator.bias @ weight_generated + self.bias_ih + self.bias_hh,
            self.weight_hh,
            self.generator.weight.t() @ weight_generated,
        )


class InputStep(NamedTuple):
    """The step of `LatentAsInput`, the linear generator folded into the LSTM's input weights."""

    weight_embedded: Tensor
    bias: Tensor
    weight_hidden: Tensor
    weight_z: Tensor

    def entering(self, embedded: Tensor) -> Tensor:
        """Everything in the gates that does not depend on z or h, (..., E) -> (..., G)."""
        return embedded @ self.weight_embedded + self.bias

    def advance(self, state: State, z: Tensor, entering: Tensor) -> State:
        """(h, c), z, entering -> (h, c)."""
        hidden, cell = state
        return lstm_step(entering + hidden @ self.weight_hidden + z @ self.weight_z, cell)


class LatentAsNorm(nn.Module):
    """gates = LN(e_t W_ih; learned gain and bias) + LN(h_{t-1} W_hh; gain 1 + G, bias B), [G, B] from z_t (`cond_ln`).

    [G, B] is an MLP of z_t clamped to +-3. The normalisation runs over all 4H gates jointly; there are no other
    biases.
    """

    def __init__(self, embedding_size: int, latent_size: int, mlp_size: int, hidden_size: int) -> None:
        super().__init__()
        self.generator = mlp(latent_size, mlp_size, 8 * hidden_size)
        self.weight_ih = nn.Parameter(uniform_weight(embedding_size, hidden_size))
        self.weight_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden_size, 4 * hidden_size)))
        self.input_norm = LayerNorm(4 * hidden_size)

    def prepare(self) -> NormStep:
        """The weights as the time loop needs them."""
        return NormStep(self.weight_ih, self.input_norm, self.weight_hh, self.generator)


class NormStep(NamedTuple):
    """The step of `LatentAsNorm`."""

    weight_embedded: Tensor
    input_norm: LayerNorm
    weight_hidden: Tensor
    generator: nn.Sequential

    def entering(self, embedded: Tensor) -> Tensor:
        """The normalised part of the gates that e_t gives, (..., E) -> (..., G)."""
        normalised: Tensor = self.input_norm(embedded @ self.weight_embedded)
        return normalised

    def advance(self, state: State, z: Tensor, entering: Tensor) -> State:
        """(h, c), z, entering -> (h, c)."""
        hidden, cell = state
        gain, bias = self.generator(z).clamp(-3.0, 3.0).chunk(2, -1)
        return lstm_step(entering + normalise(hidden @ self.weight_hidden) * (1 + gain) + bias, cell)
