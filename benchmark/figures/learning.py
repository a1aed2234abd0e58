"""The learning curves of one run, from its log."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from benchmark.figures.style import count_on, new_figure, save_figure

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
SEGMENT = "nats per training sequence"


def plot_learning_curves(path: Path, metrics: Path, title: str) -> Path:
    """The validation bound, the unweighted terms of the objective, their weights and the learning rate."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    train = pd.DataFrame([line for line in lines if line["type"] == "train"])
    validation = pd.DataFrame([line for line in lines if line["type"] == "validation"])
    figure, (top, bottom) = new_figure(2, 4, (16, 7))
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
    save_figure(figure, path)
    return path


def _curve(axes: Axes, data: pd.DataFrame, column: str, title: str, unit: str = "nats per sequence") -> None:
    axes.set(title=title, ylabel=unit, xlabel="update")
    if column in data and data[column].notna().any():
        sns.lineplot(data, x="update", y=column, ax=axes, marker="o" if len(data) < 30 else None, errorbar=None)
        axes.set(ylabel=unit)
        count_on(axes.xaxis)
        if column == "active_units":
            count_on(axes.yaxis)
    else:
        axes.text(0.5, 0.5, "none", ha="center", transform=axes.transAxes)


def _weights(axes: Axes, train: pd.DataFrame) -> None:
    for name, label in WEIGHTS.items():
        if name in train:
            sns.lineplot(train, x="update", y=name, label=label, ax=axes, errorbar=None)
    axes.set(title="weights and learning rate", ylabel="", xlabel="update")
    axes.set_yscale("symlog", linthresh=1e-5)
    axes.yaxis.set_major_formatter("{x:g}")  # powers of ten would be formulas
