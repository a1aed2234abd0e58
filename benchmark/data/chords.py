"""Chord progressions in four voices, made in code, for machines without a music corpus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NOTES = 88
LOWEST = 21  # the MIDI number of the first of the 88 notes

PROGRESSIONS = (  # degrees of the scale, counted from 0
    (0, 3, 4, 0),
    (0, 5, 3, 4),
    (0, 4, 5, 3),
    (0, 1, 4, 0),
    (5, 3, 0, 4),
    (0, 2, 3, 4),
    (0, 3, 1, 4),
)
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
STEPS_PER_CHORD = 4


def compose(random: np.random.Generator) -> NDArray[np.uint8]:
    """A piece of 4 to 8 phrases in one key, (T, 88).

    The bass holds the root, two voices take the nearest notes of the next chord, and a melody moves between chord
    notes by way of neighbours. A phrase ends with a rest now and then.
    """
    scale, key = (MAJOR, MINOR)[random.integers(2)], int(random.integers(12))
    tones = [(key + tone) % 12 for tone in scale]
    inner, melody = [55, 60], _nearest(67, tones, 62, 81)
    frames: list[list[int]] = []
    for _ in range(random.integers(4, 9)):
        for degree in PROGRESSIONS[random.integers(len(PROGRESSIONS))]:
            triad = [(key + scale[(degree + third) % 7]) % 12 for third in (0, 2, 4)]
            inner = [_nearest(voice, triad, low, low + 14) for voice, low in zip(inner, (48, 54), strict=True)]
            goal = _nearest(melody + int(random.integers(-5, 6)), triad, 62, 81)
            neighbour = _nearest(goal + int(random.choice((-2, 2))), tones, 60, 83)
            tune = [melody, melody, neighbour, goal] if random.random() < 0.5 else [goal] * STEPS_PER_CHORD
            bass = _nearest(43, triad[:1], 36, 50)
            frames += [[bass, *inner, note] for note in tune]
            melody = goal
        if random.random() < 0.3:
            frames.append([])
    return piano_roll(frames)


def piano_roll(frames: list[list[int]]) -> NDArray[np.uint8]:
    """(T, 88), 1 where a note sounds, from the MIDI numbers of each step."""
    roll = np.zeros((len(frames), NOTES), np.uint8)
    for step, notes in enumerate(frames):
        roll[step, np.array(notes, np.int64) - LOWEST] = 1
    return roll


def _nearest(note: int, pitch_classes: list[int], low: int, high: int) -> int:
    """The note closest to `note` from `low` to `high` whose pitch class is among those given."""
    return min((n for n in range(low, high + 1) if n % 12 in pitch_classes), key=lambda n: (abs(n - note), n))
