"""Real sequences and what several models generate, one below the other, from the samples that runs left."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import seaborn as sns
import soundfile
from matplotlib.figure import Figure
from matplotlib.image import imread
from mido import MidiFile

from benchmark.errors import UserError
from benchmark.figures.media import color_of, draw_spectrogram, draw_waveform, loudest
from benchmark.figures.style import heading
from benchmark.row import Row

ORIGINAL, GENERATED = "original", "generated"
IMAGES = 16  # of each row
PASSAGES = 3  # of each row
LINE, LINES = 170, 4  # characters of a line, and lines of a passage
INCHES_PER_LINE = 0.17


class Shown(NamedTuple):
    """What stands below a label.

    Attributes:
        kind: ORIGINAL or GENERATED.
        content: as read.
    """

    label: str
    kind: str
    content: Any


def samples_figure(out: Path, rows: list[Row], title: str) -> Figure | None:
    """Originals of the test split above what one run of each row generated; None if no run left samples.

    Args:
        out: the results folder.
        rows: of one data set and source.
        title: of the figure.

    Raises:
        UserError: a file cannot be read.
    """
    folders = sample_folders(out, rows)
    for name, (read, draw) in FORMS.items():
        kept = {label: folder for label, folder in folders.items() if (folder / name.format(GENERATED)).is_file()}
        if kept:
            sources = [(ORIGINAL, ORIGINAL, next(iter(kept.values())))]
            sources += [(label, GENERATED, folder) for label, folder in kept.items()]
            shown = [
                Shown(label, kind, _read(read, folder / name.format(kind), kind)) for label, kind, folder in sources
            ]
            figure = draw(shown)
            heading(figure, title, "originals of the test split, and what is generated freely")
            return figure
    return None


def sample_folders(out: Path, rows: list[Row]) -> dict[str, Path]:
    """The samples of the first run of each row that left any, by the row's label and the run's seed."""
    folders: dict[str, Path] = {}
    for row in rows:
        for record in row.records:
            folder = out / "runs" / record["run_id"] / "samples"
            if folder.is_dir():
                folders[f"{row.label}, seed {record['seed']}"] = folder
                break
    return folders


def _read(read: Callable[[Path, str], Any], path: Path, kind: str) -> Any:
    try:
        return read(path, kind)
    except (OSError, ValueError, EOFError, RuntimeError, SyntaxError) as error:  # what the readers raise
        raise UserError(f"{path}: cannot be read ({error}); repeat its run with --fresh") from error


def _read_waveform(path: Path, kind: str) -> tuple[Any, int]:
    """Samples and their rate."""
    samples, rate = soundfile.read(path, dtype="int16")
    return samples, rate


def _draw_waveforms(shown: list[Shown]) -> Figure:
    """The waveform and the spectrogram of each side by side."""
    with sns.axes_style("white"):
        figure = Figure(figsize=(13, 0.8 + 1.7 * len(shown)), layout="constrained")
        grid = figure.subplots(len(shown), 2, squeeze=False, sharex=True)
    limit = loudest({x.label: x.content[0] for x in shown})
    for (wave, spectrum), (label, kind, (samples, rate)) in zip(grid, shown, strict=True):
        draw_waveform(wave, samples, rate, limit, color_of(kind))
        draw_spectrogram(spectrum, samples, rate)
        wave.set_title(label, fontsize=10, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    return figure


def _read_images(path: Path, kind: str) -> Any:
    """(height, N x width): the first N images, side by side."""
    pixels = imread(path)[..., 0]
    return pixels[:, : IMAGES * len(pixels)]


def _draw_images(shown: list[Shown]) -> Figure:
    """A row of images for each."""
    with sns.axes_style("white"):
        figure = Figure(figsize=(13, 0.8 + 1.15 * len(shown)), layout="constrained")
        rows = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, (label, _, pixels) in zip(rows, shown, strict=True):
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.vlines(np.arange(len(pixels), pixels.shape[1], len(pixels)) - 0.5, -0.5, len(pixels) - 0.5, color="0.5")
        axes.set(xticks=[], yticks=[])
        axes.set_title(label, fontsize=10, loc="left")
    return figure


def _read_notes(path: Path, kind: str) -> list[tuple[int, float, float]]:
    """(MIDI number, start, end) of every note, in seconds."""
    notes, began, now = [], {}, 0.0
    for message in MidiFile(str(path)):
        now += message.time
        if message.type == "note_on" and message.velocity:
            began[message.note] = now
        elif message.type in ("note_on", "note_off") and message.note in began:
            notes.append((message.note, began.pop(message.note), now))
    return notes


def _draw_notes(shown: list[Shown]) -> Figure:
    """A piano roll for each, on the same axes."""
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(13, 0.8 + 1.8 * len(shown)), layout="constrained")
        rows = figure.subplots(len(shown), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for axes, (label, kind, notes) in zip(rows, shown, strict=True):
        numbers, starts, ends = zip(*notes, strict=True) if notes else ((), (), ())
        axes.barh(numbers, np.subtract(ends, starts), left=starts, height=0.9, color=color_of(kind), linewidth=0)
        axes.set(ylabel="MIDI note")
        axes.set_title(label, fontsize=10, loc="left")
    rows[-1].set_xlabel("seconds")
    return figure


def _read_passages(path: Path, kind: str) -> list[str]:
    """The first passages of this kind, in lines."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    texts = [text for head, _, text in (block.strip().partition("\n") for block in blocks) if head.startswith(kind)]
    return [_shorten(text) for text in texts[:PASSAGES]]


def _shorten(text: str) -> str:
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, LINE)] or ["(nothing)"]
    return "\n".join(lines[:LINES]) + (" …" if len(lines) > LINES else "")


def _draw_passages(shown: list[Shown]) -> Figure:
    """The passages of each below its label."""
    heights = [2 + sum(text.count("\n") + 1.4 for text in texts) for _, _, texts in shown]
    with sns.axes_style("white"):
        figure = Figure(figsize=(13, 0.8 + INCHES_PER_LINE * sum(heights)), layout="constrained")
        settings = {"height_ratios": heights}
        rows = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw=settings)[:, 0]
    for axes, height, (label, kind, texts) in zip(rows, heights, shown, strict=True):
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(height, 0))
        axes.set_title(label, fontsize=10, loc="left", color=color_of(kind), fontweight="bold")
        line = 0.2
        for text in texts:
            axes.text(0.01, line, text, va="top", fontsize=9)
            line += text.count("\n") + 1.4
    return figure


FORMS: dict[str, tuple[Callable[[Path, str], Any], Callable[[list[Shown]], Figure]]] = {
    "{}_0.wav": (_read_waveform, _draw_waveforms),
    "{}_0.mid": (_read_notes, _draw_notes),
    "{}.png": (_read_images, _draw_images),
    "samples.txt": (_read_passages, _draw_passages),
}
