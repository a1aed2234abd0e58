"""What a trained model sounds, looks or reads like, beside real data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gin
import numpy as np
import torch

from benchmark.data.dataset import Dataset
from benchmark.errors import UserError
from benchmark.sample_folder import FREELY, GENERATED, note_files
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

    def write(
        self,
        model: SequenceModel,
        dataset: Dataset,
        folder: Path,
        seed: int,
        prefix: int = 0,
        most_likely: bool = False,
    ) -> list[Path]:
        """Writes originals of the test split, cut to as many steps, and generated sequences in the data's own form.

        What an earlier call wrote into the folder is replaced.

        Args:
            model, dataset: what generates, and what.
            folder: where to.
            seed: of what is drawn.
            prefix: generated sequences go on from so many steps of the originals, which they then begin with.
            most_likely: see `SequenceModel.generate`.

        Raises:
            UserError: too few sequences of the test split are longer than the prefix.
        """
        longer = np.flatnonzero(dataset.test.steps > prefix)[: self.count]
        if prefix and len(longer) < self.count:
            raise UserError(
                f"{len(longer)} of {len(dataset.test)} test sequences have more than {prefix} steps, which is fewer "
                f"than the {self.count} to be generated: lower --prefix or --count"
            )
        steps = min(self.steps, longest(dataset, prefix))
        sequences = [dataset.test[index] for index in longer]
        seen = [np.concatenate((x.inputs[:1], x.targets[:prefix])) for x in sequences] if prefix else []
        model.eval()
        generated = model.generate(
            steps,
            self.count,
            stream(seed, "generation"),
            torch.from_numpy(np.stack(seen, 1)) if prefix else None,
            most_likely=most_likely,
        )
        parts = [*generated.cpu().numpy().swapaxes(0, 1)]
        if prefix:
            parts = [np.concatenate((x[1:], part)) for x, part in zip(seen, parts, strict=True)]
        paths = dataset.write_samples(folder, [x.targets[: prefix + steps] for x in sequences], parts, prefix)
        how = describe(prefix, most_likely, model.has_latent)
        note_files(folder, GENERATED, how, paths)
        return paths


def longest(dataset: Dataset, prefix: int) -> int:
    """Steps that the longest sequence of the test split has after a prefix."""
    return int(dataset.test.steps.max()) - prefix


def describe(prefix: int, most_likely: bool, has_latent: bool) -> str:
    """How sequences were generated."""
    likely = "the most likely frame at every step, which is the next one's input"
    how = FREELY if not most_likely else f"{likely}; latents are drawn" if has_latent else likely
    return (
        f"the first {prefix} steps, up to the line or '|', are the original's; what follows is {how}" if prefix else how
    )
