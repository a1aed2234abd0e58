"""The sequences that a run left in its folders, one by one, before they are put into the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmark.report.media import Media
from benchmark.sample_folder import INTERPOLATION

FOLDERS = ("samples", "generated", INTERPOLATION)  # of a run
FIGURES = ("waveforms", "piano_rolls", "images")
PIXELS = ("original", "generated")
SENTENCES = "sentences.json"
PASSAGE = re.compile(r"^((?:original|generated) \d+)\n", re.MULTILINE)
POINT = re.compile(r"(?P<pair>\d+-\d+)_\d+_(?:original_(?P<original>\d+)|weight_(?P<weight>.+))")


class Found(NamedTuple):
    """A sequence, or several in a table or figure.

    Attributes:
        path: of its file.
        kind: 'sound', 'file', 'picture', 'text' or 'table'.
        title: in words.
        digest: of what it holds.
        embed: what the page shows: a data URI, a text, or lines of (weight, sentence); None if it is left out.
        original: it is of the test split.
    """

    path: Path
    kind: str
    title: str
    digest: bytes
    embed: Callable[[], Any]
    original: bool


def sample_files(run: Path, drawn: bool) -> list[Path]:
    """What the page can show of a run, by folder and name.

    Args:
        run: its folder.
        drawn: a figure of the results folder shows its samples, so that their own figure is not needed.
    """
    paths = [path for name in FOLDERS for path in sorted((run / name).rglob("*")) if _is_shown(path)]
    return [path for path in paths if not (drawn and path.parent.name == FOLDERS[0] and path.stem in FIGURES)]


def _is_shown(path: Path) -> bool:
    """Images of an interpolation are not: its figure shows them all."""
    if path.suffix == ".png":
        return not POINT.fullmatch(path.stem)
    return path.suffix in (".wav", ".mid", ".txt") or path.name == SENTENCES


def read_samples(path: Path, media: Media) -> Iterator[Found]:
    """What a file holds."""
    if path.suffix == ".txt":
        before, *passages = PASSAGE.split(media.text(path))
        titled = list(zip(passages[::2], passages[1::2], strict=True)) or [(path.stem, before)]
        for title, passage in titled:
            yield _text(path, _title(path, title), passage.strip(), _is_original(title))
    elif path.name == SENTENCES:
        yield from _sentences(path, media)
    else:
        kind, embed = {
            ".wav": ("sound", media.sound),
            ".mid": ("file", media.whole),
            ".png": ("picture", media.pixels if path.stem in PIXELS else media.picture),
        }[path.suffix]
        digest = hashlib.sha256(path.read_bytes()).digest()
        yield Found(path, kind, _title(path, path.stem), digest, partial(embed, path), _is_original(path.stem))


def _sentences(path: Path, media: Media) -> Iterator[Found]:
    """The originals, and a table of what lies between each two."""
    sentences = media.sentences(path)
    if sentences is None:
        yield Found(path, "table", "", b"", lambda: None, False)
        return
    tables: dict[str, list[tuple[str, str]]] = {}
    for name, sentence in sentences.items():
        point = POINT.fullmatch(name)
        if point and point["weight"]:
            tables.setdefault(point["pair"], []).append((point["weight"], sentence))
        else:
            yield _text(path, _title(path, name), sentence, _is_original(name))
    for pair, lines in tables.items():
        yield Found(path, "table", _title(path, pair), repr(lines).encode(), partial(list, lines), False)


def _text(path: Path, title: str, text: str, original: bool) -> Found:
    return Found(path, "text", title, text.encode(), lambda: text, original)


def _title(path: Path, name: str) -> str:
    """'0-1_02_weight_0.25', or any other name in this file, in words.

    Originals that `benchmark.sample` wrote have their folder too: those with a prefix may be others, or longer.
    """
    point = POINT.fullmatch(name)
    if point and point["original"]:
        return f"test sequence {point['original']}"
    pair = point["pair"] if point else name
    if re.fullmatch(r"\d+-\d+", pair):
        between = "between test sequences {} and {}".format(*pair.split("-"))
        return f"{between}, weight {point['weight']}" if point else between
    beside = f", in {FOLDERS[1]}/" if _is_original(name) and path.parent.name == FOLDERS[1] else ""
    return name.replace("_", " ") + beside


def _is_original(name: str) -> bool:
    point = POINT.fullmatch(name)
    return bool(point["original"]) if point else name.startswith("original")
