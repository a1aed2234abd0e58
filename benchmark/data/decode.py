"""Decodes recordings of any sampling rate and number of channels to 16 kHz mono int16, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmark.data.audio import SAMPLE_RATE, riff_data_chunk
from benchmark.data.mpeg import counted_samples

BLOCK = 2**17  # samples per channel read at a time
RATES = (4_000, 384_000)
FILTER_PERIODS = 48  # on each side, of the lower of the two rates
FILTER_CUTOFF = 0.92  # of the lower Nyquist frequency, at -6 dB
FILTER_BETA = 8.6  # with these, 0.1 dB at 0.88 of the Nyquist frequency, and -89 dB beyond it
TOLERATED_LOSS = 2304  # samples: the two MPEG frames that a cut through an MP3 may cost


class Undecodable(Exception):
    """A recording that cannot be used; the message says why."""


class _Stream(soundfile.SoundFile):
    """A sound file that is only read forwards.

    After every read, soundfile seeks to where it is already. In an MP3 that throws away the bits that the next frame
    borrows from this one, so that the result would depend on the size of the blocks.
    """

    def seekable(self) -> bool:
        return False


def decode(path: Path, block: int = BLOCK) -> Iterator[NDArray[np.int16]]:
    """The samples of a recording in consecutive blocks: channels averaged, resampled, rounded without dither.

    What is 16 kHz mono 16 bit already comes out bit for bit, and no result depends on `block`.

    Raises:
        Undecodable: the file is empty, damaged, cut short, or no recording.
    """
    try:
        if path.stat().st_size == 0:
            raise Undecodable("an empty file")
        _check_riff(path)
        with _Stream(path) as file:
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise Undecodable(f"a sampling rate of {file.samplerate} Hz; {RATES[0]} to {RATES[1]} Hz are read")
            for samples in resample(_read(file, path, block), file.samplerate):
                yield np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    except soundfile.LibsndfileError as error:
        raise Undecodable(f"cannot be decoded: damaged, or no recording (libsndfile error {error.code})") from error
    except OSError as error:
        raise Undecodable(f"cannot be read ({error.strerror})") from error


def seconds(path: Path) -> float:
    """The duration that a file states; 0 if it cannot be read."""
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.SoundFileError, OSError):
        return 0.0


def _read(file: _Stream, path: Path, block: int) -> Iterator[NDArray[np.float64]]:
    """The mean of the channels, block by block, up to the end that the file states."""
    count = 0
    while len(samples := file.read(block, dtype="float64", always_2d=True)):
        if not np.isfinite(samples).all():
            raise Undecodable(f"holds values that are not finite after {count / file.samplerate:.1f} s")
        count += len(samples)
        yield samples.mean(1)
    if count == 0:
        raise Undecodable("holds no audio")
    compressed = file.subtype.startswith("MPEG")
    counted = counted_samples(path) if compressed else None
    if counted is not None and count < counted - TOLERATED_LOSS:
        raise Undecodable(
            f"an MP3 without a Xing header, of which libsndfile reads {count / file.samplerate:.1f} of "
            f"{counted / file.samplerate:.1f} s; ffmpeg -i IN -c copy OUT adds the header"
        )
    if counted is None and count < file.frames - (TOLERATED_LOSS if compressed else 0):
        raise Undecodable(f"cut short: {count / file.samplerate:.1f} of {file.frames / file.samplerate:.1f} s")


def _check_riff(path: Path) -> None:
    """libsndfile reads what is left of a RIFF file that is cut short, without a word."""
    chunk = riff_data_chunk(path)
    if chunk and chunk.offset + chunk.size > path.stat().st_size:
        left = max(0, path.stat().st_size - chunk.offset)
        raise Undecodable(f"cut short: {left} of the {chunk.size} bytes that its header says")


def resample(blocks: Iterator[NDArray[np.float64]], rate: int) -> Iterator[NDArray[np.float64]]:
    """A signal at `rate` in blocks, as blocks at 16 kHz: the same as `scipy.signal.resample_poly` of the whole."""
    if rate == SAMPLE_RATE:
        yield from blocks
        return
    from scipy.signal import resample_poly  # half a second to import, which only recordings of another rate need

    up, down, taps = _filter(rate)
    # Pieces are multiples of `down`, so that each begins on an output sample, and overlap by the reach of the filter.
    margin = down * math.ceil(len(taps) // 2 / (up * down))
    skipped = margin // down * up
    received = returned = 0
    pending = np.zeros(margin)
    for block in blocks:
        received += len(block)
        pending = np.concatenate([pending, block])
        ready = (len(pending) - 2 * margin) // down
        if ready > 0:
            piece = resample_poly(pending[: ready * down + 2 * margin], up, down, window=taps)
            yield piece[skipped : skipped + ready * up]
            pending = pending[ready * down :]
            returned += ready * up
    rest = -(-received * up // down) - returned
    yield resample_poly(np.concatenate([pending, np.zeros(margin)]), up, down, window=taps)[skipped : skipped + rest]


@cache
def _filter(rate: int) -> tuple[int, int, NDArray[np.float64]]:
    """Factors up and down, and the low-pass filter at `up` times the rate."""
    from scipy.signal import firwin

    divisor = math.gcd(SAMPLE_RATE, rate)
    up, down = SAMPLE_RATE // divisor, rate // divisor
    highest = max(up, down)
    taps = firwin(2 * FILTER_PERIODS * highest + 1, FILTER_CUTOFF / highest, window=("kaiser", FILTER_BETA))
    return up, down, taps
