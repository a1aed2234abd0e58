"""Weights as functions of the number of updates made so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import gin

from zforcing.checks import require_numbers


class Schedule(Protocol):
    """A weight over training."""

    def __call__(self, update: int) -> float:
        """The weight at an update, counted from 0."""
        ...


@gin.register
@dataclass(frozen=True)
class Constant:
    """The same weight throughout."""

    value: float = 1.0

    def __post_init__(self) -> None:
        require_numbers(0.0, value=self.value)

    def __call__(self, update: int) -> float:
        return float(self.value)


@gin.register
@dataclass(frozen=True)
class Linear:
    """From `start` towards `end` by `step` per update, then constant.

    The released code of Z-Forcing moves both weights by 5e-5 per update, whether a step was skipped or not.
    """

    start: float = 0.2
    end: float = 1.0
    step: float = 5e-5

    def __post_init__(self) -> None:
        require_numbers(0.0, start=self.start, end=self.end, step=self.step)

    def __call__(self, update: int) -> float:
        if self.start <= self.end:
            return float(min(self.end, self.start + update * self.step))
        return float(max(self.end, self.start - update * self.step))
