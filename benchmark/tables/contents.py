"""What stands in a table: our rows, the reported ones, and the runs that our rows are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from benchmark.published import (
    comparability,
    comparable_in_a_word,
    reported_bound,
    reported_number,
    shown_rows,
    source,
)
from benchmark.row import WEIGHTS, Row, describe_ends
from benchmark.statistics import paired_interval
from benchmark.tables.columns import EXACT, LOWER, NOT_STATED, UPPER, Column, Kind, Line, Number, columns, number
from benchmark.tables.plain import is_fully_plain, plain_row
from benchmark.tables.quantities import (
    DIAGNOSTICS,
    KL,
    LIKELIHOODS,
    bound_in,
    diagnostics,
    fewer,
    likelihood_kind,
    likelihoods,
)

BOUND_CHANGE = Kind("bound vs plain", "nats/seq", form="+.1f")
KL_CHANGE = Kind("KL vs plain", "nats/seq", form="+.1f")
PLAIN = "plain row"
BOUNDS = (EXACT, LOWER, UPPER, NOT_STATED)
COMPARABLE = "comparable"
LEGEND = (
    "nats/seq: log-likelihood in nats per sequence (of normalised data, if real-valued), more is better; less is "
    "better in other units. An ELBO, of one posterior sample, is a lower bound of the log-likelihood and an upper "
    "bound in other units; bounds and exact numbers have columns of their own. Means over n seeds ± half the width of "
    "the 95 % interval of Student's t; one seed gives no interval."
)
TIGHTER = "IWAE-K, FIVO-K: bounds of K samples, tighter than the ELBO (bounds/<run>_*.json)."
DIFFERENCES = (
    f"{BOUND_CHANGE.name}, {KL_CHANGE.name}: mean difference to the plain row, paired by seed, ± half its 95 % t "
    "interval; bold if the interval leaves out zero. Plain is the same model with the same data and settings, without "
    "auxiliary cost, and with a KL weight of 1 throughout; where there is no such row, with the "
    "row's own KL weight, which is then named."
)
IN_USE = (
    "active: latents whose posterior mean varies over the data; MI: estimated mutual information of one step's latents "
    "and the data. Both count what the prior foresees from the past as well, which the KL does not."
)
COLLAPSE = f"{IN_USE} Lost with prior latents: what log p(x | z) loses if z is drawn from the prior."
TEST_SET = "s.e. of the test set: standard error over the test sequences, mean over seeds."
PHONES = (
    "phones: test frames whose phone a linear probe finds from the latents, or from the deterministic states, and "
    "those of the commonest phone (probes/<run>.json). Latents of Z-Forcing and of a smoothing SRNN, and the states "
    "that they enter, come from posteriors that have read the whole utterance; those of VRNN and STORN, and an LSTM's "
    "states, have read up to the frame."
)
SEQUENCES = {
    "utterance": "a whole utterance",
    "chunk": "a whole utterance, in pieces of {} frames, each from a zero state",
    "segment": "{} frames of a recording",
    "image": "an image, {} pixels per step",
    "stream": "the whole split, read as one stream",
    "sentence": "a sentence",
    "character_stream": "the whole split, read as one stream of characters",
    "character_sentence": "a sentence of characters",
    "sequence": "a piece of music",
}


@dataclass(frozen=True)
class Table:
    """A table, whatever form it is written in.

    Attributes:
        name: of its files.
        title: data set, source and protocol.
        head: what holds for all of it: the data, what a sequence is, how numbers were made.
        columns: of rows, `ours` of them first, then the reported ones.
        notes: on the reported rows, numbered from 1.
        comparison: whether the two may be compared.
        runs: the runs that our rows are means of.
    """

    name: str
    title: str
    head: list[str]
    columns: list[Column]
    ours: int
    notes: list[str] = field(default_factory=list)
    comparison: str = ""
    runs: list[Column] = field(default_factory=list)


def protocol_table(rows: Sequence[Row], protocol: str) -> Table:
    """The rows of one data set and source by one protocol, beside the reported numbers."""
    first = rows[0]
    record = of_protocol(first.records[0], protocol)
    ours = [line for _, line in numbered_lines(rows, protocol)]
    theirs, notes = reported_lines(record)
    runs = list(run_lines(rows, protocol))
    return Table(
        f"{first.dataset}_{first.source}_{protocol}",
        f"{first.dataset}, source {first.source}, protocol {protocol}",
        [" ".join([_data(rows, protocol), *unreached(rows)]), *legends(ours)],
        columns([*ours, *theirs], order([*ours, *theirs])),
        len(ours),
        notes,
        comparability(record),
        columns(runs, order(runs)),
    )


def order(lines: Sequence[Line]) -> list[str]:
    """The headings of a table of these lines that have a place of their own, in their order."""
    found = sorted({heading for line in lines for heading in line})
    likelihoods = [likelihood_kind(unit, bound).heading for unit in LIKELIHOODS for bound in BOUNDS]
    return [
        *("row", "model", "seed"),
        *(heading for kind in likelihoods for heading in found if heading == kind or heading.startswith(f"{kind}, ")),
        *(BOUND_CHANGE.heading, KL_CHANGE.heading, PLAIN),
        *(kind.heading for kind in DIAGNOSTICS.values()),
    ]


def numbered_lines(rows: Sequence[Row], protocol: str) -> Iterator[tuple[Row, dict[str, Any]]]:
    """A line for each of our rows, with the fingerprint of its data if that is not the same in all."""
    one_data = len({row.surroundings["data"] for row in rows}) == 1
    for index, row in enumerate(rows, 1):
        line = {"row": str(index), "model": row.label, **_cells(row, protocol), **_changes(row, rows, protocol)}
        data = {} if one_data else {"data": row.surroundings["data"][:8]}
        yield row, line | data | {"n": str(len(row.seeds)), "from": "ours"}


def run_lines(rows: Sequence[Row], protocol: str) -> Iterator[Line]:
    """A line for each run, with the same numbers, and where it comes from."""
    for index, row in enumerate(rows, 1):
        for record in row.records:
            run = replace(row, records=(record,))
            changes = {
                heading: cell for heading, cell in _changes(run, rows, protocol, row).items() if heading != PLAIN
            }
            yield {
                "row": str(index),
                "seed": str(record["seed"]),
                **_cells(run, protocol),
                **changes,
                "run": record["run_id"],
                "commit": short_commit(record["environment"]["commit"]),
                "configuration": configuration(record),
            }


def reported_lines(record: dict[str, Any]) -> tuple[list[Line], list[str]]:
    """A line for each reported number in the unit and protocol of the record, and the notes that the lines refer to."""
    lines: list[Line] = []
    notes: dict[str, int] = {}
    for row in shown_rows(record):
        metric, value = reported_number(row)
        kind = likelihood_kind(metric, bound_in(metric, reported_bound(row).replace("not stated", NOT_STATED)))
        note = notes.setdefault(source(row), len(notes) + 1)
        lines.append(
            {
                "model": row["model"],
                kind.heading: Number(kind, float(value), written=str(value)),
                "from": f"[{note}]",
                COMPARABLE: comparable_in_a_word(record, row),
            }
        )
    return lines, list(notes)


def legends(lines: Sequence[Line]) -> list[str]:
    """The explanations that these lines need."""
    found = {heading for line in lines for heading in line}
    return [
        LEGEND,
        *([TIGHTER] if any("IWAE" in heading or "FIVO" in heading for heading in found) else []),
        *([DIFFERENCES] if BOUND_CHANGE.heading in found else []),
        *([TEST_SET] if any(heading.startswith("s.e.") for heading in found) else []),
        *([COLLAPSE] if KL.heading in found else []),
        *([PHONES] if any(heading.startswith("phones") for heading in found) else []),
    ]


def of_protocol(record: dict[str, Any], protocol: str) -> dict[str, Any]:
    """The record with nothing but this protocol's results on the test split."""
    return record | {"results": {"test": {protocol: record["results"]["test"][protocol]}}}


