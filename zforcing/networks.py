"""The networks that models are built of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zforcing.checks import require, require_numbers, require_sizes
from zforcing.heads import Head


class LReLU(nn.Module):
    """Leaky ReLU with slope 1/3, clamped to +-3 (released code of SRNN and of Z-Forcing)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, 1 / 3).clamp(-3.0, 3.0)


def mlp(inputs: int, hidden: int, outputs: int, layers: int = 1) -> nn.Sequential:
    """`layers` hidden layers with LReLU."""
    deeper = [module for _ in range(layers - 1) for module in (nn.Linear(hidden, hidden), LReLU())]
    return nn.Sequential(nn.Linear(inputs, hidden), LReLU(), *deeper, nn.Linear(hidden, outputs))


class Embedding(nn.Module):
    """e_t = W u_t: a linear layer, or a table for categorical data; dropout after it."""

    def __init__(self, head: Head, embedding_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        layer = nn.Embedding if head.categorical else nn.Linear
        require_numbers(0.0, dropout=dropout)
        require(dropout < 1, f"dropout must be below 1, got {dropout!r}")
        self.layer = layer(head.data_size, embedding_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.layer(x))


class WordDropout(nn.Module):
    """Each word but the symbol 0, the beginning of a sequence, becomes `unknown` with a probability; only in training.

    For the inputs of a decoder, which then has to draw on its latents (Bowman et al. 2016); never for
    targets. A dropped word is not known to be one: nothing is rescaled.

    Args:
        probability: 1 minus their keep rate; at 1 the decoder sees no word.
        unknown: the index of <unk>.
    """

    def __init__(self, probability: float, unknown: int) -> None:
        super().__init__()
        require_numbers(0.0, probability=probability)
        require(probability <= 1, f"probability must be at most 1, got {probability!r}")
        require_sizes(unknown=unknown)
        self.probability = probability
        self.unknown = unknown

    def forward(self, words: Tensor) -> Tensor:
        """(...) integer -> the same shape, with random numbers from torch's global generator."""
        if not self.training or self.probability == 0:
            return words
        dropped = torch.rand(words.shape, device=words.device) < self.probability
        return words.masked_fill(dropped & (words != 0), self.unknown)


class SplitFirstLayer:
    """The MLP of two joined inputs [x, context], its first layer applied to each part on its own.

    The context's part is computed for all time steps at once, so that the time loop multiplies only what depends
    on the loop's state.
    """

    def __init__(self, network: nn.Sequential, size: int) -> None:
        first, self.rest = network[0], network[1:]
        assert isinstance(first, nn.Linear)
        # One split, not two slices: the gradient of a slice is a full tensor of zeros around it.
        self.weight_x, self.weight_context = first.weight.split([size, first.in_features - size], 1)
        self.bias = first.bias

    def context(self, context: Tensor) -> Tensor:
        """The context's part of the hidden layer, (..., C) -> (..., M)."""
        return F.linear(context, self.weight_context, self.bias)

    def __call__(self, x: Tensor, context_M: Tensor) -> Tensor:
        hidden: Tensor = self.rest(context_M + F.linear(x, self.weight_x))
        return hidden


def orthogonal_recurrence(rnn: nn.RNNBase) -> None:
    """Makes the recurrent weights of every layer orthogonal."""
    for layer in range(rnn.num_layers):
        nn.init.orthogonal_(getattr(rnn, f"weight_hh_l{layer}"))


def uniform_weight(inputs: int, hidden_size: int) -> Tensor:
    """(inputs, 4H), uniform in +-1/sqrt(H)."""
    bound = hidden_size**-0.5
    return torch.empty(inputs, 4 * hidden_size).uniform_(-bound, bound)


def lstm_step(gates_G: Tensor, cell_H: Tensor) -> tuple[Tensor, Tensor]:
    """The pointwise part of an LSTM, gates in the order i, f, g, o. Returns (h, c)."""
    i, f, g, o = gates_G.chunk(4, -1)
    cell_H = f.sigmoid() * cell_H + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell_H.tanh(), cell_H


def normalise(x: Tensor) -> Tensor:
    """(x - mean) / sqrt(unbiased variance + 1e-5) over the last dimension."""
    return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(x.var(-1, keepdim=True) + 1e-5)


class LayerNorm(nn.Module):
    """Layer normalisation with unbiased variance and learned gain and bias, both of shape (1, size)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, size))
        self.bias = nn.Parameter(torch.zeros(1, size))

    def forward(self, x: Tensor) -> Tensor:
        return normalise(x) * self.gain + self.bias
