"""Validation over training, row by row: every seed as a thin line, their mean as a bold one."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from benchmark.figures.bounds import UNIT, bound_name
from benchmark.figures.style import (
    MEAN_LINE,
    MOST_ROWS,
    SEED_LINE,
    Look,
    count_on,
    handle,
    heading,
    legend_below,
    looks,
    new_panels,
    new_parts,
)
from benchmark.row import Row, bound_of

NOTE = "validation during training; thin: every seed, bold: their mean where all of them are finite"
MARKS = 6  # of a mean line
LATENT_PANELS = (("kl_nats_per_seq", "KL", UNIT), ("active_units", "active units", "latents"))
COLUMNS = ("row", "seed", "update", "bound", *(column for column, _, _ in LATENT_PANELS))


def training_figure(rows: list[Row], title: str) -> Figure | None:
    """The bound, once as a whole and once closer, KL and active units over updates; None before any validation.

    Many rows have a line of panels for each model.
    """
    data = validation_curves(rows)
    if data.empty:
        return None
    lines = 1 if len(rows) > MOST_ROWS or "kl_nats_per_seq" not in data else 2
    figure, parts = new_parts(rows, (13, 0.4 + 3.6 * lines))
    heading(figure, title, NOTE)
    for part, of_part in parts:
        _draw_part(part, of_part, lines)
    return figure


def _draw_part(part: SubFigure, rows: list[Row], lines: int) -> None:
    """The panels of rows that share them, in so many lines."""
    data = validation_curves(rows)
    latent_panels = LATENT_PANELS if "kl_nats_per_seq" in data else ()
    looks_of = dict(zip([row.label for row in rows], looks(row.is_exact for row in rows), strict=True))
    grid = new_panels(part, lines, (2 + len(latent_panels)) // lines)
    whole, closer, *latent = (axes for line in grid for axes in line)
    draw_curves(whole, data, "bound", looks_of)
    whole.set(title=bound_name(rows), ylabel=UNIT)
    better = better_half(data)
    draw_close_up(closer, data, {label: look for label, look in looks_of.items() if label in better})
    closer.set_title("close-up of the better half")
    for axes, (column, name, unit) in zip(latent, latent_panels, strict=True):
        draw_curves(axes, data, column, looks_of)
        axes.set(title=name, ylabel=unit, xlim=whole.get_xlim())
        if column == "active_units":
            count_on(axes.yaxis)
    legend_below(part, [handle(looks_of[row.label], seeds_label(row)) for row in rows])


def seeds_label(row: Row) -> str:
    """A row in a legend, and how many seeds it has."""
    return f"{row.label}, n = {len(row.seeds)}"


def validation_curves(rows: list[Row]) -> pd.DataFrame:
    """What was measured on validation: columns `row`, `seed`, `update`, `bound`, and the metrics by name.

    What is not finite, because a run diverged, is NaN.
    """
    points = [
        {**point, "row": row.label, "seed": record["seed"], "bound": bound_of(point)}
        for row in rows
        for record in row.records
        for point in record["training"]["validation"]
        if point["update"] > 0  # what no training gives would set the scale
    ]
    data = pd.DataFrame(points) if points else pd.DataFrame(columns=COLUMNS, dtype=float)
    return data.replace([math.inf, -math.inf], math.nan)


def draw_curves(axes: Axes, data: pd.DataFrame, column: str, looks_of: dict[str, Look]) -> None:
    """A line for every seed of a row and one for their mean, as long as all seeds go on."""
    for label, look in looks_of.items():
        seeds = data.loc[data["row"] == label, "seed"].nunique()
        of_row = data[data["row"] == label].dropna(subset=[column])
        if of_row.empty:
            continue
        style: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle}
        sns.lineplot(
            of_row, x="update", y=column, units="seed", estimator=None, ax=axes, legend=False, **style, **SEED_LINE
        )
        at_update = of_row.groupby("update")[column].agg(["mean", "count"])
        mean = at_update.loc[at_update["count"] == seeds, "mean"]
        every = max(1, len(mean) // MARKS)
        axes.plot(mean.index, mean, marker=look.marker, markevery=every, label=label, **style, **MEAN_LINE)
    axes.set_xlabel("update")
    count_on(axes.xaxis)


def draw_close_up(axes: Axes, data: pd.DataFrame, looks_of: dict[str, Look]) -> None:
    """The bound of the rows that have a look, with limits that show them from half of their training on."""
    draw_curves(axes, data, "bound", looks_of)
    finite = data[data["row"].isin(looks_of)].dropna(subset=["bound"]).sort_values("update")
    lines = [line["bound"] for _, line in finite.groupby(["row", "seed"])]
    axes.set(title="close-up", ylabel=UNIT)
    if not lines:
        return
    lowest = min(line.iloc[len(line) // 2 :].min() for line in lines)
    highest = max(line.max() for line in lines)
    margin = 0.05 * (highest - lowest) or 0.01 * abs(highest) or 1.0
    first, last = finite.loc[finite["bound"] >= lowest - margin, "update"].min(), finite["update"].max()
    aside = 0.05 * (last - first) or 1.0
    axes.set(ylim=(lowest - margin, highest + margin), xlim=(first - aside, last + aside))


def better_half(data: pd.DataFrame) -> set[str]:
    """The rows whose bounds at the end of training are at the median of all rows or above."""
    last = data.sort_values("update").drop_duplicates(["row", "seed"], keep="last")
    at_end = last.groupby("row")["bound"].agg(lambda bounds: bounds.mean(skipna=False))  # none of what diverged
    return set(at_end.index[at_end >= at_end.median()])
