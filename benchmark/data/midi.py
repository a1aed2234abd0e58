"""Writes piano rolls as MIDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo, second2tick
from numpy.typing import NDArray

VELOCITY = 80


def write_midi(path: Path, roll_TD: NDArray[Any], lowest: int, seconds_per_step: float) -> Path:
    """A piano track; a note that sounds in consecutive steps is held.

    Args:
        path: of the file.
        roll_TD: (T, D), non-zero where a note sounds.
        lowest: the MIDI number of the first column.
        seconds_per_step: how long a step lasts.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = MidiFile()
    track = MidiTrack([MetaMessage("set_tempo", tempo=bpm2tempo(120))])
    file.tracks.append(track)
    ticks = second2tick(seconds_per_step, file.ticks_per_beat, bpm2tempo(120))
    silence = np.zeros((1, roll_TD.shape[1]), bool)
    change_TD = np.diff(np.concatenate([silence, roll_TD > 0, silence]).astype(np.int8), axis=0)
    last = 0
    for step, changes in enumerate(change_TD):
        for column in np.argsort(changes, kind="stable"):  # notes end before others begin
            if changes[column]:
                kind = "note_on" if changes[column] > 0 else "note_off"
                wait = (step - last) * ticks
                track.append(Message(kind, note=lowest + int(column), velocity=VELOCITY, time=wait))
                last = step
    file.save(str(path))
    return path
