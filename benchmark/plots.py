"""Figures, from what runs wrote: python -m benchmark.plots"""

from __future__ import annotations

from pathlib import Path

from benchmark.command import run_command
from benchmark.figures.active_units import active_units_figure
from benchmark.figures.auxiliary import auxiliary_figure
from benchmark.figures.effects import effects_figure
from benchmark.figures.heat_map import heat_map_figure
from benchmark.figures.samples import samples_figure
from benchmark.figures.style import save_figure
from benchmark.figures.training import training_figure
from benchmark.records import chosen_records
from benchmark.row import Row
from benchmark.rows import group_rows

FIGURES = {
    "training": training_figure,
    "active_units": active_units_figure,
    "auxiliary": auxiliary_figure,
    "heat_map": heat_map_figure,
    "effects": effects_figure,
}
SUFFIXES = (".png", ".svg")


def comparable(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows that one figure may hold: of one data set, source and protocol, by a name such as 'timit_sample'."""
    protocols: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        protocols.setdefault((row.dataset, row.source), set()).add(row.protocols[0])
    groups: dict[str, list[Row]] = {}
    for row in rows:
        several = len(protocols[row.dataset, row.source]) > 1
        name = "_".join([row.dataset, row.source, *row.protocols[:several]])
        groups.setdefault(name, []).append(row)
    return groups


def write_figures(out: Path, rows: list[Row]) -> list[Path]:
    """Writes what can be drawn of these rows to `out`/figures, as PNG and SVG; samples, if runs are there, as PNG."""
    paths = []
    for name, group in comparable(rows).items():
        title = "; ".join(dict.fromkeys(record["dataset"]["description"] for row in group for record in row.records))
        for kind, draw in FIGURES.items():
            figure = draw(group, title)
            if figure is not None:
                paths += save_figure(figure, *(out / "figures" / f"{name}_{kind}{suffix}" for suffix in SUFFIXES))
        samples = samples_figure(out, group, title)
        if samples is not None:
            paths += save_figure(samples, out / "figures" / f"{name}_samples.png", colors=128)
    return paths


def main(arguments: list[str] | None = None) -> None:
    description = "Draws all records of each data set and source: training, ablations, latents, samples."
    out, records = chosen_records("python -m benchmark.plots", description, arguments)
    for path in write_figures(out, group_rows(records)):
        print(path)


if __name__ == "__main__":
    run_command(main)
