"""Likelihood against active units: whether what a model gains goes with the use of its latents."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

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
    sample_size,
)
from benchmark.row import Row
from benchmark.statistics import t_interval

FAR = 0.5  # of the range of the bounds: exact likelihoods beyond it would flatten them
NOTE = "small or thin: every seed, large or thick: their mean"


def active_units_figure(rows: list[Row], title: str) -> Figure | None:
    """Every seed of every row, and their means; exact likelihoods are lines. None without latents.

    Many rows have a panel for each model.
    """
    protocol = rows[0].protocols[0]
    with_latents = [row for row in rows if row.values(protocol, "active_units")]
    if not with_latents:
        return None
    figure, parts = new_parts(with_latents, (13, 5.2 if len(with_latents) <= MOST_ROWS else 3.6))
    panels = []
    beyond = {row.label: row for row in rows if row.is_exact}
    for part, of_part in parts:
        axes, drawn = _draw_part(part, [row for row in rows if row in of_part or row.is_exact], protocol)
        panels.append(axes)
        beyond = {label: row for label, row in beyond.items() if label not in drawn}
    left, right = zip(*(axes.get_xlim() for axes in panels), strict=True)
    for axes in panels:
        axes.set_xlim(min(left) - 1, max(right) + 1)
    far = [f"{label} {t_interval(row.bound_values(protocol).values()).mean:,.1f}" for label, row in beyond.items()]
    note = [f"not in the picture, exact log-likelihood: {'; '.join(far)}"] if far else []
    heading(figure, title, f"test split, {protocol}; {NOTE}", *note)
    return figure


def _draw_part(part: SubFigure, rows: list[Row], protocol: str) -> tuple[Axes, set[str]]:
    """A panel of rows, of which exact ones are drawn if they are near the others; the labels of those drawn."""
    look_of = dict(zip([row.label for row in rows], looks(row.is_exact for row in rows), strict=True))
    ((axes,),) = new_panels(part, 1, 1)
    with_latents = [row for row in rows if not row.is_exact]
    for row in with_latents:
        _draw_row(axes, row, protocol, look_of[row.label])
    near = _near(axes, [row for row in rows if row.is_exact], protocol)
    for row in near:
        _draw_exact(axes, row, protocol, look_of[row.label])
    units = {n for row in with_latents for n in row.values(protocol, "latent_units").values()}
    of = f" of {units.pop()}" if len(units) == 1 else ""
    axes.set(xlabel=f"active units{of}", ylabel=f"{bound_name([*with_latents, *near])}\n{UNIT}")
    count_on(axes.xaxis)
    entries = [_entry(row, protocol, look_of[row.label], linestyle="") for row in with_latents]
    legend_below(part, entries + [_entry(row, protocol, look_of[row.label], marker="") for row in near])
    return axes, {row.label for row in (*with_latents, *near)}


def _draw_row(axes: Axes, row: Row, protocol: str, look: Look) -> None:
    active, bound = row.values(protocol, "active_units"), row.bound_values(protocol)
    units, bounds = list(active.values()), [bound[seed] for seed in active]
    style: dict[str, Any] = {"color": look.color, "marker": look.marker, "edgecolor": "white"}
    axes.scatter(units, bounds, s=36, alpha=0.6, linewidth=0.3, label=row.label, **style)
    axes.scatter([t_interval(units).mean], [t_interval(bounds).mean], s=130, linewidth=1.0, zorder=3, **style)


def _near(axes: Axes, exact: list[Row], protocol: str) -> list[Row]:
    """Those whose mean would not flatten what is drawn."""
    lowest, highest = axes.get_ylim()
    far = FAR * (highest - lowest)
    means = [t_interval(row.bound_values(protocol).values()).mean for row in exact]
    return [row for row, mean in zip(exact, means, strict=True) if lowest - far <= mean <= highest + far]


def _draw_exact(axes: Axes, row: Row, protocol: str, look: Look) -> None:
    """A dashed line for each seed, and one for their mean."""
    values = row.bound_values(protocol).values()
    for value in values:
        axes.axhline(value, color=look.color, linestyle=look.linestyle, **SEED_LINE)
    axes.axhline(t_interval(values).mean, color=look.color, linestyle=look.linestyle, **MEAN_LINE)


def _entry(row: Row, protocol: str, look: Look, **changes: Any) -> Line2D:
    return handle(look, f"{row.label}, {sample_size(row.bound_values(protocol).values())}", **changes)
