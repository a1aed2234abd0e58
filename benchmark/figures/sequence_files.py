"""Sequences from the files that runs left, in the data's own form; they need no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile
from matplotlib.image import imread
from mido import MidiFile

from benchmark.errors import UserError
from benchmark.row import Row


def run_folders(out: Path, rows: list[Row], name: str) -> dict[str, Path]:
    """This folder of the first run of each row that left it, by the row's label and the run's seed."""
    folders: dict[str, Path] = {}
    for row in rows:
        for record in row.records:
            folder = out / "runs" / record["run_id"] / name
            if folder.is_dir():
                folders[f"{row.label}, seed {record['seed']}"] = folder
                break
    return folders


def read_file(read: Callable[..., Any], path: Path, *arguments: Any) -> Any:
    """What a reader makes of a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return read(path, *arguments)
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError) as error:  # what the readers raise
        raise UserError(f"{path}: cannot be read ({error}); repeat its run with --fresh") from error


def read_waveform(path: Path) -> tuple[Any, int]:
    """Samples and their rate."""
    samples, rate = soundfile.read(path, dtype="int16")
    return samples, rate


def read_pixels(path: Path) -> Any:
    """(height, width) from 0, black, to 1, white."""
    return imread(path)[..., 0]


def read_notes(path: Path) -> list[tuple[int, float, float]]:
    """(MIDI number, start, end) of every note, in seconds."""
    notes, began, now = [], {}, 0.0
    for message in MidiFile(str(path)):
        now += message.time
        if message.type == "note_on" and message.velocity:
            began[message.note] = now
        elif message.type in ("note_on", "note_off") and message.note in began:
            notes.append((message.note, began.pop(message.note), now))
    return notes
