"""Sequences in the data's own form: waveforms with spectrograms, images, piano rolls."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

from benchmark.figures.style import save_figure
from benchmark.files import write_atomically

ORIGINAL, GENERATED = sns.color_palette()[:2]
PREFIX_END: dict[str, Any] = {"color": "tab:cyan", "linewidth": 2}


def plot_waveforms(path: Path, waveforms: dict[str, NDArray[np.int16]], rate: int, prefix: int = 0) -> Path:
    """Every waveform above its spectrogram, on one scale per kind; a line ends the given samples of generated ones."""
    with sns.axes_style("white"):
        figure = Figure(figsize=(5.5 * len(waveforms), 6), layout="constrained")
        grid = figure.subplots(2, len(waveforms), squeeze=False, sharex=True)
    limit = loudest(waveforms)
    for column, (name, samples) in enumerate(waveforms.items()):
        wave, spectrum = grid[0][column], grid[1][column]
        draw_waveform(wave, samples, rate, limit, color_of(name))
        wave.set_title(name.replace("_", " "))
        draw_spectrogram(spectrum, samples, rate)
        for axes in (wave, spectrum) if prefix and is_generated(name) else ():
            axes.axvline(prefix / rate, **PREFIX_END)
        spectrum.set_xlabel("seconds")
    save_figure(figure, path)
    return path


def plot_images(
    path: Path, images: dict[str, NDArray[np.float32]], titles: Sequence[str] = (), prefix: int = 0
) -> Path:
    """A row for each kind, of (N, height, width) images from 0, black, to 1, white; NaN is grey.

    `titles` stand above the columns. A line ends the `prefix` given pixels of generated images.
    """
    columns = max(len(of_kind) for of_kind in images.values())
    with sns.axes_style("white"):
        figure = Figure(figsize=(max(4.0, columns), 1.25 * len(images)), layout="constrained")
        grid = figure.subplots(len(images), columns, squeeze=False)
    for row, (name, of_kind) in zip(grid, images.items(), strict=True):
        for axes in row:
            axes.set(xticks=[], yticks=[], facecolor="0.5")
        for axes, image in zip(row, of_kind, strict=False):
            axes.imshow(image, cmap="gray", vmin=0, vmax=1)
            if prefix and is_generated(name):
                width = image.shape[1]
                line, place = divmod(prefix, width)
                xs = np.array([0, place, place, width]) - 0.5
                axes.plot(
                    xs, np.array([line + 1, line + 1, line, line]) - 0.5, scalex=False, scaley=False, **PREFIX_END
                )
        row[0].set_ylabel(name)
    for axes, title in zip(grid[0], titles, strict=False):
        axes.set_title(title)
    save_figure(figure, path)
    return path


def write_pixels(path: Path, images: NDArray[np.float32]) -> Path:
    """A PNG of (N, height, width) images side by side, a pixel of the file for each of theirs; NaN is grey."""
    side_by_side = np.nan_to_num(np.concatenate(list(images), axis=1), nan=0.5)
    encoded = io.BytesIO()
    metadata: dict[str, Any] = {"Software": None}
    imsave(encoded, side_by_side, cmap="gray", vmin=0, vmax=1, format="png", metadata=metadata)
    write_atomically(path, encoded.getvalue())
    return path


def plot_piano_rolls(path: Path, rolls: dict[str, NDArray[np.bool_]], lowest: int, prefix: int = 0) -> Path:
    """Every (T, notes) piano roll, one above the other, a line ending the given steps of generated ones.

    `lowest` is the MIDI number of the first note.
    """
    with sns.axes_style("white"):
        figure = Figure(figsize=(12, 2.5 * len(rolls)), layout="constrained")
        rows = figure.subplots(len(rolls), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, roll) in zip(rows, rolls.items(), strict=True):
        steps, notes = roll.shape
        extent = (0, steps, lowest - 0.5, lowest + notes - 0.5)
        shades = sns.blend_palette(["white", color_of(name)], as_cmap=True)
        axes.imshow(roll.T, aspect="auto", origin="lower", interpolation="nearest", extent=extent, cmap=shades)
        if prefix and is_generated(name):
            axes.axvline(prefix, **PREFIX_END)
        axes.set(title=name.replace("_", " "), ylabel="MIDI note")
    rows[-1].set_xlabel("time step")
    save_figure(figure, path)
    return path


def color_of(name: str) -> Any:
    """Originals have one colour, what models made has another."""
    return GENERATED if is_generated(name) else ORIGINAL


def is_generated(name: str) -> bool:
    return "original" not in name


def loudest(waveforms: dict[str, NDArray[np.int16]]) -> float:
    """The largest amplitude of all, for a common scale."""
    return max(1.0, max(float(np.abs(samples.astype(float)).max()) for samples in waveforms.values()))


def draw_waveform(axes: Axes, samples: NDArray[np.int16], rate: int, limit: float, color: Any) -> None:
    """Samples over seconds, on a scale up to `limit`."""
    axes.plot(np.arange(len(samples)) / rate, samples, linewidth=0.4, color=color)
    axes.set(ylim=(-1.05 * limit, 1.05 * limit), ylabel="int16 sample")


def draw_spectrogram(axes: Axes, samples: NDArray[np.int16], rate: int) -> None:
    """Power over seconds and Hz, on the same scale always."""
    window = max(2, min(256, len(samples) // 2))
    padded = samples.astype(float) + 1e-3  # silence has a logarithm too
    axes.specgram(padded, NFFT=window, noverlap=window * 3 // 4, Fs=rate, cmap="magma", vmin=-40, vmax=60)
    axes.set_ylabel("Hz")


def draw_image(axes: Axes, pixels: NDArray[np.float32]) -> None:
    """Pixels from 0, black, to 1, white."""
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def draw_notes(axes: Axes, notes: Sequence[tuple[int, float, float]], color: Any) -> None:
    """(MIDI number, start, end) of notes, over seconds."""
    numbers, starts, ends = zip(*notes, strict=True) if notes else ((), (), ())
    axes.barh(numbers, np.subtract(ends, starts), left=starts, height=0.9, color=color, linewidth=0)
    axes.set_ylabel("MIDI note")
