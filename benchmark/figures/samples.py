"""Real sequences and what several models generate, one below the other, from the samples that runs left."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from benchmark.figures.media import color_of, draw_image, draw_notes, draw_spectrogram, draw_waveform, loudest
from benchmark.figures.sequence_files import read_file, read_notes, read_pixels, read_waveform, run_folders
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
    folders = run_folders(out, rows, "samples")
    for name, (read, draw) in FORMS.items():
        kept = {label: folder for label, folder in folders.items() if (folder / name.format(GENERATED)).is_file()}
        if kept:
            sources = [(ORIGINAL, ORIGINAL, next(iter(kept.values())))]
            sources += [(label, GENERATED, folder) for label, folder in kept.items()]
            shown = [Shown(label, kind, read_file(read, folder / name.format(kind))) for label, kind, folder in sources]
            figure = draw(shown)
            heading(figure, title, "originals of the test split, and what is generated freely")
            return figure
    return None


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


def _draw_images(shown: list[Shown]) -> Figure:
    """The first images of each, in a row."""
    with sns.axes_style("white"):
        figure = Figure(figsize=(13, 0.8 + 1.15 * len(shown)), layout="constrained")
        rows = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, (label, _, pixels) in zip(rows, shown, strict=True):
        pixels = pixels[:, : IMAGES * len(pixels)]
        draw_image(axes, pixels)
        axes.vlines(np.arange(len(pixels), pixels.shape[1], len(pixels)) - 0.5, -0.5, len(pixels) - 0.5, color="0.5")
        axes.set_title(label, fontsize=10, loc="left")
    return figure


def _draw_notes(shown: list[Shown]) -> Figure:
    """A piano roll for each, on the same axes."""
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(13, 0.8 + 1.8 * len(shown)), layout="constrained")
        rows = figure.subplots(len(shown), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for axes, (label, kind, notes) in zip(rows, shown, strict=True):
        draw_notes(axes, notes, color_of(kind))
        axes.set_title(label, fontsize=10, loc="left")
    rows[-1].set_xlabel("seconds")
    return figure


def _read_passages(path: Path) -> dict[str, list[str]]:
    """The first passages of each kind, in lines."""
    blocks = [block.strip().partition("\n") for block in path.read_text(encoding="utf-8").split("\n\n")]
    of_kind = {kind: [text for head, _, text in blocks if head.startswith(kind)] for kind in (ORIGINAL, GENERATED)}
    return {kind: [shorten(text) for text in texts[:PASSAGES]] for kind, texts in of_kind.items()}


def shorten(text: str, width: int = LINE) -> str:
    """The beginning of a passage, in lines."""
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, width)] or ["(nothing)"]
    return "\n".join(lines[:LINES]) + (" …" if len(lines) > LINES else "")


def _draw_passages(shown: list[Shown]) -> Figure:
    """The passages of each below its label."""
    heights = [2 + sum(text.count("\n") + 1.4 for text in texts[kind]) for _, kind, texts in shown]
    with sns.axes_style("white"):
        figure = Figure(figsize=(13, 0.8 + INCHES_PER_LINE * sum(heights)), layout="constrained")
        settings = {"height_ratios": heights}
        rows = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw=settings)[:, 0]
    for axes, height, (label, kind, texts) in zip(rows, heights, shown, strict=True):
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(height, 0))
        axes.set_title(label, fontsize=10, loc="left", color=color_of(kind), fontweight="bold")
        line = 0.2
        for text in texts[kind]:
            axes.text(0.01, line, text, va="top", fontsize=9)
            line += text.count("\n") + 1.4
    return figure


FORMS: dict[str, tuple[Callable[[Path], Any], Callable[[list[Shown]], Figure]]] = {
    "{}_0.wav": (read_waveform, _draw_waveforms),
    "{}_0.mid": (read_notes, _draw_notes),
    "{}.png": (read_pixels, _draw_images),
    "samples.txt": (_read_passages, _draw_passages),
}
