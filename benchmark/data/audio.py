"""Reads recordings: NIST SPHERE and RIFF, 16 kHz, one channel, 16 bit."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmark.errors import UserError

SAMPLE_RATE = 16_000
STREAMED = 0x7FFF0000  # programs that write to a pipe state a length of about 2 or 4 GiB


def read_recording(path: Path) -> NDArray[np.int16]:
    """The samples of a recording.

    Raises:
        UserError: the file cannot be decoded, is cut short, or is not 16 kHz mono 16 bit.
    """
    expected = _samples_in_sphere_header(path) if _starts_with(path, b"NIST_1A") else _samples_in_riff_header(path)
    try:
        with soundfile.SoundFile(path) as file:
            form = (file.samplerate, file.channels, file.subtype)
            samples = file.read(dtype="int16")
    except (soundfile.LibsndfileError, OSError) as error:
        raise UserError(f"{path}: cannot be read as audio ({str(error).rstrip('.')}); replace the file") from error
    if form != (SAMPLE_RATE, 1, "PCM_16"):
        raise UserError(
            f"{path}: {form[0]} Hz, {form[1]} channel(s), {form[2]}; expected 16000 Hz, 1 channel, PCM_16: "
            f"convert it, for example with sox {path.name} -r 16000 -c 1 -b 16 OUT.wav"
        )
    if expected is not None and len(samples) != expected:
        raise UserError(f"{path}: cut short: {len(samples)} samples, its header says {expected}; replace the file")
    return samples


def _starts_with(path: Path, magic: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror})") from error


def _samples_in_sphere_header(path: Path) -> int | None:
    with path.open("rb") as file:
        header = file.read(1024).decode("latin-1")
    fields = {parts[0]: parts[2] for line in header.splitlines() if len(parts := line.split(maxsplit=2)) == 3}
    if "shorten" in fields.get("sample_coding", ""):
        raise UserError(
            f"{path}: SPHERE compressed with shorten, which libsndfile cannot read; convert the corpus with the "
            f"LDC's sph2pipe (sph2pipe -f wav IN OUT)"
        )
    return int(fields["sample_count"]) if fields.get("sample_count", "").isdigit() else None


def _samples_in_riff_header(path: Path) -> int | None:
    """What the size of a 16 bit mono data chunk promises; None if the file is no RIFF or was streamed."""
    chunk = riff_data_chunk(path)
    return chunk.size // 2 if chunk else None


class DataChunk(NamedTuple):
    """Where the samples of a RIFF file begin, and how many bytes of them its header promises."""

    offset: int
    size: int


def riff_data_chunk(path: Path) -> DataChunk | None:
    """The data chunk of a RIFF file; None if the file is no RIFF or was streamed."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return None
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = file.read(4), int.from_bytes(file.read(4), "little")
            if name == b"data":
                return None if length == 0 or length >= STREAMED else DataChunk(position + 8, length)
            position += 8 + length + length % 2
    return None
