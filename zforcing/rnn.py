"""torch's LSTM and GRU, their loop over time run by the engine of the model they are part of."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zforcing.engines import resolve, run_step
from zforcing.engines.tape import Step
from zforcing.interface import State
from zforcing.networks import lstm_step


class LSTM(nn.LSTM):
    """nn.LSTM over (T, B, E) sequences without projection; `engine` as of `RecurrentVAE`.

    Only the compiled engine replaces PyTorch's own loop: it reuses weights that it has packed once for all steps.
    """

    engine: str = "auto"

    def forward(self, x_TBE: Tensor, state: State | None = None) -> tuple[Tensor, State]:  # type: ignore[override]
        if resolve(self.engine, x_TBE.device) != "compiled":
            result: tuple[Tensor, State] = super().forward(x_TBE, state)  # type: ignore[arg-type]
            return result
        if state is None:
            zeros = x_TBE.new_zeros(self.num_layers, x_TBE.shape[1], self.hidden_size)
            state = zeros, zeros
        lasts = []
        for layer in range(self.num_layers):
            weights = tuple(
                getattr(self, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            entering_TBG = F.linear(x_TBE, weights[0], weights[2] + weights[3])
            x_TBE, *last = _run(_lstm_step(weights[1]), (state[0][layer], state[1][layer]), entering_TBG, self.engine)
            lasts.append(last)
        return x_TBE, tuple(torch.stack(x) for x in zip(*lasts, strict=True))


class GRU(nn.GRU):
    """nn.GRU over (T, B, E) sequences, one layer; see `LSTM`."""

    engine: str = "auto"

    def forward(self, x_TBE: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if resolve(self.engine, x_TBE.device) != "compiled" or self.num_layers != 1:
            result: tuple[Tensor, Tensor] = super().forward(x_TBE, state)
            return result
        start_BH = x_TBE.new_zeros(x_TBE.shape[1], self.hidden_size) if state is None else state[0]
        weight_ih, weight_hh, bias_ih, bias_hh = self.all_weights[0]
        entering_TBG = F.linear(x_TBE, weight_ih, bias_ih)
        step = _gru_step(weight_hh, bias_hh)
        states_TBH, last_BH = _run(step, (start_BH,), entering_TBG, self.engine)
        return states_TBH, last_BH[None]


def _run(step: Step, start: State, entering_TBG: Tensor, engine: str) -> tuple[Tensor, ...]:
    """The hidden state of every step, and the last state."""
    course = run_step(step, start, (entering_TBG,), engine)
    return course.visible, *course.last


def _lstm_step(weight_GH: Tensor) -> Step:
    def step(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden_BH, cell_BH, entering_BG = inputs
        return lstm_step(entering_BG + F.linear(hidden_BH, weight_GH), cell_BH)

    return step


def _gru_step(weight_GH: Tensor, bias_G: Tensor) -> Step:
    def step(inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden_BH, entering_BG = inputs
        reset, update, candidate = F.linear(hidden_BH, weight_GH, bias_G).chunk(3, -1)
        entering_reset, entering_update, entering_candidate = entering_BG.chunk(3, -1)
        kept = (entering_update + update).sigmoid()
        candidate = (entering_candidate + (entering_reset + reset).sigmoid() * candidate).tanh()
        return (candidate + kept * (hidden_BH - candidate),)

    return step
