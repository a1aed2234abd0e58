"""NLTK's sample of the Penn Treebank, made like Mikolov's files for language modelling."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmark.data.text import SPECIAL, UNKNOWN
from benchmark.errors import UserError

SENTENCES = 3914
RARE = 1  # words that occur no more often in training become <unk>
SPLIT_OF_DIGIT = {"9": "valid", "0": "test"}  # the last of a file's number; others are for training
NAME = re.compile(r"(?:.*/)?wsj_\d{4}\.mrg")
TRACE = "-NONE-"
PUNCTUATION = {",", ".", ":", "``", "''", "-LRB-", "-RRB-"}  # tags
NUMBER = re.compile(r"[-\d.,:/\\]*\d[-\d.,:/\\]*|%")

Words = dict[str, list[list[str]]]


def find_sample(root: Path) -> Path | None:
    """treebank.zip, or the folder of what it holds."""
    folders = (root, root / "corpora", root / "nltk_data/corpora")
    places = [place for folder in folders for place in (folder / "treebank/combined", folder / "treebank.zip")]
    return next((place for place in places if place.exists()), None)


def read_sample(place: Path, require_all: bool) -> Words:
    """The sentences of the three splits, by the last digit of a file's number: 9 validation, 0 test, others training.

    As in Mikolov's files words are lower-case, traces and punctuation are left out, numbers and % are N, and rare words
    are <unk>. Made so, 3,910 of the 3,914 sentences are lines of ptb.train.txt, <unk> aside.

    Args:
        place: see `find_sample`.
        require_all: refuse anything but 3,914 sentences.
    """
    splits: Words = {"train": [], "valid": [], "test": []}
    for name, text in _files(place):
        split = SPLIT_OF_DIGIT.get(Path(name).stem[-1], "train")
        splits[split] += [words for tagged in _tagged_sentences(name, text) if (words := _like_mikolov(tagged))]
    found = sum(map(len, splits.values()))
    if require_all and found != SENTENCES:
        raise UserError(
            f"ptb: {place} holds {found} sentences instead of {SENTENCES}; fetch it again with "
            f"python -m benchmark.data fetch treebank"
        )
    empty = [split for split, lines in splits.items() if not lines]
    if empty:
        raise UserError(f"ptb: {place} has no sentence for the {empty[0]} split; fetch it again")
    return replace_rare_words(splits)


def replace_rare_words(splits: Words) -> Words:
    """The splits with <unk> for every word that is rare in training or missing there."""
    counts = Counter(word for words in splits["train"] for word in words)
    return {
        split: [[word if counts[word] > RARE else SPECIAL[UNKNOWN] for word in words] for words in lines]
        for split, lines in splits.items()
    }


def _files(place: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every file, sorted by name.

    Not through NLTK's corpus reader, which refuses folders that are not on its own search path.
    """
    if place.is_dir():
        contents = {path.name: path.read_bytes() for path in place.iterdir() if NAME.fullmatch(path.name)}
    else:
        try:
            with zipfile.ZipFile(place) as archive:
                contents = {name: archive.read(name) for name in archive.namelist() if NAME.fullmatch(name)}
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise UserError(f"{place}: is a damaged archive ({error}); fetch it again") from error
    for name, content in sorted(contents.items()):
        try:
            yield f"{place}/{name}", content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{place}/{name}: is not UTF-8; fetch the corpus again") from error


def _tagged_sentences(name: str, text: str) -> Iterator[list[tuple[str, str]]]:
    """Words and tags of every tree of a file."""
    from nltk.tree import Tree  # nltk takes a second to import, which only this source needs

    try:
        for tree in Tree.fromstring(f"({text})"):
            yield tree.pos()
    except (ValueError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{name}: holds no bracketed trees as the Penn Treebank does; fetch the corpus again"
        ) from error


def _like_mikolov(tagged: list[tuple[str, str]]) -> list[str]:
    kept = [word.lower() for word, tag in tagged if tag != TRACE and tag not in PUNCTUATION]
    return ["N" if NUMBER.fullmatch(word) else word for word in kept]
