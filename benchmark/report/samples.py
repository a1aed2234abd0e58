"""What runs left to look at and listen to, one run for each row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchmark.report.media import Media
from benchmark.row import Row

FOLDERS = ("samples", "generated", "interpolation")  # of a run
KINDS = {".wav": "sound", ".mid": "file", ".png": "picture", ".txt": "text", ".md": "text"}


class Sample(NamedTuple):
    """One file of a run.

    Attributes:
        kind: one of KINDS.
        title: the file's name in words.
        content: a data URI, or the text.
        name: of the file.
    """

    kind: str
    title: str
    content: str
    name: str


class RunSamples(NamedTuple):
    """Samples of that run of a row that has most; label and record are missing for those of the data themselves."""

    label: str
    record: dict[str, Any] | None
    samples: list[Sample]


def collect_samples(out: Path, rows: list[Row], media: Media) -> list[RunSamples]:
    """Samples of the rows of one data set and source, the data's own sequences first and once."""
    groups: list[RunSamples] = []
    originals: dict[str, Sample | None] = {}
    for row in rows:
        record = max(row.records, key=lambda record: len(_files(out, record)))
        samples: list[Sample | None] = []
        for path in _files(out, record):
            if not path.name.startswith("original"):
                samples.append(_sample(path, media))
            elif path.name not in originals:
                originals[path.name] = _sample(path, media)
        groups.append(RunSamples(row.label, record, [sample for sample in samples if sample]))
    groups.insert(0, RunSamples("", None, [sample for sample in originals.values() if sample]))
    return [group for group in groups if group.samples]


def _files(out: Path, record: dict[str, Any]) -> list[Path]:
    """What the page can show of a run, by folder and name."""
    run = out / "runs" / record["run_id"]
    return [path for name in FOLDERS for path in sorted((run / name).rglob("*")) if path.suffix in KINDS]


def _sample(path: Path, media: Media) -> Sample | None:
    """None if there is no room for it."""
    kind = KINDS[path.suffix]
    embed = {"sound": media.sound, "file": media.whole, "picture": media.picture, "text": media.text}[kind]
    content = embed(path)
    folder = "" if path.parent.name == FOLDERS[0] else f"{path.parent.name} "
    return None if content is None else Sample(kind, f"{folder}{path.stem}".replace("_", " "), content, path.name)
