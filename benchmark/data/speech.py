"""Waveforms as sequences of frames, shared by all speech corpora."""

from __future__ import annotations

import hashlib
import io
import math
from collections import abc
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmark.data.audio import SAMPLE_RATE
from benchmark.data.dataset import Sequence, Split
from benchmark.data.heard import HeardDataset
from benchmark.files import write_atomically

SUMMED_AT_A_TIME = 2**20


class FrameSplit(Split):
    """Runs of consecutive frames of recordings; each frame is predicted from those before it.

    A sequence of T steps takes T + 1 frames: the first is only an input and never scored.

    Args:
        recordings: int16 samples; memory-mapped ones are read when a sequence is asked for.
        recording: (N,) which recording each sequence is part of.
        first: (N,) the frame at which it starts.
        steps: (N,) T.
        group: (N,) see `Split`.
        frame_size: samples in a frame.
        mean, deviation: what normalises a sample.
    """

    def __init__(
        self,
        recordings: abc.Sequence[NDArray[np.int16]],
        recording: NDArray[np.int64],
        first: NDArray[np.int64],
        steps: NDArray[np.int64],
        group: NDArray[np.int64],
        frame_size: int,
        mean: float,
        deviation: float,
    ) -> None:
        self.recordings = recordings
        self.recording = recording
        self.first = first
        self.steps = steps
        self.group = group
        self.frame_size = frame_size
        self.mean = mean
        self.deviation = deviation
        self.successor = np.full(len(steps), -1, np.int64)
        goes_on = (recording[1:] == recording[:-1]) & (first[1:] == first[:-1] + steps[:-1])
        self.successor[:-1][goes_on] = np.flatnonzero(goes_on) + 1

    def __getitem__(self, index: int) -> Sequence:
        begin = self.first[index] * self.frame_size
        end = begin + (self.steps[index] + 1) * self.frame_size
        samples = self.recordings[self.recording[index]][begin:end].astype(np.float32)
        frames_TD = ((samples - np.float32(self.mean)) / np.float32(self.deviation)).reshape(-1, self.frame_size)
        return Sequence(frames_TD[:-1], frames_TD[1:])

    def chunked(self, steps: int) -> FrameSplit:
        source, offset, length = self.pieces(steps)
        pieces = FrameSplit(
            self.recordings,
            self.recording[source],
            self.first[source] + offset,
            length,
            self.group[source],
            self.frame_size,
            self.mean,
            self.deviation,
        )
        pieces.successor[:] = -1  # each piece starts from a zero state
        return pieces


def whole_recordings(recordings: list[NDArray[np.int16]], frame_size: int, mean: float, deviation: float) -> FrameSplit:
    """Each recording as one sequence, cut to a multiple of the frame size."""
    count = np.arange(len(recordings))
    steps = np.array([len(samples) // frame_size - 1 for samples in recordings], np.int64)
    return FrameSplit(recordings, count, np.zeros_like(count), steps, count, frame_size, mean, deviation)


def recording_segments(
    recordings: abc.Sequence[NDArray[np.int16]], segment_frames: int, frame_size: int, mean: float, deviation: float
) -> FrameSplit:
    """Each recording cut into consecutive segments of equal length, the rest of each left out."""
    segments = np.array([max(0, len(r) // frame_size - 1) // segment_frames for r in recordings], np.int64)
    recording = np.repeat(np.arange(len(recordings)), segments)
    number = np.arange(len(recording))
    first = (number - np.repeat(np.cumsum(segments) - segments, segments)) * segment_frames
    steps = np.full(len(number), segment_frames, np.int64)
    return FrameSplit(recordings, recording, first, steps, number, frame_size, mean, deviation)


def stream_segments(
    recordings: list[NDArray[np.int16]], segment_frames: int, frame_size: int, mean: float, deviation: float
) -> FrameSplit:
    """All recordings joined into one stream and cut into segments of equal length, the rest left out."""
    return recording_segments([np.concatenate(recordings)], segment_frames, frame_size, mean, deviation)


@dataclass(frozen=True)
class SampleSums:
    """Exact integer sums over int16 samples, from which mean and standard deviation follow; they add up."""

    count: int = 0
    total: int = 0
    squares: int = 0

    @classmethod
    def of(cls, samples: NDArray[np.int16]) -> SampleSums:
        """The sums of one array, which may be memory-mapped and of any length."""
        sums = cls()
        for begin in range(0, len(samples), SUMMED_AT_A_TIME):
            wide = samples[begin : begin + SUMMED_AT_A_TIME].astype(np.int64)
            sums += cls(len(wide), int(wide.sum()), int((wide * wide).sum()))
        return sums

    def __add__(self, other: SampleSums) -> SampleSums:
        return SampleSums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def deviation(self) -> float:
        """The standard deviation of the population, without cancellation: the difference is one of integers."""
        return math.sqrt((self.count * self.squares - self.total * self.total) / self.count**2)


def sample_statistics(recordings: Iterable[NDArray[np.int16]]) -> tuple[float, float]:
    """Mean and standard deviation of all samples, in int16 units, from exact integer sums."""
    sums = sum(map(SampleSums.of, recordings), SampleSums())
    return sums.mean, sums.deviation


def fingerprint(splits: dict[str, dict[str, NDArray[np.int16]]]) -> str:
    """A hash of the names and samples of every recording of every split."""
    digest = hashlib.sha256()
    for split, recordings in splits.items():
        for name, samples in recordings.items():
            digest.update(f"{split}/{name}/{len(samples)}\n".encode())
            digest.update(samples.astype("<i2").tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class SpeechDataset(HeardDataset):
    """A data set of waveforms. Statistics: `mean` and `std` of the training samples in int16 units."""

    figure: ClassVar[str] = "waveforms.png"

    def derived_units(self, log_likelihood: float, steps: int) -> dict[str, float]:
        """Bits per sample of the int16 density: log2(std) - log-likelihood / (samples ln 2).

        It undoes the normalisation, so that it compares across corpora and standard deviations.
        """
        samples = steps * self.data_size
        return {"bits_per_sample": math.log2(self.statistics["std"]) - log_likelihood / (samples * math.log(2))}

    def waveform(self, frames_TD: NDArray[Any]) -> NDArray[np.int16]:
        """Samples in the recording's own units from frames in the model's."""
        samples = frames_TD.reshape(-1).astype(np.float64) * self.statistics["std"] + self.statistics["mean"]
        return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)

    def write(
        self, folder: Path, stems: list[str], sequences: dict[str, NDArray[Any]], figure: str, prefix: int = 0
    ) -> list[Path]:
        """WAV files, and a figure of waveforms and spectrograms."""
        from benchmark.figures.media import plot_waveforms

        waveforms = {name: self.waveform(frames_TD) for name, frames_TD in sequences.items()}
        paths = []
        for stem, samples in zip(stems, waveforms.values(), strict=True):
            encoded = io.BytesIO()
            soundfile.write(encoded, samples, SAMPLE_RATE, subtype="PCM_16", format="WAV")
            paths.append(folder / f"{stem}.wav")
            write_atomically(paths[-1], encoded.getvalue())
        return [*paths, plot_waveforms(folder / figure, waveforms, SAMPLE_RATE, prefix * self.data_size)]
