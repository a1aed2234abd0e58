"""What a data set is: three splits of sequences, where they came from, and the units its numbers are given in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Sequence(NamedTuple):
    """One sequence: the previous frames and the frames to predict, (T, D) float32 or (T,) int64."""

    inputs: NDArray[Any]
    targets: NDArray[Any]


class Split(ABC):
    """Sequences of one part of a data set, made when asked for.

    Attributes:
        steps: (N,) how many steps each sequence has.
        group: (N,) which reported sequence each one belongs to; its terms are summed over the group. Whole
            sequences are groups of one.
        successor: (N,) the sequence that goes on where each one ends, -1 for none. Training may carry the recurrent
            state from one to the other; evaluation does within a group.
    """

    steps: NDArray[np.int64]
    group: NDArray[np.int64]
    successor: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def groups(self) -> int:
        """How many sequences are reported."""
        return int(self.group[-1]) + 1 if len(self.group) else 0

    def pieces(self, steps: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """How the sequences are cut into pieces of at most `steps` steps.

        Returns:
            For each piece the sequence it is of, the step of it at which it starts, and how many steps it has.
        """
        count = -(-self.steps // steps)
        source = np.repeat(np.arange(len(self)), count)
        offset = steps * (np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count))
        return source, offset, np.minimum(steps, self.steps[source] - offset)

    @abstractmethod
    def __getitem__(self, index: int) -> Sequence:
        """The sequence number `index`."""

    @abstractmethod
    def chunked(self, steps: int) -> Split:
        """The same frames cut into pieces of at most `steps` steps, grouped by the sequence they come from."""


@dataclass(frozen=True)
class Dataset(ABC):
    """A loaded data set.

    Attributes:
        name: 'timit', ...
        source: 'full', 'sample' or 'embedded'.
        description: the source in words, as it is printed and recorded.
        data_size: D, or the number of symbols.
        kind: 'real', 'binary' or 'categorical'; the likelihood head has to fit.
        protocols: the ways the held-out splits can be scored, the default first.
        counts: what was found, by split.
        statistics: what normalises the data, from the training split alone.
        fingerprint: a hash of all data, the same on every machine.
        train, valid, test: the splits.
    """

    name: str
    source: str
    description: str
    data_size: int
    kind: str
    protocols: tuple[str, ...]
    counts: dict[str, int]
    statistics: dict[str, float]
    fingerprint: str
    train: Split
    valid: Split
    test: Split

    def scored(self, split: str, protocol: str) -> Split:
        """The split as `protocol` scores it: 'utterance' whole, 'chunkN' in pieces of N steps from a zero state."""
        whole: Split = getattr(self, split)
        return whole.chunked(int(protocol.removeprefix("chunk"))) if protocol.startswith("chunk") else whole

    @abstractmethod
    def derived_units(self, log_likelihood: float, steps: int) -> dict[str, float]:
        """Further units of a total log-likelihood in nats over `steps` scored steps, by name."""

    @abstractmethod
    def write_samples(
        self, folder: Path, original: list[NDArray[Any]], generated: list[NDArray[Any]], prefix: int = 0
    ) -> list[Path]:
        """Writes sequences, (T, D) or (T,) each in the model's units, in the form a person looks at or listens to.

        Args:
            folder: where to.
            original, generated: the sequences.
            prefix: so many steps of the generated ones are the original's; where they end is marked.
        """

    @abstractmethod
    def write_interpolations(self, folder: Path, rows: dict[str, dict[str, NDArray[Any]]]) -> list[Path]:
        """Writes rows of sequences, each from one original to another, in the same form.

        Args:
            folder: where to.
            rows: by a name that fits a file, and in each row the sequences by name, from left to right: 'original 0',
                'weight 0', 'weight 0.5', 'weight 1', 'original 1'. `file_stems` says what their files are called.
        """


def file_stems(row: str, names: Collection[str]) -> list[str]:
    """What the files of a row of an interpolation are called, so that they sort: '0-1_02_weight_0.25', ..."""
    digits = max(2, len(str(len(names) - 1)))
    return [f"{row}_{place:0{digits}}_{name.replace(' ', '_')}" for place, name in enumerate(names)]


class Corpus(Protocol):
    """How a data set is read; its settings are what gin binds."""

    def find(self, root: Path | None) -> tuple[str, Path]:
        """The source that `load` would use, and where it is; the place of the embedded default means nothing."""
        ...

    def load(self, root: Path | None) -> Dataset:
        """Reads it below `root`, or makes the embedded default."""
        ...
