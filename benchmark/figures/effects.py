"""What the auxiliary cost changes, as effect sizes: differences to weight 0, paired by seed, with t intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.ablation import ablations, effects
from benchmark.figures.auxiliary import looks_of_weights
from benchmark.figures.bounds import METRICS, UNIT
from benchmark.figures.style import Look, handle, heading, legend_below, new_figure
from benchmark.row import Row, describe_ends
from benchmark.statistics import t_interval

PANELS = ((METRICS["elbo"], "ELBO, a lower bound"), ("kl_nats_per_seq", "KL"))


class Effect(NamedTuple):
    """What an auxiliary weight changes one metric by.

    Attributes:
        place: the model and its KL weight.
        differences: to weight 0, by seed.
    """

    place: str
    aux_weight: float
    differences: dict[int, float]


def effects_figure(rows: list[Row], title: str) -> Figure | None:
    """Differences of the test bound and KL; None if no auxiliary weight can be compared with weight 0."""
    protocol = rows[0].protocols[0]
    by_panel = [all_effects(rows, protocol, metric) for metric, _ in PANELS]
    if not any(by_panel):
        return None
    found = by_panel[0] or by_panel[1]
    looks = looks_of_weights({0.0} | {effect.aux_weight for effect in found})
    figure, (panels,) = new_figure(1, len(PANELS), (13, 1.6 + 0.42 * len(found)), sharey=True)
    note = "difference to auxiliary weight 0 by seed; bars: mean and 95 % t interval, hollow unless it excludes zero"
    heading(figure, title, f"test split, {protocol}: {note}")
    for axes, of_panel, (_, name) in zip(panels, by_panel, PANELS, strict=True):
        _draw(axes, of_panel, looks)
        axes.set(title=f"change of {name}", xlabel=UNIT)
    weights = sorted({effect.aux_weight for effect in found})
    legend_below(figure, [handle(looks[weight], f"auxiliary weight {weight:g}") for weight in weights])
    return figure


def all_effects(rows: list[Row], protocol: str, metric: str) -> list[Effect]:
    """The effects on a test metric, by model, KL weight and auxiliary weight."""
    return [
        Effect(f"{model.title}, KL weight {describe_ends(kl_weight)}", aux_weight, differences)
        for model in ablations(rows)
        for kl_weight in model.kl_weights
        for aux_weight, differences in effects(model, kl_weight, protocol, metric).items()
    ]


def _draw(axes: Axes, found: list[Effect], looks: dict[float, Look]) -> None:
    """A line for each effect from above: every seed as a dot, the mean and its interval in bold below them."""
    for height, effect in enumerate(found):
        look = looks[effect.aux_weight]
        values = list(effect.differences.values())
        mean, half_width = interval = t_interval(values)
        axes.plot(
            values, [height - 0.18] * len(values), linestyle="", marker="o", markersize=4, alpha=0.6, color=look.color
        )
        face = look.color if interval.excludes_zero else "white"
        bar: dict[str, Any] = {
            "capsize": 4,
            "elinewidth": 2,
            "markersize": 8,
            "markeredgewidth": 1.5,
            "markerfacecolor": face,
        }
        error = None if half_width is None else [half_width]
        axes.errorbar([mean], [height + 0.12], xerr=error, fmt=look.marker, color=look.color, **bar)
    places = ["", *(effect.place for effect in found)]
    names = [
        ("" if effect.place == before else f"{effect.place}, ") + f"n = {len(effect.differences)}"
        for before, effect in zip(places, found, strict=False)
    ]
    axes.set_yticks(range(len(found)), names, fontsize=9)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.axvline(0, color="black", linewidth=1)
    axes.grid(visible=False, axis="y")
    for height, effect in enumerate(found):
        if height and effect.place != places[height]:
            axes.axhline(height - 0.5, color="0.8", linewidth=0.8)
