"""How long an MP3 without a length of its own is: its frames, counted.

libsndfile takes the length from the Xing (or Info) header in the first frame. Without that header it infers the length
from the bit rate of the first frames and stops reading there, which loses most of a file of variable bit rate.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

KBITS = {  # of layer III, by whether the version is MPEG-1
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {0b11: (44100, 48000, 32000), 0b10: (22050, 24000, 16000), 0b00: (11025, 12000, 8000)}  # MPEG-1, 2, 2.5


class Frame(NamedTuple):
    """Bytes and samples per channel of one MPEG frame."""

    size: int
    samples: int


def counted_samples(path: Path) -> int | None:
    """Samples per channel in all frames of an MP3; None if it names its length itself, or is no MP3."""
    if path.stat().st_size == 0:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        frames = _frames(data)
        first = next(frames, None)
        if first is None:
            return None
        position, frame = first
        head = data[position : position + frame.size]
        if b"Xing" in head or b"Info" in head:
            return None
        return frame.samples + sum(frame.samples for _, frame in frames)


def _frames(data: mmap.mmap) -> Iterator[tuple[int, Frame]]:
    """Position and form of every frame; what lies between frames is passed over."""
    position = _after_tags(data)
    in_step = False
    while (position := data.find(b"\xff", position)) >= 0:
        frame = _frame(data[position : position + 4])
        # The two bytes that begin a frame also occur by chance: out of step, a second frame has to follow.
        if frame and (in_step or _frame(data[position + frame.size : position + frame.size + 4])):
            yield position, frame
            position += frame.size
            in_step = _frame(data[position : position + 4]) is not None
        else:
            position += 1
            in_step = False


def _after_tags(data: mmap.mmap) -> int:
    """Where the ID3v2 tags at the beginning end."""
    position = 0
    while data[position : position + 3] == b"ID3":
        size = 0
        for byte in data[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        position += 10 + size
    return position


def _frame(header: bytes) -> Frame | None:
    """What the four bytes of a layer III header say; None if they are none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, rate, kbits = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version not in RATES or rate == 3 or kbits in (0, 15):
        return None
    first = version == 0b11
    samples = 1152 if first else 576
    size = samples // 8 * KBITS[first][kbits] * 1000 // RATES[version][rate] + (header[2] >> 1 & 1)
    return Frame(size, samples)
