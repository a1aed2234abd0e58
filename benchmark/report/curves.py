"""What is drawn of a run's training: lines over the updates, as coordinates in an SVG."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

WIDTH, HEIGHT = 400, 190
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 10, 28  # margins of the plotted area
SIDE_DIGITS = 6  # what a tick of the vertical axis has room for
PANELS = (
    ("elbo_nats_per_seq", "ELBO", "nats per sequence"),
    ("log_likelihood_nats_per_seq", "log-likelihood (exact)", "nats per sequence"),
    ("kl_nats_per_seq", "KL", "nats per sequence"),
    ("active_units", "active units", "latents"),
)


class Tick(NamedTuple):
    """A mark on an axis: where it is in the SVG, and what is written there."""

    position: float
    text: str


class Curve(NamedTuple):
    """A line over the updates.

    Attributes:
        title, unit: of the quantity.
        points: of the line, as an SVG's polyline takes them.
        x_ticks, y_ticks: of the axes.
        best: (x, y) of the update whose weights were kept, None if it is not on the line.
        summary: what is not drawn, in words.
    """

    title: str
    unit: str
    points: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    best: tuple[float, float] | None
    summary: str


def training_curves(record: dict[str, Any]) -> list[Curve]:
    """Bound, KL and active units on the validation split over training, each from the first update on.

    The untrained model, often far away, is left to the words of the summary.
    """
    history = record["training"]["validation"]
    best_update = record["training"]["best_update"]
    curves = []
    for metric, title, unit in PANELS:
        known = {point["update"]: float(point[metric]) for point in history if _is_finite(point.get(metric))}
        untrained, trained = known.pop(0, None), known
        if trained:
            curves.append(_curve(title, unit, trained, untrained, best_update))
    return curves


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _curve(title: str, unit: str, values: dict[int, float], untrained: float | None, best_update: int) -> Curve:
    lowest, highest = min(values.values()), max(values.values())
    margin = 0.05 * (highest - lowest) or 0.05 * abs(highest) or 1.0
    bottom, top = lowest - margin, highest + margin
    if lowest >= 0:
        bottom = max(0.0, bottom)  # what is never negative, such as KL, has no axis below zero
    last = max(values)

    def place(update: float, value: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * update / last
        up = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - bottom) / (top - bottom)
        return round(across, 1), round(up, 1)

    points = [place(update, value) for update, value in values.items()]
    summary = f"validation over {last:,} updates"
    if untrained is not None:
        summary += f"; {untrained:.6g} before training"
    if best_update in values:
        summary += f"; {values[best_update]:.6g} at update {best_update:,}, whose weights were kept"
    return Curve(
        title,
        unit,
        " ".join(f"{x},{y}" for x, y in points),
        tuple(Tick(place(value, bottom)[0], text) for value, text in round_ticks(0, last, 4)),
        tuple(Tick(place(0, value)[1], text) for value, text in round_ticks(bottom, top, 4)),
        place(best_update, values[best_update]) if best_update in values else None,
        summary,
    )


def round_ticks(lowest: float, highest: float, about: int) -> list[tuple[float, str]]:
    """About so many round values between two others, and how they are written."""
    raw = (highest - lowest) / about
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= raw * (1 - 1e-9))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(lowest / step - 1e-9), math.floor(highest / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    return [(value, _tick_text(value, decimals)) for value in values]


def _tick_text(value: float, decimals: int) -> str:
    text = f"{value + 0.0:,.{decimals}f}"  # + 0.0 turns a negative zero into zero
    return text if len(text) <= SIDE_DIGITS + 3 else f"{value:.3g}"
