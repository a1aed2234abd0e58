"""Validation over training, row by row: every seed as a thin line, their mean as a bold one."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.figures.bounds import UNIT, bound_name, bound_of, is_exact
from benchmark.figures.style import MEAN_LINE, SEED_LINE, Look, handle, heading, legend_below, looks, new_figure
from benchmark.row import Row

NOTE = "validation during training; thin: every seed, bold: their mean"
MARKS = 6  # of a mean line
LATENT_PANELS = (("kl_nats_per_seq", "KL", UNIT), ("active_units", "active units", "latents"))


def training_figure(rows: list[Row], title: str) -> Figure:
    """The bound, once as a whole and once closer, KL and active units over updates."""
    data = validation_curves(rows)
    looks_of = dict(zip([row.label for row in rows], looks(map(is_exact, rows)), strict=True))
    latent = "kl_nats_per_seq" in data
    figure, grid = new_figure(1 + latent, 2, (13, 4 + 3.6 * latent))
    heading(figure, title, NOTE)
    draw_curves(grid[0][0], data, "bound", looks_of)
    grid[0][0].set(title=bound_name(rows), ylabel=UNIT)
    draw_close_up(grid[0][1], data, looks_of, better_half(data))
    grid[0][1].set_title("close-up of the better half of the rows")
    if latent:
        for axes, (column, name, unit) in zip(grid[1], LATENT_PANELS, strict=True):
            draw_curves(axes, data, column, looks_of)
            axes.set(title=name, ylabel=unit, xlim=grid[0][0].get_xlim())
    legend_below(figure, [handle(looks_of[row.label], seeds_label(row)) for row in rows])
    return figure


def seeds_label(row: Row) -> str:
    """A row in a legend, and how many seeds it has."""
    return f"{row.label}, n = {len(row.seeds)}"


def validation_curves(rows: list[Row]) -> pd.DataFrame:
    """What was measured on validation: columns `row`, `seed`, `update`, `bound`, and the metrics by name.

    What is not finite, because a run diverged, is NaN.
    """
    data = pd.DataFrame(
        [
            {**point, "row": row.label, "seed": record["seed"], "bound": bound_of(point)}
            for row in rows
            for record in row.records
            for point in record["training"]["validation"]
            if point["update"] > 0  # what no training gives would set the scale
        ]
    )
    return data.replace([math.inf, -math.inf], math.nan)


def draw_curves(axes: Axes, data: pd.DataFrame, column: str, looks_of: dict[str, Look]) -> None:
    """A line for every seed of a row and one for their mean, as long as all seeds go on."""
    for label, look in looks_of.items():
        of_row = data[data["row"] == label].dropna(subset=[column])
        if of_row.empty:
            continue
        style: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle}
        sns.lineplot(
            of_row, x="update", y=column, units="seed", estimator=None, ax=axes, legend=False, **style, **SEED_LINE
        )
        at_update = of_row.groupby("update")[column].agg(["mean", "count"])
        mean = at_update.loc[at_update["count"] == of_row["seed"].nunique(), "mean"]
        every = max(1, len(mean) // MARKS)
        axes.plot(mean.index, mean, marker=look.marker, markevery=every, label=label, **style, **MEAN_LINE)
    axes.set_xlabel("update")


def draw_close_up(axes: Axes, data: pd.DataFrame, looks_of: dict[str, Look], chosen: Collection[str]) -> None:
    """The bound, with limits that show the chosen rows from half of their training on."""
    draw_curves(axes, data, "bound", looks_of)
    finite = data[data["row"].isin(chosen)].dropna(subset=["bound"]).sort_values("update")
    lines = [line["bound"] for _, line in finite.groupby(["row", "seed"])]
    axes.set(title="close-up", ylabel=UNIT)
    if not lines:
        return
    lowest = min(line.iloc[len(line) // 2 :].min() for line in lines)
    highest = max(line.max() for line in lines)
    margin = 0.05 * (highest - lowest) or 0.01 * abs(highest) or 1.0
    first, last = data.loc[data["bound"] >= lowest - margin, "update"].min(), data["update"].max()
    aside = 0.05 * (last - first) or 1.0
    axes.set(ylim=(lowest - margin, highest + margin), xlim=(first - aside, last + aside))


def better_half(data: pd.DataFrame) -> set[str]:
    """The rows whose bounds at the end of training are at the median of all rows or above."""
    at_end = data.sort_values("update").groupby(["row", "seed"])["bound"].last().groupby("row").mean()
    return set(at_end.index[at_end >= at_end.median()])
