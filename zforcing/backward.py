"""The network that reads the future: b_t summarises y_t ... y_T."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zforcing.heads import Head
from zforcing.interface import Batch
from zforcing.networks import orthogonal_recurrence
from zforcing.rnn import GRU, LSTM


class BackwardNetwork(nn.Module):
    """A recurrent network over features of y_T ... y_1, and a linear head that predicts u_t from its state b_t.

    Args:
        head: the likelihood of the reconstruction of u_t.
        input_size: E of the features.
        hidden_size: H of every layer; b_t is the last layer's.
        layers: recurrent layers.
        kind: 'lstm' or 'gru'.
        reads_padding: start every sequence at the batch's last step, padding included, as the released code does.
            A result then depends on what else is in the batch. Otherwise a sequence starts at its own last scored
            step.
    """

    def __init__(
        self,
        head: Head,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        reads_padding: bool = False,
        kind: str = "lstm",
    ) -> None:
        super().__init__()
        self.head = head
        self.reads_padding = reads_padding
        self.rnn = {"lstm": LSTM, "gru": GRU}[kind](input_size, hidden_size, layers)
        orthogonal_recurrence(self.rnn)
        self.reconstruction = nn.Linear(hidden_size, head.parameter_size)

    def forward(self, features_TBE: Tensor, batch: Batch) -> Tensor:
        """b_1 ... b_T, (T, B, H), from features of y_1 ... y_T."""
        if self.reads_padding or batch.mask is None:
            return self.rnn(features_TBE.flip(0))[0].flip(0)
        order_TB1 = reversed_order(batch.length_B, batch.steps)[..., None]
        states_TBH, _ = self.rnn(features_TBE.gather(0, order_TB1.expand_as(features_TBE)))
        return states_TBH.gather(0, order_TB1.expand_as(states_TBH))

    def reconstruction_nll(self, backward_TBH: Tensor, inputs: Tensor) -> Tensor:
        """-log p(u_t | b_t), (T, B)."""
        return -self.head.log_prob(self.reconstruction(backward_TBH), inputs)


def reversed_order(length_B: Tensor, steps: int) -> Tensor:
    """(T, B) time indices that reverse each sequence within its length and leave its padding in place.

    The order is its own inverse.
    """
    step_T1 = torch.arange(steps, device=length_B.device)[:, None]
    return torch.where(step_T1 < length_B, length_B - 1 - step_T1, step_T1)
