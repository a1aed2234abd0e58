"""How z_t enters the forward LSTM of Z-Forcing.

Both cells state their step once: `entering` is what can be computed for all time steps at once, `step` returns the
function that the time loop and generation call. Weights are stored input-major, (in, 4H), gates in the order
i, f, g, o, as in the released code.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zforcing.interface import State
from zforcing.networks import LayerNorm, lstm_step, mlp, normalise, uniform_weight

Step = Callable[[State, Tensor, Tensor], State]


class LatentAsInput(nn.Module):
    """gates = [W_g z_t + g, e_t] W_ih + b_ih + h_{t-1} W_hh + b_hh."""

    def __init__(self, embedding_size: int, latent_size: int, mlp_size: int, hidden_size: int) -> None:
        super().__init__()
        self.generator = nn.Linear(latent_size, mlp_size)
        self.weight_ih = nn.Parameter(uniform_weight(mlp_size + embedding_size, hidden_size))
        self.weight_hh = nn.Parameter(nn.init.orthogonal_(torch.empty(hidden_size, 4 * hidden_size)))
        self.bias_ih = nn.Parameter(torch.zeros(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.zeros(4 * hidden_size))

    def _split_weight(self) -> tuple[Tensor, Tensor]:
        """The rows of W_ih that read the generator's output and those that read e_t."""
        generated = self.generator.out_features
        return self.weight_ih[:generated], self.weight_ih[generated:]

    def entering(self, embedded: Tensor) -> Tensor:
        """Everything in the gates that does not depend on z or h, (..., E) -> (..., G)."""
        weight_generated, weight_embedded = self._split_weight()
        return embedded @ weight_embedded + self.generator.bias @ weight_generated + self.bias_ih + self.bias_hh

    def step(self) -> Step:
        """(h, c), z, entering -> (h, c). The linear generator is folded into the LSTM's input weights."""
        weight_z = self.generator.weight.t() @ self._split_weight()[0]

        def step(state: State, z: Tensor, entering: Tensor) -> State:
            hidden, cell = state
            return lstm_step(entering + hidden @ self.weight_hh + z @ weight_z, cell)

        return step


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

    def entering(self, embedded: Tensor) -> Tensor:
        """The normalised part of the gates that e_t gives, (..., E) -> (..., G)."""
        return self.input_norm(embedded @ self.weight_ih)

    def step(self) -> Step:
        """(h, c), z, entering -> (h, c)."""

        def step(state: State, z: Tensor, entering: Tensor) -> State:
            hidden, cell = state
            gain, bias = self.generator(z).clamp(-3.0, 3.0).chunk(2, -1)
            return lstm_step(entering + normalise(hidden @ self.weight_hh) * (1 + gain) + bias, cell)

        return step
