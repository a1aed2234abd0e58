"""What is configured about training, and what a run has done of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gin
import torch

from zforcing.checks import require, require_flags, require_numbers, require_sizes


@gin.register
@dataclass(frozen=True)
class Training:
    """How a model is trained.

    Args:
        optimiser: a class, such as @torch.optim.Adam, called with the parameters.
        decay: a class, such as @torch.optim.lr_scheduler.ReduceLROnPlateau, called with the optimiser and stepped at
            every validation after the first update; None for a constant learning rate.
        batch_size: sequences in an update.
        epochs: passes over the training data.
        max_updates: stop after so many updates, if that is earlier.
        validate_every: updates between validations; None for once an epoch.
        gradient_clip: the largest total norm of the gradient.
        patience: validations without a new best before training stops early; None for never.
        skip_limit: non-finite steps, in all, above which the run fails.
        skip_limit_in_a_row: the same for steps in a row.
        carry_state: start a sequence from the last state of the one it goes on from, without its gradient (truncated
            back-propagation through time), where the data set has sequences that go on from each other.
        log_every: updates between log lines, which hold means over the updates between them.
        checkpoint_seconds: the most work that a crash can lose.
    """

    optimiser: Callable[..., torch.optim.Optimizer]
    decay: Callable[..., torch.optim.lr_scheduler.LRScheduler] | None = None
    batch_size: int = 32
    epochs: int = 100
    max_updates: int | None = None
    validate_every: int | None = None
    gradient_clip: float = 100.0
    patience: int | None = None
    skip_limit: int = 100
    skip_limit_in_a_row: int = 10
    carry_state: bool = False
    log_every: int = 10
    checkpoint_seconds: float = 60.0

    def __post_init__(self) -> None:
        require(callable(self.optimiser), f"Training.optimiser must be a class, got {self.optimiser!r}")
        require(self.decay is None or callable(self.decay), f"Training.decay must be a class, got {self.decay!r}")
        require_sizes(batch_size=self.batch_size, epochs=self.epochs, log_every=self.log_every)
        for name in ("max_updates", "validate_every", "patience"):
            if getattr(self, name) is not None:
                require_sizes(**{name: getattr(self, name)})
        for name in ("skip_limit", "skip_limit_in_a_row"):
            require(type(getattr(self, name)) is int, f"{name} must be a whole number, got {getattr(self, name)!r}")
        require_flags(carry_state=self.carry_state)
        require_numbers(0.0, checkpoint_seconds=self.checkpoint_seconds)
        require_numbers(1e-12, gradient_clip=self.gradient_clip)


@dataclass
class Progress:
    """What a run has done so far; a checkpoint keeps all of it.

    Attributes:
        update: updates made, skipped ones included.
        skipped, skipped_in_a_row: non-finite updates.
        validated: the update of the last validation, -1 before the first.
        stale: validations since the best one.
        stopped_early: patience ran out.
        seconds: spent in training, over all interruptions.
        history: the metrics of every validation.
    """

    update: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    validated: int = -1
    stale: int = 0
    stopped_early: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.history: list[dict[str, Any]] = []
