"""What a model states for the time loop: what enters it, its step, and what the loop leaves.

An engine (`zforcing.engines`) runs the step over time; nothing here or in a model knows how.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from zforcing.distributions import DiagonalGaussian
from zforcing.interface import State

Entering = Any  # a NamedTuple of the model's own, of (T, B, .) tensors, or of (B, .) ones for a single step
ChooseZ = Callable[[DiagonalGaussian], Tensor]  # z_t, (B, Z), from p(z_t | ...)
ChooseY = Callable[[Tensor], Tensor]  # y_t, (B, D), from the parameters of its emission


class Recurrence(ABC):
    """One model's equations for one pass, with the weights that they share over time prepared.

    `visible` is the first tensor of the state: all of it that anything but `advance` may see. Every method works on
    one step, (B, .), and on a whole trajectory at once, (T, B, .).
    """

    @abstractmethod
    def prior(self, visible: Tensor, entering: Entering) -> DiagonalGaussian:
        """p(z_t | ...) from the state before step t."""

    @abstractmethod
    def posterior(self, visible: Tensor, entering: Entering) -> DiagonalGaussian:
        """q(z_t | ...) from the state before step t."""

    @abstractmethod
    def advance(self, state: State, z: Tensor, entering: Entering) -> State:
        """The state after step t."""

    @abstractmethod
    def emission(self, before: Tensor, z: Tensor, after: Tensor, entering: Entering) -> Tensor:
        """The parameters of p(y_t | ...), from the visible state before and after step t."""

    def condition(self, before: Tensor, entering: Entering) -> Tensor:
        """What the auxiliary cost sees beside z_t: the state that p(z_t | ...) is made of."""
        return before


UNKNOWN = torch.empty(0)  # stands for what the future would tell, in free generation


@dataclass(frozen=True)
class Pass:
    """What a model prepares before the time loop.

    Attributes:
        recurrence: the step.
        entering: what each step reads, (T, B, .) each.
        start: the state of the loop before the first step.
        carried: what else is carried to a following segment, the last states of networks outside the loop.
        backward_TBH: b_1 ... b_T, if the model has a backward network.
    """

    recurrence: Recurrence
    entering: Entering
    start: State
    carried: State = ()
    backward_TBH: Tensor | None = None


@dataclass(frozen=True)
class Trajectory:
    """What the time loop leaves, (T, B, .) each: visible states before and after every step, latents, posterior."""

    before: Tensor
    after: Tensor
    z: Tensor
    posterior: DiagonalGaussian
    last: State
