"""What runs left to look at and listen to, one run for each row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchmark.report.media import Media
from benchmark.rows import Row

FOLDERS = ("samples", "interpolations")  # of a run
MOST_CHARACTERS = 6_000  # of one text


class Sample(NamedTuple):
    """One file of a run.

    Attributes:
        kind: 'picture', 'sound', 'text' or 'file'.
        title: the file's name in words.
        content: a data URI, or the text.
        name: of the file.
    """

    kind: str
    title: str
    content: str
    name: str


class RunSamples(NamedTuple):
    """Samples of the first run of a row that has some; of the data themselves if there is no label."""

    label: str
    record: dict[str, Any]
    samples: list[Sample]


def collect_samples(out: Path, rows: list[Row], media: Media) -> list[RunSamples]:
    """Samples of the rows of one data set and source, the data's own sequences first and once."""
    groups: list[RunSamples] = []
    originals: dict[str, Sample] = {}
    for row in rows:
        record = next((record for record in row.records if _files(out, record)), None)
        if record is None:
            continue
        samples = []
        for path in _files(out, record):
            if "original" in path.name and path.name in originals:
                continue
            sample = _sample(path, media)
            if sample is not None and "original" in path.name:
                originals[path.name] = sample
            elif sample is not None:
                samples.append(sample)
        if samples:
            groups.append(RunSamples(row.label, record, samples))
    if originals:
        groups.insert(0, RunSamples("", groups[0].record if groups else {}, list(originals.values())))
    return groups


def _files(out: Path, record: dict[str, Any]) -> list[Path]:
    folder = out / "runs" / record["run_id"]
    found = [path for name in FOLDERS for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return sorted(found, key=lambda path: list(_KINDS).index(path.suffix) if path.suffix in _KINDS else len(_KINDS))


def _sample(path: Path, media: Media) -> Sample | None:
    kind = _KINDS.get(path.suffix)
    if kind is None:
        return None
    content = path.read_text(errors="replace") if kind == "text" else _EMBED[kind](media, path)
    if kind == "text" and len(content or "") > MOST_CHARACTERS:
        media.shortened.append(path.relative_to(media.folder).as_posix())
        content = f"{(content or '')[:MOST_CHARACTERS]} …"
    return None if content is None else Sample(kind, path.stem.replace("_", " "), content, path.name)


_KINDS = {".png": "picture", ".wav": "sound", ".txt": "text", ".md": "text", ".mid": "file"}
_EMBED = {"picture": Media.picture, "sound": Media.sound, "file": Media.figure}
