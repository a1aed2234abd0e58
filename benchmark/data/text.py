"""Text as sequences of symbols, words or characters, shared by all text corpora.

A line of text is followed by <eos>, which is predicted and counted like any word. <bos> is an input only: the first
input of a sentence, or of a stream.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.dataset import Dataset, Sequence, Split, file_stems
from benchmark.errors import UserError
from benchmark.files import write_atomically

SPECIAL = ("<bos>", "<eos>", "<unk>")
BEGINNING, END, UNKNOWN = range(3)

HELD_OUT_STEPS = 1000  # in a segment of a held-out stream

Line = list[str] | str  # words, or characters


def read_lines(path: Path) -> tuple[list[list[str]], int]:
    """The words of every line that has any, and how many lines have none.

    Raises:
        UserError: the file is not UTF-8, holds no word, or holds a symbol that is added when it is read.
    """
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise UserError(f"{path}: is UTF-16, not UTF-8; convert it with iconv -f utf-16 -t utf-8") from error
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}: line {line} is not UTF-8; convert the file, for example with iconv -f latin1 -t utf-8"
        ) from error
    if "\0" in text:
        raise UserError(f"{path}: holds NUL characters and is no UTF-8 text; convert it with iconv -f utf-16 -t utf-8")
    lines = [line.split() for line in text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")]
    for number, words in enumerate(lines, 1):
        for symbol in SPECIAL[:2]:
            if symbol in words:
                raise UserError(f"{path}: line {number} holds {symbol}, which is added when it is read; remove it")
    filled = [words for words in lines if words]
    if not filled:
        raise UserError(f"{path}: holds no sentence; replace the file")
    return filled, len(lines) - len(filled)


class Vocabulary:
    """The symbols of a training split: <bos>, <eos>, <unk>, the others by falling frequency and then by code point.

    Attributes:
        symbols: by index.
        has_unknown: <unk> occurs in training, so that it may stand for what does not.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        counts = Counter(symbol for line in lines for symbol in line)
        self.has_unknown = counts.pop(SPECIAL[UNKNOWN], 0) > 0
        self.symbols = (*SPECIAL, *sorted(counts, key=lambda symbol: (-counts[symbol], symbol)))
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    @property
    def seen(self) -> int:
        """How many symbols are targets in training, <eos> among them: what papers call the vocabulary."""
        return len(self) - 1 - (not self.has_unknown)

    def encode(self, lines: Iterable[Line]) -> NDArray[np.int64]:
        """Indices of all lines one after the other, each ended by <eos>.

        Raises:
            UserError: a symbol does not occur in training, and neither does <unk>.
        """
        index, encoded = self._index, []
        for line in lines:
            known = [index.get(symbol, -1) for symbol in line]
            if -1 in known:
                if not self.has_unknown:
                    raise UserError(
                        f"the held-out symbol {line[known.index(-1)]!r} does not occur in training, and <unk> does "
                        f"not either; use splits that belong together, or replace rare training words by <unk>"
                    )
                known = [UNKNOWN if number == -1 else number for number in known]
            encoded.extend(known)
            encoded.append(END)
        return np.array(encoded, np.int64)

    def decode(self, indices: Iterable[int]) -> list[list[str]]:
        """The symbols of every line; the last one need not be ended."""
        lines: list[list[str]] = [[]]
        for index in indices:
            if index == END:
                lines.append([])
            else:
                lines[-1].append(self.symbols[index])
        return lines if lines[-1] else lines[:-1]


class TextSplit(Split):
    """Runs of consecutive symbols of an encoded text, each predicted from those before it.

    Args:
        inputs, targets: (symbols,) the whole split; an input is the target before it, or <bos>.
        first: (N,) where each sequence starts.
        steps: (N,) T.
        group: (N,) see `Split`.
        successor: (N,) the sequence that goes on where each one ends, -1 for none: its recurrent state may start from
            the other's last.
    """

    def __init__(
        self,
        inputs: NDArray[np.int64],
        targets: NDArray[np.int64],
        first: NDArray[np.int64],
        steps: NDArray[np.int64],
        group: NDArray[np.int64],
        successor: NDArray[np.int64],
    ) -> None:
        self.inputs = inputs
        self.targets = targets
        self.first = first
        self.steps = steps
        self.group = group
        self.successor = successor

    def __getitem__(self, index: int) -> Sequence:
        run = slice(self.first[index], self.first[index] + self.steps[index])
        return Sequence(self.inputs[run], self.targets[run])

    def chunked(self, steps: int) -> TextSplit:
        """See `Split`; no piece has a successor, because each is scored from a zero state."""
        source, offset, length = self.pieces(steps)
        return TextSplit(
            self.inputs,
            self.targets,
            self.first[source] + offset,
            length,
            self.group[source],
            np.full(len(source), -1),
        )


