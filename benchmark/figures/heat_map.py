"""The ablation as a heat map: auxiliary weight by KL weight, a panel per model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from benchmark.ablation import Ablation, ablations
from benchmark.figures.bounds import METRICS, UNIT, bound_name
from benchmark.figures.style import heading, new_figure
from benchmark.row import Row, describe_ends
from benchmark.statistics import t_interval

KL = "kl_nats_per_seq"


def heat_map_figure(rows: list[Row], title: str) -> Figure | None:
    """Test bound and KL, mean over seeds; None if there is nothing that the auxiliary weight alone tells apart."""
    models = ablations(rows)
    if not models:
        return None
    protocol = rows[0].protocols[0]
    widths = [max(3.2, 1.5 + 1.25 * len(model.aux_weights)) for model in models]
    height = max(len(model.kl_weights) for model in models)
    settings = {"gridspec_kw": {"width_ratios": widths}}
    figure, grid = new_figure(2, len(models), (max(8.0, sum(widths) + 0.5), 2 * (1.4 + 0.8 * height)), **settings)
    heading(figure, title, f"test split, {protocol}: mean over seeds and half width of its 95 % t interval")
    for column, model in enumerate(models):
        for axes, metric in zip((grid[0][column], grid[1][column]), (METRICS["elbo"], KL), strict=True):
            means, texts = heat_map_cells(model, protocol, metric)
            shown = {"annot": texts, "fmt": "", "annot_kws": {"fontsize": 9}, "cbar_kws": {"label": UNIT}}
            sns.heatmap(means, ax=axes, cmap="crest", linewidths=1, **shown)
            axes.set(xlabel="auxiliary weight", ylabel="KL weight" if column == 0 else "")
            axes.set_title(f"{model.title}: {'KL' if metric == KL else bound_name(model.rows.values())}", fontsize=11)
            axes.tick_params(axis="y", rotation=0)
    return figure


def heat_map_cells(model: Ablation, protocol: str, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means over seeds, and what stands in the cells; a row for each KL weight, a column for each auxiliary weight.

    A cell without a run is NaN.
    """
    places = [describe_ends(ends) for ends in model.kl_weights]
    means = pd.DataFrame(np.nan, places, [f"{weight:g}" for weight in model.aux_weights])
    texts = pd.DataFrame("", means.index, means.columns)
    for (aux_weight, kl_weight), row in model.rows.items():
        values = row.values(protocol, metric).values()
        if values:
            mean, half_width = t_interval(values)
            cell = model.kl_weights.index(kl_weight), model.aux_weights.index(aux_weight)
            means.iloc[cell] = mean
            uncertainty = "" if half_width is None else f"\n± {rounded(half_width)}"
            texts.iloc[cell] = f"{rounded(mean)}{uncertainty}\nn = {len(values)}"
    return means, texts


def rounded(value: float) -> str:
    """With about four digits."""
    return f"{value:,.{max(0, 3 - len(str(int(abs(value)))))}f}"
