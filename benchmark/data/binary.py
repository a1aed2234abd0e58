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
        successor: (N,) see `Split`; none by default.
    """

    def __init__(
        self,
        packed: Packed,
        sequence: NDArray[np.int64],
        first: NDArray[np.int64],
        steps: NDArray[np.int64],
        group: NDArray[np.int64],
        frame_size: int,
        successor: NDArray[np.int64] | None = None,
    ) -> None:
        self.packed = packed
        self.sequence = sequence
        self.first = first
        self.steps = steps
        self.group = group
        self.successor = np.full(len(steps), -1, np.int64) if successor is None else successor
        self.frame_size = frame_size

    def __getitem__(self, index: int) -> Sequence:
        first, steps, size = int(self.first[index]), int(self.steps[index]), self.frame_size
        frames_TD = np.zeros((steps + 1, size), np.float32)
        begin = max(0, first - 1)  # the frame before, if there is one
        bits = self._bits(int(self.sequence[index]), begin * size, (first + steps) * size)
        frames_TD[begin - first + 1 :] = bits.reshape(-1, size)
        return Sequence(frames_TD[:-1], frames_TD[1:])

    def _bits(self, sequence: int, begin: int, end: int) -> NDArray[np.uint8]:
        """Some bits of a sequence; what lies before them is not unpacked."""
        return np.unpackbits(self.packed[sequence][begin // 8 : -(-end // 8)])[begin % 8 :][: end - begin]

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

    def segments(self, steps: int) -> BinarySplit:
        """The same pieces, each the successor of the one before it in its sequence."""
        pieces = self.chunked(steps)
        goes_on = np.append(pieces.group[1:] == pieces.group[:-1], False)
        pieces.successor[goes_on] = np.flatnonzero(goes_on) + 1
        return pieces


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
