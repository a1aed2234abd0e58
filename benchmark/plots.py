"""Figures, from what a run wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

TERMS = {
    "log_px": "-log p(y)",
    "kl": "KL",
    "aux_nll": "auxiliary cost",
    "backward_nll": "backward reconstruction",
}
WEIGHTS = {"kl_weight": "KL weight", "aux_weight": "auxiliary weight", "backward_weight": "backward weight"}


def plot_learning_curves(path: Path, metrics: Path, title: str) -> Path:
    """The terms of the objective, the validation bound, and the weights, over updates."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    train = pd.DataFrame([line for line in lines if line["type"] == "train"])
    validation = pd.DataFrame([line for line in lines if line["type"] == "validation"])
    with sns.axes_style("whitegrid"):
        figure = Figure(figsize=(13, 7), layout="constrained")
        top, bottom = figure.subplots(2, 3)
    figure.suptitle(title)
    bound = "elbo_nats_per_seq" if "elbo_nats_per_seq" in validation else "log_likelihood_nats_per_seq"
    _curve(top[0], validation, bound, "validation " + ("ELBO" if "elbo" in bound else "log-likelihood"))
    if "kl_nats_per_seq" in validation:
        _curve(top[1], validation, "kl_nats_per_seq", "validation KL")
        _curve(top[2], validation, "active_units", "active units", unit="latents")
    else:
        for axes in top[1:]:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "no latents", ha="center", transform=axes.transAxes)
    _terms(bottom[0], train)
    _terms(bottom[1], train, only=("kl", "aux_nll"))
    for name, label in WEIGHTS.items():
        if name in train:
            sns.lineplot(train, x="update", y=name, label=label, ax=bottom[2], errorbar=None)
    bottom[2].set(title="weights in the objective", ylabel="weight")
    return _save(figure, path)


def _curve(axes: Axes, data: pd.DataFrame, column: str, title: str, unit: str = "nats per sequence") -> None:
    sns.lineplot(data, x="update", y=column, ax=axes, marker="o", markersize=4, errorbar=None)
    axes.set(title=title, ylabel=unit)


def _terms(axes: Axes, train: pd.DataFrame, only: tuple[str, ...] = tuple(TERMS)) -> None:
    for name in only:
        if name in train and train[name].abs().max() > 0:
            sign = -1 if name == "log_px" else 1
            sns.lineplot(x=train["update"], y=sign * train[name], label=TERMS[name], ax=axes, errorbar=None)
    title = "training: unweighted terms" if len(only) == len(TERMS) else "training: the latent terms alone"
    axes.set(title=title, ylabel="nats per segment", xlabel="update")
    if not axes.lines:
        axes.text(0.5, 0.5, "no latents", ha="center", transform=axes.transAxes)


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
        window = min(256, len(samples))
        spectrum.specgram(
            samples.astype(float) + 1e-3, NFFT=window, noverlap=window * 3 // 4, Fs=rate, cmap="magma", vmin=-40, vmax=60
        )
        spectrum.set(xlabel="seconds", ylabel="Hz")
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    """Writes a figure without anything that changes from one time to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    metadata: dict[str, Any] = {"Software": None} if path.suffix == ".png" else {"Date": None}
    figure.savefig(path, dpi=110, metadata=metadata)
    return path
