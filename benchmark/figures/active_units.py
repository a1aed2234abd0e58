"""Likelihood against active units: whether what a model gains goes with the use of its latents."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.figures.bounds import UNIT, bound_name, bound_values, is_exact
from benchmark.figures.style import Look, handle, heading, legend_below, looks, new_figure
from benchmark.figures.training import seeds_label
from benchmark.row import Row

FAR = 0.5  # of the range of the bounds: exact likelihoods beyond it would flatten them


def active_units_figure(rows: list[Row], title: str) -> Figure | None:
    """Every seed of every row, and their means; exact likelihoods are lines. None without latents."""
    protocol = rows[0].protocols[0]
    with_latents = [row for row in rows if row.values(protocol, "active_units")]
    if not with_latents:
        return None
    look_of = dict(zip([row.label for row in rows], looks(map(is_exact, rows)), strict=True))
    figure, ((axes,),) = new_figure(1, 1, (10, 5.5))
    heading(figure, title, f"test split, {protocol}; small: every seed, large: their mean")
    for row in with_latents:
        _draw_row(axes, row, protocol, look_of[row.label])
    left, right = axes.get_xlim()
    axes.set_xlim(left - 1, right + 1)
    exact = [row for row in rows if is_exact(row)]
    note = _draw_exact(axes, exact, protocol, look_of)
    units = {n for row in with_latents for n in row.values(protocol, "latent_units").values()}
    of = f" of {units.pop()}" if len(units) == 1 else ""
    axes.set(xlabel=f"active units{of}", ylabel=f"{bound_name(rows)}\n{UNIT}")
    axes.set_title(note, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    points = [handle(look_of[row.label], seeds_label(row), linestyle="") for row in with_latents]
    legend_below(figure, points + [handle(look_of[row.label], seeds_label(row), marker="") for row in exact])
    return figure


def _draw_row(axes: Axes, row: Row, protocol: str, look: Look) -> None:
    active, bound = row.values(protocol, "active_units"), bound_values(row, protocol)
    units, bounds = list(active.values()), [bound[seed] for seed in active]
    style: dict[str, Any] = {"color": look.color, "marker": look.marker, "edgecolor": "white"}
    axes.scatter(units, bounds, s=36, alpha=0.6, linewidth=0.3, label=row.label, **style)
    axes.scatter([sum(units) / len(units)], [sum(bounds) / len(bounds)], s=130, linewidth=1.0, zorder=3, **style)


def _draw_exact(axes: Axes, rows: list[Row], protocol: str, look_of: dict[str, Look]) -> str:
    """A dashed line for each seed; what lies too far from the bounds is said instead, in what is returned."""
    lowest, highest = axes.get_ylim()
    far = FAR * (highest - lowest)
    beyond = []
    for row in rows:
        values = bound_values(row, protocol).values()
        mean = sum(values) / len(values)
        if lowest - far <= mean <= highest + far:
            for value in values:
                axes.axhline(value, color=look_of[row.label].color, linestyle="--", linewidth=1)
        else:
            beyond.append(f"{row.label} {mean:,.1f}")
    return f"not in the picture, exact log-likelihood: {'; '.join(beyond)}" if beyond else ""
