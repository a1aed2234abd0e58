"""The training objective: the one place where a weight multiplies a term."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import gin
from torch import Tensor

from benchmark.schedules import Constant, Schedule
from zforcing.checks import require
from zforcing.interface import StepTerms

LATE = 10**9  # an update after which no schedule moves


@gin.register
@dataclass(frozen=True)
class Objective:
    """-log p(y) + kl_weight KL + aux_weight auxiliary cost + backward_weight backward reconstruction.

    Terms are summed over scored steps and averaged over the sequences that have one. The released code applies its
    backward weight only while the auxiliary weight is positive; here the two are independent.

    Args:
        kl_weight, aux_weight, backward_weight: schedules over updates; 1, 0 and 0 throughout by default.
    """

    kl_weight: Schedule = field(default_factory=lambda: Constant(1.0))
    aux_weight: Schedule = field(default_factory=lambda: Constant(0.0))
    backward_weight: Schedule = field(default_factory=lambda: Constant(0.0))

    def __post_init__(self) -> None:
        for name in ("kl_weight", "aux_weight", "backward_weight"):
            schedule = getattr(self, name)
            require(
                callable(schedule) and not isinstance(schedule, type),
                f"Objective.{name} must be a schedule such as @Constant() or @Linear(), got {schedule!r}",
            )

    def weights(self, update: int) -> dict[str, float]:
        """The weights at an update, counted from 0."""
        return {
            "kl_weight": self.kl_weight(update),
            "aux_weight": self.aux_weight(update),
            "backward_weight": self.backward_weight(update),
        }

    def extremes(self) -> dict[str, dict[str, float]]:
        """The weights at the first update, and those that they end at if training lasts long enough."""
        return {"first": self.weights(0), "last": self.weights(LATE)}

    def __call__(self, terms: StepTerms, update: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss in nats per sequence, and its unweighted terms, detached, in the same unit."""
        return self.weigh(terms, self.weights(update))

    def weigh(self, terms: StepTerms, weights: Mapping[str, float | Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The same with the weights given, see `weights`; they may be scalars on the device."""
        sequences = terms.scored_TB.any(0).sum().clamp(min=1)
        means = {
            "log_px": terms.log_px.sum() / sequences,
            "kl": terms.kl.sum() / sequences,
            "aux_nll": terms.aux_nll.sum() / sequences,
            "backward_nll": terms.backward_nll.sum() / sequences,
        }
        loss = (
            -means["log_px"]
            + weights["kl_weight"] * means["kl"]
            + weights["aux_weight"] * means["aux_nll"]
            + weights["backward_weight"] * means["backward_nll"]
        )
        return loss, {"loss": loss.detach()} | {name: mean.detach() for name, mean in means.items()}
