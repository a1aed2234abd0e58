"""Random sequences of any shape and kind, for measurements that do not depend on values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gin
import numpy as np
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset, Sequence, Split
from zforcing.checks import require_choice, require_sizes

KINDS = ("real", "binary", "categorical")


class RandomSplit(Split):
    """Sequences held in memory; none goes on from another.

    Args:
        sequences: N of them.
        group: (N,) see `Split`; groups of one when omitted.
    """

    def __init__(self, sequences: list[Sequence], group: NDArray[np.int64] | None = None) -> None:
        self.sequences = sequences
        self.steps = np.array([len(sequence.targets) for sequence in sequences])
        self.group = np.arange(len(sequences)) if group is None else group
        self.successor = np.full(len(sequences), -1)

    def __getitem__(self, index: int) -> Sequence:
        return self.sequences[index]

    def chunked(self, steps: int) -> RandomSplit:
        source, offset, length = self.pieces(steps)
        parts = [
            Sequence(*(values[first : first + count] for values in self.sequences[index]))
            for index, first, count in zip(source, offset, length, strict=True)
        ]
        return RandomSplit(parts, self.group[source])


class RandomDataset(Dataset):
    """Data without a unit of their own, and without a form to look at."""

    def derived_units(self, log_likelihood: float, steps: int) -> dict[str, float]:
        return {}

    def write_samples(
        self, folder: Path, original: list[NDArray[Any]], generated: list[NDArray[Any]], prefix: int = 0
    ) -> list[Path]:
        return []

    def write_interpolations(self, folder: Path, rows: dict[str, dict[str, NDArray[Any]]]) -> list[Path]:
        return []


@gin.register
@dataclass(frozen=True)
class RandomSequences:
    """How random sequences are drawn; nothing is read.

    Args:
        kind: 'real' (standard normal), 'binary' or 'categorical' (uniform).
        data_size: D, or the number of symbols.
        steps: T.
        sequences: N of every split.
        seed: of the draw.
    """

    kind: str = "real"
    data_size: int = 200
    steps: int = 40
    sequences: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice(KINDS, kind=self.kind)
        require_sizes(data_size=self.data_size, steps=self.steps, sequences=self.sequences)

    def find(self, root: Path | None) -> tuple[str, Path]:
        return "embedded", Path()

    def load(self, root: Path | None) -> RandomDataset:
        """Draws them; `root` is not looked at."""
        split = RandomSplit(self._draw())
        return RandomDataset(
            name="random",
            source="embedded",
            description=f"{self.sequences} random {self.kind} sequences of {self.steps} steps",
            data_size=self.data_size,
            kind=self.kind,
            protocols=("utterance",),
            counts={"sequences": self.sequences},
            statistics={},
            fingerprint=repr(self),
            train=split,
            valid=split,
            test=split,
        )

    def _draw(self) -> list[Sequence]:
        generator = np.random.default_rng(self.seed)
        shape = (self.sequences, self.steps + 1, self.data_size)
        frames: NDArray[Any]
        if self.kind == "categorical":
            frames = generator.integers(self.data_size, size=shape[:2])
        elif self.kind == "binary":
            frames = generator.integers(2, size=shape).astype(np.float32)
        else:
            frames = generator.standard_normal(shape, dtype=np.float32)
        return [Sequence(sequence[:-1], sequence[1:]) for sequence in frames]
