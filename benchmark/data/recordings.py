"""A tree of recordings: which files there are, what they are called, and which split each is in."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from benchmark.data.audio import SAMPLE_RATE
from benchmark.data.decode import Undecodable
from benchmark.data.speech import SampleSums
from benchmark.errors import UserError

SUFFIXES = (".wav", ".flac", ".mp3")  # of two files of one name the first of these is read
SHORTEST = 41 * 200  # samples: a sequence of 40 frames, and the frame before it
HELD_OUT_PERCENT = 5
SPLIT_RULE = (
    "by the SHA-256 of a recording's name (its path below the source folder, in lower case, without the suffix): the "
    "5 percent with the smallest are validation, the 5 percent with the largest are test, at least one each"
)


@dataclass(frozen=True)
class Recording:
    """What is known about a recording once it has been decoded.

    Attributes:
        name: its path below the source folder, lower case, '/' between folders, without the suffix.
        samples: how many, at 16 kHz.
        sha256: of its samples as little-endian int16.
        sums: of its samples, for mean and standard deviation.
    """

    name: str
    samples: int
    sha256: str
    sums: SampleSums


AnyRecording = TypeVar("AnyRecording", bound=Recording)


@dataclass(frozen=True)
class Skipped:
    """A recording that is left out, and why."""

    name: str
    reason: str


def find_recordings(source: Path) -> tuple[dict[str, Path], list[Skipped]]:
    """Recordings below a folder by name, sorted, and those that are a second file of the same name."""
    found: dict[str, Path] = {}
    skipped: list[Skipped] = []
    paths = [path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    for path in sorted(paths, key=lambda path: (SUFFIXES.index(path.suffix.lower()), path)):
        name = recording_name(path.relative_to(source))
        if path.is_file() and name not in found:
            found[name] = path
        elif path.is_file():
            reason = f"of the same name as {printable(found[name].relative_to(source).as_posix())}, which is read"
            skipped.append(Skipped(printable(path.relative_to(source).as_posix()), reason))
    return dict(sorted(found.items())), skipped


def recording_name(relative: Path) -> str:
    """The name of a recording, the same on every file system: composed characters, lower case, no suffix."""
    return printable(unicodedata.normalize("NFC", relative.with_suffix("").as_posix()).lower())


def check_length(samples: int) -> None:
    """Raises Undecodable for a recording that holds no whole sequence."""
    if samples < SHORTEST:
        raise Undecodable(f"{samples / SAMPLE_RATE:.3f} s long; a sequence takes {SHORTEST / SAMPLE_RATE} s")


def printable(text: str) -> str:
    """`text` with what is no valid Unicode in a file name written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def rank(name: str) -> str:
    """What the split of a recording is decided by."""
    return hashlib.sha256(name.encode()).hexdigest()


def assign_splits(names: Collection[str]) -> dict[str, str]:
    """The split of every recording, see `SPLIT_RULE`; at least three are needed to fill all splits."""
    ranked = sorted(names, key=rank)
    count = max(1, len(ranked) * HELD_OUT_PERCENT // 100)
    split = dict.fromkeys(sorted(names), "train")
    split |= dict.fromkeys(ranked[:count], "valid") | dict.fromkeys(ranked[-count:], "test")
    return split


@dataclass(frozen=True)
class Inventory(Generic[AnyRecording]):
    """The recordings of a corpus.

    Attributes:
        recordings: sorted by name.
        splits: 'train', 'valid' or 'test' by name.
        skipped: what was left out, and why.
    """

    recordings: tuple[AnyRecording, ...]
    splits: dict[str, str]
    skipped: tuple[Skipped, ...]

    def of(self, split: str) -> list[AnyRecording]:
        """The recordings of a split."""
        return [recording for recording in self.recordings if self.splits[recording.name] == split]

    @property
    def hours(self) -> float:
        return sum(recording.samples for recording in self.recordings) / SAMPLE_RATE / 3600

    @property
    def training_sums(self) -> SampleSums:
        """The sums over the training split."""
        return sum((recording.sums for recording in self.of("train")), SampleSums())

    @property
    def fingerprint(self) -> str:
        """A hash of the split, name and samples of every recording."""
        digest = hashlib.sha256()
        for r in self.recordings:
            digest.update(f"{self.splits[r.name]}/{r.name}/{r.samples}/{r.sha256}\n".encode())
        return digest.hexdigest()


def take_inventory(
    where: str, recordings: Collection[AnyRecording], skipped: Collection[Skipped]
) -> Inventory[AnyRecording]:
    """Assigns the splits. Of recordings with the same samples the first is kept: they could be in two splits at once.

    Raises:
        UserError: fewer than three recordings are left; `where` says of which folder.
    """
    first: dict[str, AnyRecording] = {}
    left_out = list(skipped)
    for recording in sorted(recordings, key=lambda recording: recording.name):
        if recording.sha256 in first:
            left_out.append(Skipped(recording.name, f"the same samples as {first[recording.sha256].name}"))
        else:
            first[recording.sha256] = recording
    left_out.sort(key=lambda skipped: skipped.name)
    if len(first) < 3:
        example = f", for example {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise UserError(
            f"{where} holds {len(first)} usable recording(s) and {len(left_out)} unusable one(s){example}; training, "
            f"validation and test need at least one each: add recordings"
        )
    splits = assign_splits([recording.name for recording in first.values()])
    return Inventory(tuple(first.values()), splits, tuple(left_out))
