"""Figures, from what runs wrote: python -m benchmark.plots"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from benchmark.command import run_command
from benchmark.figures.active_units import active_units_figure
from benchmark.figures.auxiliary import auxiliary_figure
from benchmark.figures.effects import effects_figure
from benchmark.figures.heat_map import heat_map_figure
from benchmark.figures.interpolation import interpolation_figure
from benchmark.figures.samples import samples_figure
from benchmark.figures.style import save_figure
from benchmark.figures.training import training_figure
from benchmark.records import chosen_records
from benchmark.row import Row
from benchmark.rows import group_rows, rows_by_protocol

FIGURES = {
    "training": training_figure,
    "active_units": active_units_figure,
    "auxiliary": auxiliary_figure,
    "heat_map": heat_map_figure,
    "effects": effects_figure,
}
FROM_RUNS = {"samples": samples_figure, "interpolation": interpolation_figure}  # not from records alone
SUFFIXES = (".png", ".svg")


def comparable(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows that one figure may hold: of one data set, source and protocol, by a name such as 'timit_sample'."""
    groups = rows_by_protocol(rows)
    corpora = [corpus for *corpus, _ in groups]
    return {
        "_".join([*corpus, *([protocol] if corpora.count(corpus) > 1 else [])]): alike
        for (*corpus, protocol), alike in groups.items()
    }


def write_figures(out: Path, rows: list[Row]) -> list[Path]:
    """Writes what can be drawn of these rows to `out`/figures, as PNG and SVG; what shows files of runs as PNG.

    Figures that other rows have left there are removed.
    """
    paths: list[Path] = []
    groups = comparable(rows)
    for name, group in groups.items():
        title = "; ".join(dict.fromkeys(record["dataset"]["description"] for row in group for record in row.records))
        for kind, draw in FIGURES.items():
            figure = draw(group, title)
            if figure is not None:
                paths += save_figure(figure, *(out / "figures" / f"{name}_{kind}{suffix}" for suffix in SUFFIXES))
        for kind, draw_files in FROM_RUNS.items():
            figure = draw_files(out, group, title)
            if figure is not None:
                paths += save_figure(figure, out / "figures" / f"{name}_{kind}.png")
    for path in stale_figures(out / "figures", groups, paths):
        path.unlink()
    return paths


def stale_figures(folder: Path, names: Collection[str], written: Collection[Path]) -> list[Path]:
    """Figures that were not written now; those of runs only if their data set is not drawn: runs may be elsewhere."""
    return [
        path
        for kind in (*FIGURES, *FROM_RUNS)
        for suffix in SUFFIXES
        for path in folder.glob(f"*_{kind}{suffix}")
        if path not in written and (kind in FIGURES or path.stem.removesuffix(f"_{kind}") not in names)
    ]


def main(arguments: list[str] | None = None) -> None:
    description = (
        "Draws all records of each data set and source: training, ablations, latents, samples, interpolations."
    )
    out, records = chosen_records("python -m benchmark.plots", description, arguments)
    for path in write_figures(out, group_rows(records)):
        print(path)


if __name__ == "__main__":
    run_command(main)
