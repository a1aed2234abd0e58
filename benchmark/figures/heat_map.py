"""The ablation as a heat map: auxiliary weight by KL weight, a panel per model."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.ablation import Ablation, ablations
from benchmark.effects import ELBO
from benchmark.figures.bounds import UNIT, bound_name
from benchmark.figures.style import heading, new_figure, sample_size, unreached_weights
from benchmark.row import Row, describe_ends
from benchmark.statistics import Interval, t_interval

KL = "kl_nats_per_seq"
CELL = 1.25, 0.8  # inches
WIDEST = 13.5  # inches of a figure
NOTE = "mean over seeds and half width of its 95 % t interval; colours compare within a panel only"


def heat_map_figure(rows: list[Row], title: str) -> Figure | None:
    """Test bound and KL, mean over seeds; None if there is nothing that the auxiliary weight alone tells apart.

    Models are further apart than weights move them, so that each panel has colours of its own.
    """
    models = ablations(rows)
    if not models:
        return None
    protocol = rows[0].protocols[0]
    width = 1.5 + CELL[0] * max(2, *(len(model.aux_weights) for model in models))
    columns = 2 if 2 * width <= WIDEST else 1
    heights = [1.2 + CELL[1] * len(model.kl_weights) for model in models for _ in range(2 // columns)]
    size = (max(7.0, columns * width), 0.5 + sum(heights))
    figure, grid = new_figure(len(heights), columns, size, gridspec_kw={"height_ratios": heights})
    caveats = unreached_weights(row for model in models for row in model.rows.values())
    heading(figure, title, f"test split, {protocol}: {NOTE}", *caveats)
    panels = [(model, metric) for model in models for metric in (ELBO, KL)]
    for axes, (model, metric) in zip((axes for line in grid for axes in line), panels, strict=True):
        _draw(axes, *heat_map_cells(model, protocol, metric))
        axes.set_title(f"{model.title}: {'KL' if metric == KL else bound_name(model.rows.values())}", fontsize=11)
    return figure


def _draw(axes: Axes, means: pd.DataFrame, texts: pd.DataFrame) -> None:
    """A panel; seaborn leaves out what is not finite, whose text then stands on the background."""
    finite = means.where(np.isfinite(means))
    lowest, highest = (finite.min().min(), finite.max().max()) if finite.notna().any(axis=None) else (0, 1)
    font: dict[str, Any] = {"fontsize": 9}
    shown = {"annot": texts, "fmt": "", "annot_kws": font, "cbar_kws": {"label": UNIT}, "vmin": lowest, "vmax": highest}
    sns.heatmap(finite, ax=axes, cmap="crest", linewidths=1, **shown)
    for row, column in np.argwhere(finite.isna() & (texts != "")):
        axes.text(column + 0.5, row + 0.5, texts.iloc[row, column], ha="center", va="center", **font)
    axes.set(xlabel="auxiliary weight", ylabel="KL weight")
    axes.tick_params(axis="y", rotation=0)
    axes.grid(visible=False)  # where a cell is empty


def heat_map_cells(model: Ablation, protocol: str, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means over seeds, and what stands in the cells; a row for each KL weight, a column for each auxiliary weight.

    A cell without a run is NaN.
    """
    by_cell = {weights: row.values(protocol, metric).values() for weights, row in model.rows.items()}
    intervals = {weights: t_interval(values) for weights, values in by_cell.items() if values}
    places = decimals(intervals.values())
    index, columns = [describe_ends(ends) for ends in model.kl_weights], [f"{weight:g}" for weight in model.aux_weights]
    means, texts = pd.DataFrame(np.nan, index, columns), pd.DataFrame("", index, columns)
    for (aux_weight, kl_weight), (mean, half_width) in intervals.items():
        cell = model.kl_weights.index(kl_weight), model.aux_weights.index(aux_weight)
        means.iloc[cell] = mean
        uncertainty = [] if half_width is None else [f"± {rounded(half_width, places)}"]
        texts.iloc[cell] = "\n".join([rounded(mean, places), *uncertainty, sample_size(by_cell[aux_weight, kl_weight])])
    return means, texts


def decimals(intervals: Collection[Interval]) -> int:
    """Digits after the point for two digits of the smallest half width, or for four of the largest mean.

    A half width that is mere rounding counts as none.
    """
    largest = max((abs(mean) for mean, _ in intervals if math.isfinite(mean)), default=0.0)
    half_widths = [half_width for _, half_width in intervals if half_width is not None and math.isfinite(half_width)]
    value, digits = min(((width, 2) for width in half_widths if width > 1e-9 * largest), default=(largest, 4))
    return max(0, digits - 1 - math.floor(math.log10(value))) if value else 0


def rounded(value: float, places: int) -> str:
    """Never a negative zero."""
    return f"{round(value, places) + 0.0:,.{places}f}"
