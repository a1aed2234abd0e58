"""Figures, from what runs wrote: python -m benchmark.plots"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmark.command import run_command
from benchmark.tables import chosen_records

TERMS = {
    "log_px": "-log p(y)",
    "kl": "KL",
    "aux_nll": "auxiliary cost",
    "backward_nll": "backward reconstruction",
}
WEIGHTS = {
    "kl_weight": "KL weight",
    "aux_weight": "auxiliary weight",
    "backward_weight": "backward weight",
    "learning_rate": "learning rate",
}
LATENT_PANELS = (
    ("kl_nats_per_seq", "KL", "nats per sequence"),
    ("active_units", "active units", "latents"),
)
SEGMENT = "nats per training sequence"


def plot_learning_curves(path: Path, metrics: Path, title: str) -> Path:
    """The validation bound, the unweighted terms of the objective, their weights and the learning rate."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    train = pd.DataFrame([line for line in lines if line["type"] == "train"])
    validation = pd.DataFrame([line for line in lines if line["type"] == "validation"])
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(16, 7), layout="constrained")
        top, bottom = figure.subplots(2, 4)
    figure.suptitle(title)
    exact = "elbo_nats_per_seq" not in validation
    bound = "log_likelihood_nats_per_seq" if exact else "elbo_nats_per_seq"
    _curve(top[0], validation, bound, "validation: log-likelihood" if exact else "validation: ELBO")
    _curve(top[1], validation, "kl_nats_per_seq", "validation: KL")
    _curve(top[2], validation, "active_units", "validation: active units", "latents")
    _weights(top[3], train)
    for axes, (name, label) in zip(bottom, TERMS.items(), strict=True):
        sign = -1 if name == "log_px" else 1
        terms = pd.DataFrame({"update": train.get("update", []), name: sign * train.get(name, pd.Series(dtype=float))})
        _curve(axes, terms if terms[name].abs().max() > 0 else pd.DataFrame(), name, f"training: {label}", SEGMENT)
    return _save(figure, path)


def plot_validation(path: Path, records: list[dict[str, Any]], title: str) -> Path:
    """Bound, KL and active units on validation over training, a line for each run."""
    rows = [
        {**point, "run": f"{record['label']}, seed {record['seed']}", "bound": _bound(point)}
        for record in records
        for point in record["training"]["validation"]
        if point["update"] > 0
    ]
    data = pd.DataFrame(rows)
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(16, 4.5), layout="constrained")
        axes = figure.subplots(1, 3)
    figure.suptitle(title)
    panels = (("bound", "ELBO, or exact log-likelihood", "nats per sequence"), *LATENT_PANELS)
    for number, (panel, (column, name, unit)) in enumerate(zip(axes, panels, strict=True)):
        if column in data:
            shown = data.dropna(subset=[column])
            style = {"hue": "run", "hue_order": list(dict.fromkeys(data["run"])), "legend": number == 0}
            sns.lineplot(shown, x="update", y=column, ax=panel, errorbar=None, **style)
        panel.set(title=f"validation: {name}", ylabel=unit)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].get_legend().remove()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False)
    return _save(figure, path)


def _bound(metrics: dict[str, Any]) -> float:
    return float(metrics["elbo_nats_per_seq" if metrics["bound"] == "elbo" else "log_likelihood_nats_per_seq"])


def _curve(axes: Axes, data: pd.DataFrame, column: str, title: str, unit: str = "nats per sequence") -> None:
    axes.set(title=title, ylabel=unit, xlabel="update")
    if column in data and data[column].notna().any():
        sns.lineplot(data, x="update", y=column, ax=axes, marker="o" if len(data) < 30 else None, errorbar=None)
        axes.set(ylabel=unit)
    else:
        axes.text(0.5, 0.5, "none", ha="center", transform=axes.transAxes)


def _weights(axes: Axes, train: pd.DataFrame) -> None:
    for name, label in WEIGHTS.items():
        if name in train:
            sns.lineplot(train, x="update", y=name, label=label, ax=axes, errorbar=None)
    axes.set(title="weights and learning rate", ylabel="", xlabel="update")
    axes.set_yscale("symlog", linthresh=1e-5)


def plot_waveforms(path: Path, waveforms: dict[str, NDArray[np.int16]], rate: int, frame_size: int) -> Path:
    """Every waveform above its spectrogram, on one scale per kind."""
    with sns.axes_style("white"):
        figure = Figure(figsize=(5.5 * len(waveforms), 6), layout="constrained")
        grid = figure.subplots(2, len(waveforms), squeeze=False, sharex=True)
    limit = max(1.0, max(float(np.abs(samples.astype(float)).max()) for samples in waveforms.values()))
    for column, (name, samples) in enumerate(waveforms.items()):
        wave, spectrum = grid[0][column], grid[1][column]
        seconds = np.arange(len(samples)) / rate
        wave.plot(seconds, samples, linewidth=0.4, color=sns.color_palette()[0 if "original" in name else 1])
        wave.set(title=name.replace("_", " "), ylim=(-1.05 * limit, 1.05 * limit), ylabel="int16 sample")
        window = max(2, min(256, len(samples) // 2))
        spectrum.specgram(
            samples.astype(float) + 1e-3,
            NFFT=window,
            noverlap=window * 3 // 4,
            Fs=rate,
            cmap="magma",
            vmin=-40,
            vmax=60,
        )
        spectrum.set(xlabel="seconds", ylabel="Hz")
    return _save(figure, path)


def plot_images(path: Path, images: dict[str, NDArray[np.float32]], titles: Sequence[str] = ()) -> Path:
    """A row for each kind, of (N, height, width) images from 0, black, to 1, white; NaN is grey.

    `titles` stand above the columns.
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
        row[0].set_ylabel(name)
    for axes, title in zip(grid[0], titles, strict=False):
        axes.set_title(title)
    return _save(figure, path)


def plot_piano_rolls(path: Path, rolls: dict[str, NDArray[np.bool_]], lowest: int) -> Path:
    """Every (T, notes) piano roll, one above the other; `lowest` is the MIDI number of the first note."""
    with sns.axes_style("white"):
        figure = Figure(figsize=(12, 2.5 * len(rolls)), layout="constrained")
        rows = figure.subplots(len(rolls), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, roll) in zip(rows, rolls.items(), strict=True):
        color = sns.color_palette()[0 if "original" in name else 1]
        steps, notes = roll.shape
        extent = (0, steps, lowest - 0.5, lowest + notes - 0.5)
        shades = sns.blend_palette(["white", color], as_cmap=True)
        axes.imshow(roll.T, aspect="auto", origin="lower", interpolation="nearest", extent=extent, cmap=shades)
        axes.set(title=name.replace("_", " "), ylabel="MIDI note")
    rows[-1].set_xlabel("time step")
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    """Writes a figure without anything that changes from one time to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    metadata: dict[str, Any] = {"Software": None} if path.suffix == ".png" else {"Date": None}
    figure.savefig(path, dpi=110, metadata=metadata)
    return path


def main(arguments: list[str] | None = None) -> None:
    description = "Draws the training of all recorded runs of each data set and source."
    out, groups = chosen_records("python -m benchmark.plots", description, arguments)
    for name, records in groups.items():
        print(plot_validation(out / "figures" / f"{name}_training.png", records, records[0]["dataset"]["description"]))


if __name__ == "__main__":
    run_command(main)