def sentences(text: NDArray[np.int64], longest: int | None = None) -> TextSplit:
    """Every line as one sequence: inputs <bos> w_1 ... w_n, targets w_1 ... w_n <eos>.

    Args:
        text: as `Vocabulary.encode` returns it.
        longest: lines of more symbols, <eos> not counted, are left out.
    """
    steps = np.diff(np.flatnonzero(text == END), prepend=-1)
    first = np.cumsum(steps) - steps
    inputs = np.roll(text, 1)
    inputs[first] = BEGINNING
    kept = np.ones(len(steps), bool) if longest is None else steps - 1 <= longest
    count = int(kept.sum())
    return TextSplit(inputs, text, first[kept], steps[kept], np.arange(count), np.full(count, -1))


def stream(text: NDArray[np.int64], segment_steps: int) -> TextSplit:
    """The whole text as one sequence, in segments of `segment_steps`, the last of which may be shorter.

    The first input is <bos>; the segments follow each other and are reported as one group.
    """
    inputs = np.roll(text, 1)
    inputs[0] = BEGINNING
    first = np.arange(0, len(text), segment_steps)
    successor = np.append(np.arange(1, len(first)), -1)
    return TextSplit(inputs, text, first, np.minimum(segment_steps, len(text) - first), np.zeros_like(first), successor)


def fingerprint(splits: Mapping[str, Iterable[list[str]]]) -> str:
    """A hash of the words of every line of every split."""
    digest = hashlib.sha256()
    for split, lines in splits.items():
        digest.update(f"{split}\n".encode())
        for line in lines:
            digest.update(f"{' '.join(line)}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class TextDataset(Dataset):
    """A data set of text. Statistics: `vocabulary`, the symbols that are targets in training, <eos> among them.

    Attributes:
        vocabulary: the symbols; `data_size` counts <bos> and <unk> too, whether they occur or not.
        unit: 'word' or 'character'.
    """

    vocabulary: Vocabulary
    unit: str

    def derived_units(self, log_likelihood: float, steps: int) -> dict[str, float]:
        """Perplexity per word, or bits per character, with <eos> counted; of a lower bound it is an upper one."""
        nats = -log_likelihood / steps
        if self.unit == "character":
            return {"bits_per_character": nats / math.log(2)}
        try:
            return {"ppl": math.exp(nats)}
        except OverflowError:
            return {"ppl": math.inf}

    def text(self, indices: NDArray[Any]) -> str:
        """As a person reads it: one sentence, or the lines of a stream."""
        lines = self.vocabulary.decode(indices.tolist())
        separator = " " if self.unit == "word" else ""
        return "\n".join(separator.join(line) for line in (lines[:1] if self.protocols == ("sentence",) else lines))

    def write_samples(
        self, folder: Path, original: list[NDArray[Any]], generated: list[NDArray[Any]], prefix: int = 0
    ) -> list[Path]:
        """One text file; a sentence ends at its first <eos>, and '|' stands where a prefix ends."""
        path = folder / "samples.txt"
        passages = [f"original {number}\n{self.text(indices)}\n" for number, indices in enumerate(original)]
        mark = " | " if self.unit == "word" else "|"
        for number, indices in enumerate(generated):
            parts = (indices[:prefix], indices[prefix:]) if prefix else (indices,)
            passages.append(f"generated {number}\n{mark.join(map(self.text, parts))}\n")
        write_atomically(path, "\n".join(passages).encode())
        return [path]

    def write_interpolations(self, folder: Path, rows: dict[str, dict[str, NDArray[Any]]]) -> list[Path]:
        """One JSON file of all sentences by what files of theirs would be called; each ends at its first <eos>."""
        sentences = {
            stem: self.text(indices)
            for row, sequences in rows.items()
            for stem, indices in zip(file_stems(row, sequences), sequences.values(), strict=True)
        }
        path = folder / "sentences.json"
        write_atomically(path, f"{json.dumps(sentences, indent=1, ensure_ascii=False)}\n".encode())
        return [path]
