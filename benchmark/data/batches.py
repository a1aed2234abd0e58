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

    With `carry_state` the runs of sequences that follow each other are joined in random order and cut into
    `batch_size` streams of equal length, read side by side: a column of a batch goes on where that of the batch before
    ended, or starts a new run. The up to `batch_size` - 1 sequences at the end that fill no column are left out.

    Its whole state is the order of the epoch, the position in it, and the generator.
    """

    def __init__(self, split: Split, batch_size: int, generator: torch.Generator, carry_state: bool = False) -> None:
        self.split = split
        self.batch_size = min(batch_size, len(split)) if carry_state else batch_size
        self.generator = generator
        self.carry_state = carry_state
        self.epoch = -1
        self.position = 0
        self.order = torch.empty(0, dtype=torch.long)

    @property
    def per_epoch(self) -> int:
        return len(self.split) // self.batch_size if self.carry_state else -(-len(self.split) // self.batch_size)

    def next(self) -> tuple[Batch, Tensor]:
        """The next batch, the last of an epoch may be smaller, and whether each column goes on from the last, (B,)."""
        if self.position >= len(self.order):
            self.order = self._streams() if self.carry_state else self._shuffled(len(self.split))
            self.position = 0
            self.epoch += 1
        chosen = self.order[self.position : self.position + self.batch_size]
        before = self.order[max(0, self.position - self.batch_size) : self.position]
        self.position += len(chosen)
        return collate(self.split, chosen.tolist()), self._goes_on(before, chosen)

    def _shuffled(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self.generator)

    def _streams(self) -> Tensor:
        """The order of an epoch with state carried: batch after batch, one sequence of every stream in each."""
        runs = successive_runs(self.split)
        joined = torch.cat([torch.tensor(runs[number]) for number in self._shuffled(len(runs)).tolist()])
        return joined[: self.batch_size * self.per_epoch].view(self.batch_size, -1).t().reshape(-1)

    def _goes_on(self, before: Tensor, chosen: Tensor) -> Tensor:
        if not self.carry_state or len(before) == 0:
            return torch.zeros(len(chosen), dtype=torch.bool)
        return torch.from_numpy(self.split.successor[before.numpy()] == chosen.numpy())

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "position": self.position, "order": self.order}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position, self.order = state["epoch"], state["position"], state["order"]


def successive_runs(split: Split, within_groups: bool = False) -> list[list[int]]:
    """The sequences of a split as runs in which each one is the successor of the one before it."""
    successor = split.successor
    if within_groups:
        same = split.group[np.maximum(successor, 0)] == split.group
        successor = np.where((successor >= 0) & same, successor, -1)
    runs = []
    for first in np.setdiff1d(np.arange(len(split)), successor).tolist():
        run = [first]
        while (following := int(successor[run[-1]])) >= 0:
            run.append(following)
        runs.append(run)
    return runs


def evaluation_batches(split: Split, batch_size: int) -> Iterator[tuple[list[int], Batch, bool]]:
    """Every sequence once, those of like length together so that little is padded.

    Sequences of one group that go on from each other come in turn, in batches that say so (the last of the three
    values): such a batch goes on from the last states of the first columns of the batch before.
    """
    runs = successive_runs(split, within_groups=True)
    runs.sort(key=lambda run: (-len(run), int(split.steps[run[0]])))
    for begin in range(0, len(runs), batch_size):
        together = runs[begin : begin + batch_size]
        for position in range(len(together[0])):
            indices = [run[position] for run in together if position < len(run)]
            yield indices, collate(split, indices), position > 0
