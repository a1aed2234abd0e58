"""What models have between two test sequences in their latents, from what `benchmark.interpolate` left."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.figures.media import color_of, draw_image, draw_notes, draw_spectrogram
from benchmark.figures.samples import INCHES_PER_LINE, shorten
from benchmark.figures.sequence_files import read_file, read_notes, read_pixels, read_waveform, run_folders
from benchmark.figures.style import heading
from benchmark.row import Row
from benchmark.sample_folder import INTERPOLATION

POINT = re.compile(r"(?P<first>\d+)-(?P<second>\d+)_\d+_(?P<name>.+)")  # the stem '0-1_02_weight_0.25'
PAIRS = 2  # of each run
COLUMNS = 9
SENTENCE = 150  # characters of a line


class Between(NamedTuple):
    """Two test sequences and what a run has between them.

    Attributes:
        label: the run and the two.
        points: what was read, from one original to the other, by name.
    """

    label: str
    points: dict[str, Any]


def interpolation_figure(out: Path, rows: list[Row], title: str) -> Figure | None:
    """One run of each row: from one original to the other, weight by weight; None if no run left an interpolation.

    Args:
        out: the results folder.
        rows: of one data set and source.
        title: of the figure.

    Raises:
        UserError: a file cannot be read.
    """
    folders = run_folders(out, rows, INTERPOLATION)
    for read, draw in FORMS:
        found = [between for label, folder in folders.items() for between in _pairs(label, read(folder))]
        if found:
            figure = draw(found)
            heading(figure, title, "generated from latents between those of two sequences of the test split")
            return figure
    return None


def _pairs(label: str, contents: dict[str, Any]) -> list[Between]:
    """The first pairs of a run, from what it left by stem."""
    found: dict[str, dict[str, Any]] = {}
    for point, content in ((POINT.fullmatch(stem), content) for stem, content in contents.items()):
        if point:
            pair = f"{label}: test sequences {point['first']} and {point['second']}"
            found.setdefault(pair, {})[point["name"].replace("_", " ")] = content
    return [Between(*pair) for pair in found.items()][:PAIRS]


def _read_files(suffix: str, read: Callable[[Path], Any], folder: Path) -> dict[str, Any]:
    paths = [path for path in sorted(folder.glob(f"*{suffix}")) if POINT.fullmatch(path.stem)]
    return {path.stem: read_file(read, path) for path in paths}


def _read_sentences(folder: Path) -> dict[str, str]:
    path = folder / "sentences.json"
    return read_file(lambda path: json.loads(path.read_text(encoding="utf-8")), path) if path.is_file() else {}


def _draw_grid(draw: Callable[[Axes, Any, Any], None], found: list[Between]) -> Figure:
    """A row of panels for each two sequences; of many weights some are left out."""
    columns = min(COLUMNS, max(len(between.points) for between in found))
    figure = Figure(figsize=(13, 0.8 + 2.1 * len(found)), layout="constrained")
    for part, between in zip(figure.subfigures(len(found), 1, squeeze=False)[:, 0], found, strict=True):
        part.suptitle(between.label, fontsize=10)
        with sns.axes_style("white"):
            panels = part.subplots(1, columns, squeeze=False, sharex=True, sharey=True)[0]
        names = list(between.points)
        chosen = np.unique(np.linspace(0, len(names) - 1, columns).round().astype(int))
        for axes, name in zip(panels, (names[place] for place in chosen), strict=False):
            draw(axes, between.points[name], color_of(name))
            axes.set_title(name, fontsize=9, color=color_of(name))
            axes.label_outer()
        for axes in panels[len(chosen) :]:
            axes.set_axis_off()
    return figure


def _draw_sound(axes: Axes, sound: tuple[Any, int], color: Any) -> None:
    draw_spectrogram(axes, *sound)
    axes.set_xlabel("seconds")


def _draw_image(axes: Axes, pixels: Any, color: Any) -> None:
    draw_image(axes, pixels)


def _draw_notes(axes: Axes, notes: list[tuple[int, float, float]], color: Any) -> None:
    draw_notes(axes, notes, color)
    axes.set_xlabel("seconds")


def _draw_sentences(found: list[Between]) -> Figure:
    """A line for each weight."""
    tables = [{name: shorten(text, SENTENCE) for name, text in between.points.items()} for between in found]
    heights = [2 + sum(text.count("\n") + 1.2 for text in table.values()) for table in tables]
    figure = Figure(figsize=(13, 0.8 + INCHES_PER_LINE * sum(heights)), layout="constrained")
    settings = {"height_ratios": heights}
    panels = figure.subplots(len(found), 1, squeeze=False, gridspec_kw=settings)[:, 0]
    for axes, height, between, table in zip(panels, heights, found, tables, strict=True):
        axes.set_axis_off()
        axes.set(xlim=(0, 1), ylim=(height, 0))
        axes.set_title(between.label, fontsize=10, loc="left", fontweight="bold")
        line = 0.2
        for name, text in table.items():
            axes.text(0.01, line, name, va="top", fontsize=9, color=color_of(name))
            axes.text(0.1, line, text, va="top", fontsize=9)
            line += text.count("\n") + 1.2
    return figure


FORMS: tuple[tuple[Callable[[Path], dict[str, Any]], Callable[[list[Between]], Figure]], ...] = (
    (partial(_read_files, ".wav", read_waveform), partial(_draw_grid, _draw_sound)),
    (partial(_read_files, ".mid", read_notes), partial(_draw_grid, _draw_notes)),
    (partial(_read_files, ".png", read_pixels), partial(_draw_grid, _draw_image)),
    (_read_sentences, _draw_sentences),
)
