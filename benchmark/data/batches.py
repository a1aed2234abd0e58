"""Batches: padding, order, and the position that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.data.dataset import Split
from zforcing.interface import Batch


def collate(split: Split, indices: list[int]) -> Batch:
    """The sequences of `indices` side by side, padded with zeros to the longest."""
    sequences = [split[index] for index in indices]
    steps = max(len(sequence.targets) for sequence in sequences)
    mask_TB = torch.zeros(steps, len(sequences))
    for column, sequence in enumerate(sequences):
        mask_TB[: len(sequence.targets), column] = 1
    inputs = _pad([torch.from_numpy(np.ascontiguousarray(s.inputs)) for s in sequences])
    targets = _pad([torch.from_numpy(np.ascontiguousarray(s.targets)) for s in sequences])
    return Batch(inputs, targets, None if bool(mask_TB.all()) else mask_TB)


def _pad(sequences: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(sequences)


class TrainingBatches:
    """Batches of a training split, in a new random order every epoch.

    Its whole state is the order of the epoch, the position in it, and the generator.
    """

    def __init__(self, split: Split, batch_size: int, generator: torch.Generator) -> None:
        self.split = split
        self.batch_size = batch_size
        self.generator = generator
        self.epoch = -1
        self.position = 0
        self.order = torch.empty(0, dtype=torch.long)

    @property
    def per_epoch(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def next(self) -> Batch:
        """The next batch; the last of an epoch may be smaller."""
        if self.position >= len(self.order):
            self.order = torch.randperm(len(self.split), generator=self.generator)
            self.position = 0
            self.epoch += 1
        chosen = self.order[self.position : self.position + self.batch_size]
        self.position += len(chosen)
        return collate(self.split, chosen.tolist())

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "position": self.position, "order": self.order}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position, self.order = state["epoch"], state["position"], state["order"]


def evaluation_batches(split: Split, batch_size: int) -> Iterator[tuple[list[int], Batch]]:
    """Every sequence once, those of like length together so that little is padded."""
    order = np.argsort(split.steps, kind="stable")
    for begin in range(0, len(order), batch_size):
        indices = order[begin : begin + batch_size].tolist()
        yield indices, collate(split, indices)
