"""Sequences of binary frames, kept as packed bits: images read in raster order, piano rolls."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from benchmark.data.dataset import Sequence, Split

Packed = list[NDArray[np.uint8]]  # the bits of each sequence, frame after frame, as numpy.packbits gives them


class BinarySplit(Split):
    """Runs of consecutive frames. Every frame is scored: the input of a sequence's first frame is zero.

    Args:
        packed: the bits of whole sequences.
        sequence: (N,) which of them each run is part of.
        first: (N,) the frame at which it starts.
        steps: (N,) T.
        group: (N,) see `Split`.
        frame_size: D.
    """

    def __init__(
        self,
        packed: Packed,
        sequence: NDArray[np.int64],
        first: NDArray[np.int64],
        steps: NDArray[np.int64],
        group: NDArray[np.int64],
        frame_size: int,
    ) -> None:
        self.packed = packed
        self.sequence = sequence
        self.first = first
        self.steps = steps
        self.group = group
        self.successor = np.full(len(steps), -1, np.int64)  # no sequence goes on from another
        self.frame_size = frame_size

    def __getitem__(self, index: int) -> Sequence:
        first, size = int(self.first[index]), self.frame_size
        count = first + int(self.steps[index])
        frames_TD = np.zeros((count + 1, size), np.float32)
        frames_TD[1:] = np.unpackbits(self.packed[self.sequence[index]], count=count * size).reshape(-1, size)
        return Sequence(frames_TD[first:-1], frames_TD[first + 1 :])

    def chunked(self, steps: int) -> BinarySplit:
        """Pieces of at most `steps` steps; the input of a later piece's first frame is the frame before it."""
        source, offset, length = self.pieces(steps)
        return BinarySplit(
            self.packed,
            self.sequence[source],
            self.first[source] + offset,
            length,
            self.group[source],
            self.frame_size,
        )


def whole_sequences(packed: Packed, frame_size: int) -> BinarySplit:
    """Each sequence as one run; its bits are a multiple of 8 and of the frame size."""
    number = np.arange(len(packed))
    steps = np.array([8 * len(bits) // frame_size for bits in packed], np.int64)
    return BinarySplit(packed, number, np.zeros_like(number), steps, number, frame_size)


def fingerprint(splits: dict[str, Packed]) -> str:
    """A hash of all bits of all splits."""
    digest = hashlib.sha256()
    for split, packed in splits.items():
        for bits in packed:
            digest.update(f"{split}/{len(bits)}\n".encode())
            digest.update(bits.tobytes())
    return digest.hexdigest()
