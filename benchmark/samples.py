"""What a trained model sounds, looks or reads like, beside real data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gin

from benchmark.data.dataset import Dataset
from benchmark.streams import stream
from zforcing.checks import require_sizes
from zforcing.interface import SequenceModel


@gin.register
@dataclass(frozen=True)
class Samples:
    """How many sequences are generated freely, each sample being the next input, and of how many steps.

    No sequence is longer than the longest of the test split.
    """

    count: int = 2
    steps: int = 160

    def __post_init__(self) -> None:
        require_sizes(count=self.count, steps=self.steps)

    def write(self, model: SequenceModel, dataset: Dataset, folder: Path, seed: int) -> list[Path]:
        """Writes originals of the test split, cut to as many steps, and generated sequences in the data's own form."""
        steps = min(self.steps, int(dataset.test.steps.max()))
        originals = [dataset.test[index].targets[:steps] for index in range(min(self.count, len(dataset.test)))]
        model.eval()
        generated = model.generate(steps, self.count, stream(seed, "generation")).cpu().numpy()
        return dataset.write_samples(folder, originals, list(generated.swapaxes(0, 1)))
