"""What all figures share: how rows are told apart, and files that have the same bytes every time."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image

from benchmark.files import write_atomically
from benchmark.row import Row

# Text as outlines looks the same wherever an SVG is opened; ids in it are hashes with this salt. Dollars are dollars.
SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "zforcing", "text.parse_math": False}
COLORS = sns.color_palette("tab10")
MARKERS = "osD^vPX"  # as many as share no divisor with the colours, so that pairs repeat late
MOST_ROWS = 12  # in a panel
CHARACTERS_PER_INCH = 14  # of a legend
HEADING_CHARACTERS_PER_INCH = 10
INCHES_PER_LINE = 0.2
SEED_LINE: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.5}
MEAN_LINE: dict[str, Any] = {"linewidth": 2.2}


class Look(NamedTuple):
    """How a row is drawn: the same in every panel of a figure; exact likelihoods are dashed, bounds solid."""

    color: tuple[float, float, float]
    marker: str
    linestyle: str


def new_figure(rows: int, columns: int, size: tuple[float, float], **settings: Any) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure of `size` inches and its panels, row by row."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, new_panels(figure, rows, columns, **settings)


def new_panels(parent: Figure | SubFigure, rows: int, columns: int, **settings: Any) -> list[list[Axes]]:
    """Empty panels in a figure or a part of one, row by row."""
    with sns.axes_style("whitegrid"):
        return [list(row) for row in parent.subplots(rows, columns, squeeze=False, **settings)]


def new_parts(rows: Sequence[Row], size: tuple[float, float]) -> tuple[Figure, list[tuple[SubFigure, list[Row]]]]:
    """An empty figure in parts of `size` inches, one below the other, and the rows that each is for.

    All rows are for one part, or if they are many, those of a model, and no more than MOST_ROWS.
    """
    models = list(dict.fromkeys(row.model for row in rows)) if len(rows) > MOST_ROWS else []
    groups = [[row for row in rows if row.model == model] for model in models] or [list(rows)]
    shares = [group[i : i + MOST_ROWS] for group in groups for i in range(0, len(group), MOST_ROWS)]
    figure = Figure(figsize=(size[0], size[1] * len(shares)), layout="constrained")
    return figure, list(zip(figure.subfigures(len(shares), 1, squeeze=False)[:, 0], shares, strict=True))


def heading(figure: Figure, *paragraphs: str) -> None:
    """What the data is and what the figure shows, above all panels, in as many lines as it takes."""
    width = int(figure.get_figwidth() * HEADING_CHARACTERS_PER_INCH)
    figure.suptitle("\n".join(line for paragraph in paragraphs for line in textwrap.wrap(paragraph, width)))


def unreached_weights(rows: Iterable[Row]) -> list[str]:
    """A paragraph of the heading where a weight that the figure names is not what training ended with."""
    if any(row.unreached for row in rows):
        return ["training ended before some of the weights got to where they are said to end: see the tables"]
    return []


def sample_size(values: Collection[float]) -> str:
    """How many seeds there are, or how many of them diverged, so that they have no mean."""
    diverged = sum(not math.isfinite(value) for value in values)
    return f"{diverged} of {len(values)} not finite" if diverged else f"n = {len(values)}"


def count_on(axis: Axis) -> None:
    """Has ticks at whole numbers only."""
    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def looks(exact: Iterable[bool]) -> list[Look]:
    """A look for every row, given whether its likelihood is exact."""
    return [
        Look(COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)], "--" if is_exact else "-")
        for number, is_exact in enumerate(exact)
    ]


def handle(look: Look, label: str, **changes: Any) -> Line2D:
    """An entry of a legend, with what is not drawn like the look says."""
    return Line2D([], [], label=label, **(look._asdict() | MEAN_LINE | changes))


def legend_below(parent: Figure | SubFigure, handles: Sequence[Line2D]) -> None:
    """A legend below the panels of a figure or a part of one, in as many columns as fit; the figure grows by it."""
    figure: Figure = parent.figure
    longest = max(len(str(entry.get_label())) for entry in handles)
    columns = int(figure.get_figwidth() * CHARACTERS_PER_INCH / (longest + 6))
    columns = max(1, min(columns, len(handles)))
    figure.set_figheight(figure.get_figheight() + INCHES_PER_LINE * -(-len(handles) // columns))
    style: dict[str, Any] = {"frameon": False, "fontsize": 9, "handlelength": 3}
    parent.legend(handles=list(handles), loc="outside lower center", ncols=columns, **style)


def save_figure(figure: Figure, *paths: Path) -> list[Path]:
    """Writes a figure as PNG or SVG, by suffix, without anything that changes from one time to the next.

    A PNG has a palette of 256 colours, with which it takes a third of the bytes.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(SETTINGS["text.parse_math"])
    for path in paths:
        FigureCanvasAgg(figure)
        buffer = io.BytesIO()
        kind = path.suffix.removeprefix(".")
        metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
        with mpl.rc_context(SETTINGS):
            figure.savefig(buffer, format=kind, dpi=110, metadata=metadata)
        if kind == "png":
            with_palette = Image.open(buffer).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
            with_palette.save(buffer := io.BytesIO(), "png", optimize=True)
        write_atomically(path, buffer.getvalue())
    return list(paths)