def sequence_in_words(protocol: str) -> str:
    """What one sequence is."""
    name, number = re.fullmatch(r"(.*?)(\d*)", protocol).groups()  # type: ignore[union-attr]
    return SEQUENCES.get(name, protocol).format(number or "1")


def configuration(record: dict[str, Any]) -> str:
    """The gin files and overrides of a run, without its seed."""
    files = [PurePath(file).with_suffix("").as_posix().removeprefix("gin/") for file in record["gin_files"]]
    overrides = [text for text in record["overrides"] if not text.startswith("experiment.seed")]
    return "; ".join([*files, *overrides])


def short_commit(commit: str) -> str:
    """Twelve digits, and the '+' of changed files."""
    return commit[:12] + "+" * commit.endswith("+")


def _cells(row: Row, protocol: str) -> dict[str, Number]:
    likelihood = {cell.kind.heading: cell for cell in likelihoods(row, protocol)}
    return likelihood | diagnostics(row, protocol)


def _changes(row: Row, rows: Sequence[Row], protocol: str, whole: Row | None = None) -> dict[str, Any]:
    """What the objective's weights change; `row` may be a part of the row `whole`, which stands among `rows`."""
    whole = whole or row
    plain = plain_row(whole, rows)
    if plain is None:
        return {PLAIN: "none"} if row.values(protocol, "kl_nats_per_seq") else {}
    annealed = "" if is_fully_plain(plain) else f", KL weight {describe_ends(plain.ends('kl_weight'))}"
    if plain is whole:
        return {PLAIN: f"this{annealed}"}
    changes: dict[str, Any] = {PLAIN: f"{rows.index(plain) + 1}{annealed}"}
    pairs = {
        BOUND_CHANGE: (row.bound_values(protocol), plain.bound_values(protocol)),
        KL_CHANGE: (row.values(protocol, "kl_nats_per_seq"), plain.values(protocol, "kl_nats_per_seq")),
    }
    for kind, (ours, theirs) in pairs.items():
        interval = paired_interval(ours, theirs)
        if interval is not None:
            missing = fewer(len(ours.keys() & theirs.keys()), row.seeds)
            changes[kind.heading] = number(kind, interval, missing, interval.excludes_zero)
    return changes


def unreached(rows: Sequence[Row]) -> list[str]:
    """Of the rows whose weights did not get to where their schedules end: where they were at the last update."""
    found = dict.fromkeys(
        f"{row.label}, {WEIGHTS[weight]} {reached:.3g} of {end:g}"
        for row in rows
        for weight, (reached, end) in row.unreached.items()
    )
    return [f"Training ended before the weights did: {'; '.join(found)}."] if found else []


def _data(rows: Sequence[Row], protocol: str) -> str:
    datasets = [row.records[0]["dataset"] for row in rows]
    described = " / ".join(dict.fromkeys(f"{d['description']} ({d['fingerprint'][:12]})" for d in datasets))
    counts = " / ".join(dict.fromkeys(f"{n:,}" for row in rows for n in row.values(protocol, "sequences").values()))
    return f"Test split, sequences: {counts}, each {sequence_in_words(protocol)}. Data (fingerprint): {described}."
