"""The tables of the page: the test numbers of all rows of a data set, the reported ones beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from benchmark.published import NATS, UNITS, comparability, comparable_rows, source
from benchmark.rows import Row
from benchmark.statistics import t_interval

EXACT, BOUND, NOT_STATED = "exact", "bound", "not stated"


class Measure(NamedTuple):
    """A quantity of the test split.

    Args:
        name: the metric in a record; that of nats per sequence depends on the bound, see `LIKELIHOODS`.
        title, unit: the head of a column.
        decimals: how many are shown.
        bound: what kind of bound a lower bound of the log-likelihood is in this unit.
    """

    name: str
    title: str
    unit: str
    decimals: int
    bound: str = ""


LIKELIHOODS = {"elbo_nats_per_seq": NATS, "log_likelihood_nats_per_seq": NATS}
SCORES = (
    Measure(NATS, "log-likelihood", "nats/sequence", 1, "lower bound"),
    Measure("bits_per_sample", "bits/sample", "", 3, "upper bound"),
    Measure("nll_nats_per_image", "NLL", "nats/image", 3, "upper bound"),
    Measure("nll_bits_per_pixel", "NLL", "bits/pixel", 3, "upper bound"),
    Measure("nll_nats_per_step", "NLL", "nats/step", 3, "upper bound"),
    Measure("ppl", "perplexity", "", 3, "upper bound"),
    Measure("bits_per_character", "bits/character", "", 3, "upper bound"),
)
DIAGNOSTICS = (
    Measure("kl_nats_per_seq", "KL", "nats/sequence", 1),
    Measure("active_units", "active", "latents", 1),
    Measure("mutual_information_nats", "MI", "nats", 2),
    Measure("log_px_lost_with_prior_latents_nats_per_seq", "lost with prior's z", "nats/sequence", 0),
)


class Column(NamedTuple):
    """A column of one quantity, unit and kind of bound."""

    measure: Measure
    kind: str

    @property
    def note(self) -> str:
        """The unit, and what kind of number it is."""
        kinds = {EXACT: "exact", BOUND: self.measure.bound, NOT_STATED: "bound not stated"}
        return ", ".join(filter(None, [self.measure.unit, kinds.get(self.kind, "")]))


class Cell(NamedTuple):
    """A number as it is shown, the number itself, and what it is made of in words."""

    text: str
    value: float
    title: str = ""


class Entry(NamedTuple):
    """A line of a table.

    Attributes:
        label: the row's, or the model's as reported.
        model: name of its class, empty for reported numbers.
        records: of its runs; none for reported numbers.
        reported: where a reported number comes from, and how it was verified.
        cells: by column.
    """

    label: str
    model: str
    records: Sequence[dict[str, Any]]
    reported: str
    cells: Mapping[Column, Cell]


class Table(NamedTuple):
    """Lines and the columns that at least one of them has.

    Attributes:
        protocol: by which the test split was scored.
        split: how large it is, in words.
        comparability: whether the numbers may be set against the reported ones, in words.
        columns: of `rows` and `runs`.
        rows: a line for each configuration, then those of reported numbers.
        runs: a line for each run; none if no row has several.
    """

    protocol: str
    split: str
    comparability: str
    columns: list[Column]
    rows: list[Entry]
    runs: list[Entry]


def score_tables(rows: list[Row]) -> list[Table]:
    """The tables of one data set and source, one for each protocol."""
    protocols = dict.fromkeys(protocol for row in rows for protocol in row.protocols)
    return [_table(rows, protocol) for protocol in protocols]


def _table(rows: list[Row], protocol: str) -> Table:
    scored = [row for row in rows if protocol in row.protocols]
    ours = [Entry(row.label, row.model, row.records, "", _cells(row, protocol)) for row in scored]
    runs = [
        Entry(row.label, row.model, (record,), "", _cells(row, protocol, record["seed"]))
        for row in scored
        for record in row.records
    ]
    first = scored[0].records[0]
    entries = [*ours, *_reported(first, protocol)]
    known = {column for entry in entries for column in entry.cells}
    columns = [
        Column(measure, kind)
        for measure in (*SCORES, *DIAGNOSTICS)
        for kind in (EXACT, BOUND, NOT_STATED, "")
        if Column(measure, kind) in known
    ]
    metrics = first["results"]["test"][protocol]
    split = f"{metrics['sequences']:,} sequences, {metrics['steps']:,} steps"
    several = any(len(row.records) > 1 for row in scored)
    return Table(protocol, split, comparability(first), columns, entries, runs if several else [])


def _cells(row: Row, protocol: str, seed: int | None = None) -> dict[Column, Cell]:
    """The numbers of a row, means over its seeds, or those of one seed."""
    bounds = set(row.values(protocol, "bound").values())
    kind = EXACT if bounds == {"exact"} else BOUND
    cells = {}
    for measure in (*SCORES, *DIAGNOSTICS):
        for name in [name for name, shown_as in LIKELIHOODS.items() if shown_as == measure.name] or [measure.name]:
            values = row.values(protocol, name)
            if seed is not None:
                values = {seed: values[seed]} if seed in values else {}
            if values:
                column = Column(measure, kind if measure in SCORES else "")
                cells[column] = _cell(values, measure, row, protocol)
    return cells


def _cell(values: Mapping[int, float], measure: Measure, row: Row, protocol: str) -> Cell:
    mean, half_width = t_interval(values.values())
    whole = measure.name == "active_units" and len(values) == 1
    text = f"{mean:.{0 if whole else measure.decimals}f}"
    if half_width is not None:
        text += f" ± {half_width:.{measure.decimals}f}"
    if measure.name == "active_units":
        latents = set(row.values(protocol, "latent_units").values())
        text += f" of {'/'.join(map(str, sorted(latents)))}"
    return Cell(text, mean, "; ".join(f"seed {seed}: {value!r}" for seed, value in values.items()))


def _reported(record: dict[str, Any], protocol: str) -> list[Entry]:
    """What papers report in this protocol, in units that the run has.

    Numbers whose protocol is not stated stand beside the data set's default.
    """
    default = next(iter(record["results"]["test"]))
    entries = []
    for published in comparable_rows(record):
        if published.get("protocol", default) == protocol:
            unit = UNITS[published["unit"]]
            measure = next(measure for measure in SCORES if measure.name == unit.shown_as)
            kind = {"exact": EXACT, "lower bound": BOUND}.get(published["bound"], NOT_STATED)
            value = unit.sign * published["value"]
            cells = {Column(measure, kind): Cell(str(value), value)}
            entries.append(Entry(published["model"], "", (), source(published), cells))
    return entries
