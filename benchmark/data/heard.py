"""Data that is listened to: each sequence is written to a file of its own, beside a figure of all of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from benchmark.data.dataset import Dataset, file_stems


@dataclass(frozen=True)
class HeardDataset(Dataset):
    """A data set whose sequences are sounds.

    Attributes:
        figure: the name of the figure of samples; an interpolation's is that of its row.
    """

    figure: ClassVar[str]

    def write_samples(
        self, folder: Path, original: list[NDArray[Any]], generated: list[NDArray[Any]], prefix: int = 0
    ) -> list[Path]:
        rows = (("original", original), ("generated", generated))
        sequences = {f"{kind} {number}": x for kind, of_kind in rows for number, x in enumerate(of_kind)}
        return self.write(folder, [name.replace(" ", "_") for name in sequences], sequences, self.figure, prefix)

    def write_interpolations(self, folder: Path, rows: dict[str, dict[str, NDArray[Any]]]) -> list[Path]:
        paths = []
        for row, sequences in rows.items():
            paths += self.write(folder, file_stems(row, sequences), sequences, f"{row}.png")
        return paths

    @abstractmethod
    def write(
        self, folder: Path, stems: list[str], sequences: dict[str, NDArray[Any]], figure: str, prefix: int = 0
    ) -> list[Path]:
        """Writes a file for each sequence, called by its stem, and the figure, in which sequences have their names."""
