"""One update of the weights; it never waits for the device.

A non-finite update is left out on the device: weights and the optimiser's state stay as they are, bit by bit. What an
update gave stays on the device too, until `Update.fetch` brings the outcomes of all updates since the last call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.objective import Objective
from zforcing.interface import Batch, SequenceModel, State


@dataclass(frozen=True)
class Outcome:
    """What one update gave: the loss, its unweighted terms and `gradient_norm`, the norm before it was clipped."""

    values: dict[str, float]

    @property
    def skipped(self) -> bool:
        """The update was left out, because its loss or its gradient was not finite."""
        return not (math.isfinite(self.values["loss"]) and math.isfinite(self.values["gradient_norm"]))


class Update:
    """Makes the updates of a training.

    Args:
        model, objective, optimiser: what is trained, for what, and how.
        gradient_clip: the largest total norm of the gradient.
        carry_state: let sequences go on from the last state of the batch before.

    Attributes:
        state: what the sequences of the next batch may go on from; zeros after an update that was left out.
    """

    def __init__(
        self,
        model: SequenceModel,
        objective: Objective,
        optimiser: torch.optim.Optimizer,
        gradient_clip: float,
        carry_state: bool = False,
    ) -> None:
        self.model = model
        self.objective = objective
        self.optimiser = optimiser
        self.gradient_clip = gradient_clip
        self.carry_state = carry_state
        self.device = next(model.parameters()).device
        self.state: State | None = None
        self._names: list[str] = []
        self._values: list[Tensor] = []

    def __call__(self, batch: Batch, noise_TBZ: Tensor, goes_on_B: Tensor, update: int) -> None:
        """Makes one update.

        Args:
            batch, noise_TBZ: the sequences and the noise of their latents, on the model's device.
            goes_on_B: which sequences go on from those of the batch before, on the CPU.
            update: its number, from 0, which the weights of the objective depend on.
        """
        values, last = self._run(batch, noise_TBZ, self._carried(goes_on_B), self.objective.weights(update))
        self._values.append(values)
        if self.carry_state:
            self.state = last

    def fetch(self) -> list[Outcome]:
        """The outcomes of the updates since the last call. Waits for the device."""
        rows = torch.stack(self._values).tolist() if self._values else []
        self._values = []
        return [Outcome(dict(zip(self._names, row, strict=True))) for row in rows]

    def _carried(self, goes_on_B: Tensor) -> State | None:
        """The state that each sequence starts from: that of the batch before where it goes on, zero elsewhere."""
        if self.state is None or not bool(goes_on_B.any()):
            return None
        kept_B = goes_on_B.to(self.device, non_blocking=True)
        return tuple(x * kept_B.view(-1, *(1,) * (x.dim() - 1)) for x in self.state)

    def _run(
        self, batch: Batch, noise_TBZ: Tensor, state: State | None, weights: Mapping[str, float | Tensor]
    ) -> tuple[Tensor, State]:
        """The whole update, with no choice that depends on a value. Returns its outcome and the last state."""
        terms = self.model(batch, noise_TBZ, state)
        loss, means = self.objective.weigh(terms, weights)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.gradient_clip)
        finite = torch.isfinite(loss) & torch.isfinite(norm)
        self._step(finite)
        values = {**means, "gradient_norm": norm}
        self._names = list(values)
        return torch.stack(list(values.values())), tuple(torch.where(finite, x.detach(), 0.0) for x in terms.state)

    def _step(self, finite: Tensor) -> None:
        if skips_on_device(self.optimiser):
            self.optimiser.found_inf = (~finite).float()  # type: ignore[attr-defined]
            self.optimiser.step()
        elif bool(finite):
            self.optimiser.step()


def skips_on_device(optimiser: torch.optim.Optimizer) -> bool:
    """Whether the optimiser leaves out a step itself when its `found_inf` says so; with others the host has to know.

    torch's fused optimisers do. Momentum is excepted: fused SGD takes it for begun after a first step was left out.
    """
    return all(group.get("fused") and not group.get("momentum") for group in optimiser.param_groups)
