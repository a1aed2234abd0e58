"""What the auxiliary cost changes, as effect sizes: differences to weight 0, paired by seed, with t intervals."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.ablation import ablations, effects
from benchmark.figures.auxiliary import looks_of_weights
from benchmark.figures.bounds import METRICS, UNIT
from benchmark.figures.style import Look, handle, heading, legend_below, new_figure, sample_size
from benchmark.row import Row, describe_ends
from benchmark.statistics import t_interval

PANELS = {METRICS["elbo"]: "ELBO, a lower bound", "kl_nats_per_seq": "KL"}
NOTE = "difference to auxiliary weight 0 by seed; bars: mean and 95 % t interval, hollow unless it excludes zero"


class Effect(NamedTuple):
    """What an auxiliary weight changes.

    Attributes:
        place: the model and its KL weight.
        differences: to weight 0, by metric and seed.
    """

    place: str
    aux_weight: float
    differences: dict[str, dict[int, float]]

    def __str__(self) -> str:
        """The weight and how many seeds there are, of each metric if they are not the same."""
        sizes = [sample_size(by_seed.values()) for by_seed in self.differences.values()]
        return f"{self.aux_weight:g}, {' / '.join(dict.fromkeys(sizes))}"


def effects_figure(rows: list[Row], title: str) -> Figure | None:
    """Differences of the test bound and KL; None if no auxiliary weight can be compared with weight 0."""
    protocol = rows[0].protocols[0]
    found = all_effects(rows, protocol)
    if not found:
        return None
    looks = looks_of_weights({0.0} | {effect.aux_weight for effect in found})
    lines = _lines(found)
    figure, (panels,) = new_figure(1, len(PANELS), (13, 1.6 + 0.36 * len(lines)), sharey=True)
    heading(figure, title, f"test split, {protocol}: {NOTE}")
    for axes, (metric, name) in zip(panels, PANELS.items(), strict=True):
        _draw(axes, lines, metric, looks)
        axes.set(title=f"change of {name}", xlabel=UNIT)
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    panels[0].set_yticks(range(len(lines)), [str(line) for line in lines], fontsize=9)
    for text, line in zip(panels[0].get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if isinstance(line, Effect) else "bold")
    weights = sorted({effect.aux_weight for effect in found})
    legend_below(figure, [handle(looks[weight], f"auxiliary weight {weight:g}") for weight in weights])
    return figure


def all_effects(rows: list[Row], protocol: str) -> list[Effect]:
    """The effects on the test metrics of PANELS, by model, KL weight and auxiliary weight."""
    found = []
    for model in ablations(rows):
        for kl_weight in model.kl_weights:
            by_metric = {metric: effects(model, kl_weight, protocol, metric) for metric in PANELS}
            for aux_weight in model.aux_weights:
                differences = {metric: of[aux_weight] for metric, of in by_metric.items() if aux_weight in of}
                if differences:
                    place = f"{model.title}, KL weight {describe_ends(kl_weight)}"
                    found.append(Effect(place, aux_weight, differences))
    return found


def _lines(found: list[Effect]) -> list[str | Effect]:
    """What stands beside the panels from above: a place, and below it its effects."""
    lines: list[str | Effect] = []
    for effect in found:
        lines += [effect] if effect.place in lines else [effect.place, effect]
    return lines


def _draw(axes: Axes, lines: list[str | Effect], metric: str, looks: dict[float, Look]) -> None:
    """What one metric changes by."""
    for height, line in enumerate(lines):
        if isinstance(line, Effect):
            _draw_effect(axes, height, list(line.differences.get(metric, {}).values()), looks[line.aux_weight])
        elif height:
            axes.axhline(height - 0.5, color="0.8", linewidth=0.8)
    axes.axvline(0, color="black", linewidth=1)
    axes.grid(visible=False, axis="y")


def _draw_effect(axes: Axes, height: int, values: list[float], look: Look) -> None:
    """Every seed as a dot, and in bold below them the mean and its interval, if all are finite."""
    dots = [value for value in values if math.isfinite(value)]
    axes.plot(dots, [height - 0.18] * len(dots), linestyle="", marker="o", markersize=4, alpha=0.6, color=look.color)
    if not values or len(dots) < len(values):
        return
    mean, half_width = interval = t_interval(values)
    bar: dict[str, Any] = {
        "capsize": 4,
        "elinewidth": 2,
        "markersize": 8,
        "markeredgewidth": 1.5,
        "markerfacecolor": look.color if interval.excludes_zero else "white",
    }
    error = None if half_width is None else [half_width]
    axes.errorbar([mean], [height + 0.12], xerr=error, fmt=look.marker, color=look.color, **bar)
