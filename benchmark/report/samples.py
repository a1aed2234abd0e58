"""What runs left to look at and listen to, one run for each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.report.media import Media
from benchmark.report.sample_files import FOLDERS, Found, read_samples, sample_files
from benchmark.row import Row
from benchmark.sample_folder import FREELY, read_note

KINDS = ("sound", "file", "picture", "text", "table")  # in the order in which they are embedded


class Sample(NamedTuple):
    """One thing to look at or listen to; see `sample_files.Found`. `name` is that of the file."""

    kind: str
    title: str
    content: Any
    name: str


class Part(NamedTuple):
    """The samples of one folder of a run.

    Attributes:
        note: how they were made, empty if they were generated freely.
        samples: what there was room for.
        left_out: how many samples are not there.
    """

    note: str
    samples: list[Sample]
    left_out: int


class RowSamples(NamedTuple):
    """Samples of that run of a row that has most; label and record are missing for those of the data themselves."""

    label: str
    record: dict[str, Any] | None
    parts: list[Part]


class Group(NamedTuple):
    """What was found for a row, or for the data themselves."""

    label: str
    record: dict[str, Any] | None
    found: list[Found]


def collect_samples(
    out: Path, sections: Mapping[str, list[Row]], drawn: set[str], media: Media
) -> dict[str, list[RowSamples]]:
    """Samples of the rows of each data set and source, the data's own sequences first and once.

    Room is given in rounds, so that no row is without samples while another has several: to the first sound of every
    row, the first file, the first picture, then to the second ones.

    Args:
        out: the results folder.
        sections: the rows.
        drawn: the sections whose samples are in a figure of the results folder.
        media: what embeds them.
    """
    groups = [(name, group) for name, rows in sections.items() for group in _groups(out, rows, name in drawn, media)]
    turns = [
        (turn, KINDS.index(found.kind), number, found)
        for number, (_, group) in enumerate(groups)
        for turn, found in zip(_turns(group.found), group.found, strict=True)
    ]
    contents = {(number, found): found.embed() for *_, number, found in sorted(turns, key=lambda turn: turn[:3])}
    samples: dict[str, list[RowSamples]] = {name: [] for name in sections}
    for number, (name, group) in enumerate(groups):
        embedded = [(found, contents[number, found]) for found in group.found]
        samples[name].append(RowSamples(group.label, group.record, _parts(embedded, group.record is None)))
    return samples


def _turns(found: list[Found]) -> list[int]:
    """How many of the same kind come before each."""
    before: Counter[str] = Counter()
    turns = []
    for one in found:
        turns.append(before[one.kind])
        before[one.kind] += 1
    return turns


def _groups(out: Path, rows: list[Row], drawn: bool, media: Media) -> list[Group]:
    """Those of a section that have any; originals of the same title or content are one."""
    groups: list[Group] = []
    originals: dict[str | bytes, Found] = {}
    for row in rows:
        files, record = max(
            ((sample_files(out / "runs" / record["run_id"], drawn), record) for record in row.records),
            key=lambda pair: len(pair[0]),
        )
        own: dict[tuple[str, bytes], Found] = {}
        for found in (found for path in files for found in read_samples(path, media)):
            if not found.original:
                own.setdefault((found.title, found.digest), found)
            elif found.title not in originals and found.digest not in originals:
                originals |= {found.title: found, found.digest: found}
        groups.append(Group(row.label, record, list(own.values())))
    of_data = Group("", None, list(dict.fromkeys(originals.values())))
    return [group for group in (of_data, *groups) if group.found]


def _parts(embedded: list[tuple[Found, Any]], is_data: bool) -> list[Part]:
    """One for each folder; the data's own sequences are one part whatever run they were found in."""
    by_folder: dict[Path, list[tuple[Found, Any]]] = {}
    for found, content in embedded:
        by_folder.setdefault(Path() if is_data else found.path.parent, []).append((found, content))
    return [
        Part(
            "" if is_data else _note(folder),
            [Sample(one.kind, one.title, content, one.path.name) for one, content in pairs if content is not None],
            sum(content is None for _, content in pairs),
        )
        for folder, pairs in by_folder.items()
    ]


def _note(folder: Path) -> str:
    note = read_note(folder) or (FREELY if folder.name == FOLDERS[0] else "how they were made is not noted")
    return "" if note == FREELY else f"{folder.name}: {note}"
