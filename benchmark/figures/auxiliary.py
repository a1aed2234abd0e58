"""Bound and KL over training with and without the auxiliary cost, in rows that differ in its weight alone."""

from __future__ import annotations

import seaborn as sns
from matplotlib.figure import Figure

from benchmark.ablation import ablations
from benchmark.figures.bounds import UNIT, bound_name
from benchmark.figures.style import MARKERS, Look, handle, heading, legend_below, new_figure, unreached_weights
from benchmark.figures.training import NOTE, draw_close_up, draw_curves, validation_curves
from benchmark.row import Row, describe_ends

WITHOUT = (0.25, 0.25, 0.25)


def auxiliary_figure(rows: list[Row], title: str) -> Figure | None:
    """A row of panels for each model and KL weight; None if no two rows differ in the auxiliary weight alone.

    Rows that no validation is known of are left out.
    """
    compared = {
        f"{ablation.title}, KL weight {describe_ends(kl_weight)}": by_weight
        for ablation in ablations(rows)
        for kl_weight in ablation.kl_weights
        if len(by_weight := ablation.over_aux_weight(kl_weight)) > 1
        and not validation_curves(list(by_weight.values())).empty
    }
    if not compared:
        return None
    looks = looks_of_weights({weight for by_weight in compared.values() for weight in by_weight})
    figure, grid = new_figure(len(compared), 3, (13, 1 + 2.8 * len(compared)))
    caveats = unreached_weights(row for by_weight in compared.values() for row in by_weight.values())
    heading(figure, title, NOTE, *caveats)
    for (whole, closer, kl), (name, by_weight) in zip(grid, compared.items(), strict=True):
        data = validation_curves(list(by_weight.values()))
        looks_of = {row.label: looks[weight] for weight, row in by_weight.items()}
        draw_curves(whole, data, "bound", looks_of)
        draw_close_up(closer, data, looks_of)
        draw_curves(kl, data, "kl_nats_per_seq", looks_of)
        whole.set(title=f"{name}\n{bound_name(by_weight.values())}", ylabel=UNIT)
        seeds = sorted({len(row.seeds) for row in by_weight.values()})
        kl.set(title=f"KL, n = {' or '.join(map(str, seeds))}", ylabel=UNIT)
    legend_below(figure, [handle(look, f"auxiliary weight {weight:g}") for weight, look in looks.items()])
    return figure


def looks_of_weights(weights: set[float]) -> dict[float, Look]:
    """Weight 0 is nearly black; the others go from light to dark, each with a marker of its own."""
    positive = sorted(weights - {0.0})
    colors = dict(zip(positive, sns.color_palette("flare", len(positive)), strict=True)) | {0.0: WITHOUT}
    return {
        weight: Look(colors[weight], MARKERS[number % len(MARKERS)], "-")
        for number, weight in enumerate(sorted(weights))
    }
