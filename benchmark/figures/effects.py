"""What the auxiliary cost changes, as effect sizes: differences to weight 0, paired by seed, with t intervals."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmark.effects import ELBO, Effect, effects_of
from benchmark.figures.auxiliary import looks_of_weights
from benchmark.figures.bounds import UNIT
from benchmark.figures.style import Look, handle, heading, legend_below, new_figure, sample_size, unreached_weights
from benchmark.row import Row
from benchmark.statistics import t_interval

# What changes, and its unit.
PANELS = {
    ELBO: ("ELBO, a lower bound", UNIT),
    "kl_nats_per_seq": ("KL", UNIT),
    "active_units": ("active units", "latents"),
    "mutual_information_nats": ("mutual information", "nats per step"),
}
NOTE = "difference to auxiliary weight 0 by seed; bars: mean and 95 % t interval, hollow unless it excludes zero"


def effects_figure(rows: list[Row], title: str) -> Figure | None:
    """Differences of the test bound and of what the latents carry; None if no row can be compared with weight 0."""
    found = effects_of(rows)
    if not found:
        return None
    weights = sorted({effect.largest_aux_weight for effect in found})
    looks = looks_of_weights({0.0, *weights})
    lines = _lines(found)
    shown = {metric: words for metric, words in PANELS.items() if any(effect.differences(metric) for effect in found)}
    figure, (panels,) = new_figure(1, len(shown), (3 + 3 * len(shown), 1.6 + 0.36 * len(lines)), sharey=True)
    caveats = unreached_weights(row for effect in found for row in (effect.row, effect.plain))
    heading(figure, title, f"test split, {rows[0].protocols[0]}: {NOTE}", *caveats)
    for axes, (metric, (name, unit)) in zip(panels, shown.items(), strict=True):
        _draw(axes, lines, metric, looks)
        axes.set(title=f"change of {name}", xlabel=unit)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    panels[0].set_yticks(range(len(lines)), [name for name, _ in lines], fontsize=9)
    for text, (_, effect) in zip(panels[0].get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if effect else "bold")
    legend_below(figure, [handle(looks[weight], f"auxiliary weight {weight:g}") for weight in weights])
    return figure


def _lines(found: list[Effect]) -> list[tuple[str, Effect | None]]:
    """What stands beside the panels from above: a model and its KL weight, and below it the effects."""
    lines: list[tuple[str, Effect | None]] = []
    for effect in found:
        place = f"{effect.model}, KL weight {effect.kl_weight}"
        if (place, None) not in lines:
            lines.append((place, None))
        which = effect.aux_weight if effect.name == effect.model else effect.name
        lines.append((f"{which}, {_sample_sizes(effect)}", effect))
    return lines


def _sample_sizes(effect: Effect) -> str:
    """How many seeds there are, of each metric if they are not the same."""
    sizes = [sample_size(by_seed.values()) for metric in PANELS if (by_seed := effect.differences(metric))]
    return " / ".join(dict.fromkeys(sizes))


def _draw(axes: Axes, lines: list[tuple[str, Effect | None]], metric: str, looks: dict[float, Look]) -> None:
    """What one metric changes by."""
    for height, (_, effect) in enumerate(lines):
        if effect:
            _draw_effect(axes, height, list(effect.differences(metric).values()), looks[effect.largest_aux_weight])
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
