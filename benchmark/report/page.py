"""The page: what it shows, put into its templates."""

from __future__ import annotations

import base64
import hashlib
import math
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from benchmark.later import with_later
from benchmark.published import published_rows, source
from benchmark.records import group_records
from benchmark.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH
from benchmark.report.media import MOST_CHARACTERS, MOST_SECONDS, Media
from benchmark.report.runs import RunView, run_views
from benchmark.report.samples import RowSamples, collect_samples
from benchmark.report.scores import EffectTable, ScoreTable, effects, score_tables
from benchmark.row import Row
from benchmark.rows import group_rows
from benchmark.tables.columns import NOT_FINITE
from benchmark.tables.contents import short_commit

# Of figures, by their names' ends.
ORDER = ("training", "auxiliary", "effects", "heat_map", "active_units", "samples", "interpolation")
LARGE_DRAWING = 300_000  # bytes; an SVG of more is shown as PNG, if that is smaller


class Figure(NamedTuple):
    """A figure of the results folder: its name in words, and a data URI."""

    title: str
    uri: str


class Section(NamedTuple):
    """A data set and source.

    Attributes:
        name: of both, such as 'timit_sample'.
        title: as it is shown.
        descriptions: of the sources, in words.
        rows, tables, effects, figures, samples: what it holds.
        published: all that papers report for its test split.
    """

    name: str
    title: str
    descriptions: list[str]
    rows: list[Row]
    tables: list[ScoreTable]
    effects: EffectTable
    figures: list[Figure]
    samples: list[RowSamples]
    published: list[dict[str, Any]]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for row in self.rows for record in row.records]


def build_page(out: Path, records: list[dict[str, Any]]) -> str:
    """The page of these records, with the figures and samples of their results folder; the same for the same files."""
    media = Media(out)
    rows = {name: group_rows(group) for name, group in group_records(with_later(out, records)).items()}
    paths = drawings(out / "figures")
    titled = {name: _figures(paths, name, rows, media) for name in (*rows, "")}
    drawn = {name for name in rows if any(path.stem == f"{name}_samples" for path in paths)}
    samples = collect_samples(out, rows, drawn, media)
    sections = [_section(name, of_section, titled[name], samples[name]) for name, of_section in rows.items()]
    runs = [run for section in sections for run in run_views(out, section.rows)]
    return render_page(out, sections, runs, titled[""], media)


def render_page(out: Path, sections: list[Section], runs: list[RunView], figures: list[Figure], media: Media) -> str:
    """The page as HTML.

    Args:
        out: the results folder, whose name is the title.
        sections: one for each data set and source.
        runs: of all sections.
        figures: those of no section.
        media: what was embedded and what left out.
    """
    environment = Environment(
        loader=PackageLoader("benchmark.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "short_commit": short_commit,
        "source": source,
    }
    templates = files("benchmark.report") / "templates"
    style, script = ((templates / name).read_text(encoding="utf-8") for name in ("style.css", "script.js"))
    return environment.get_template("page.html").render(
        title=out.resolve().name,
        sections=sections,
        runs=runs,
        figures=figures,
        media=media,
        most_seconds=MOST_SECONDS,
        most_characters=MOST_CHARACTERS,
        legends=list(dict.fromkeys(text for section in sections for table in section.tables for text in table.legends)),
        models=sorted({run.record["model"] for run in runs}),
        commits=sorted({run.record["environment"]["commit"] for run in runs}),
        chart={"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM},
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def shown(value: Any) -> str:
    """A number with three decimals, or three digits if it is small; anything else as it is."""
    if not isinstance(value, float):
        return "" if value is None else str(value)
    if not math.isfinite(value):
        return NOT_FINITE
    return f"{value:.3g}" if 0 < abs(value) < 0.1 else f"{value:.3f}"


def _hash(text: str) -> str:
    """What the page's security policy names a style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _section(name: str, rows: list[Row], figures: list[Figure], samples: list[RowSamples]) -> Section:
    return Section(
        name,
        f"{rows[0].dataset}, {rows[0].source}",
        sorted({record["dataset"]["description"] for row in rows for record in row.records}),
        rows,
        score_tables(rows),
        effects(rows),
        figures,
        samples,
        published_rows(rows[0].dataset),
    )


def drawings(folder: Path) -> list[Path]:
    """Every figure once: its SVG unless that is large and there is a smaller PNG of it."""
    chosen = {path.stem: path for path in folder.glob("*.png")}
    for path in folder.glob("*.svg"):
        pixels = chosen.get(path.stem)
        if pixels is None or path.stat().st_size <= max(LARGE_DRAWING, pixels.stat().st_size):
            chosen[path.stem] = path
    return [chosen[stem] for stem in sorted(chosen, key=lambda stem: (_place(stem), stem))]


def _place(stem: str) -> int:
    """Where a figure stands among those of its data set."""
    return next((place for place, ending in enumerate(ORDER) if stem.endswith(ending)), len(ORDER))


def _figures(paths: list[Path], name: str, names: dict[str, Any], media: Media) -> list[Figure]:
    """The figures whose file is named after a data set and source, or those named after none."""
    figures = []
    for path in paths:
        owner = max((other for other in names if path.stem.startswith(other)), key=len, default="")
        uri = media.whole(path) if owner == name else None
        if uri is not None:
            figures.append(Figure(path.stem.removeprefix(name).strip("_").replace("_", " ") or name, uri))
    return figures
