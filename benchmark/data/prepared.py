"""A prepared folder: 16 kHz int16 samples, one file per recording, and an index with checksums and splits.

index.json                      what is there, written last and at once
recordings/<rank>.i16           samples, little-endian, no header
recordings/<rank>.json          what is known about a finished recording, so that it is not decoded again
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmark.data.audio import SAMPLE_RATE
from benchmark.data.recordings import SPLIT_RULE, Inventory, Recording, Skipped, rank
from benchmark.data.speech import SampleSums
from benchmark.errors import UserError
from benchmark.files import write_atomically

FORMAT = 1  # of the index and of how samples are made; a change makes `prepare` start anew
READ_AT_A_TIME = 2**20


def file_of(name: str, suffix: str) -> str:
    """A file of the recording of that name, below the prepared folder."""
    return f"recordings/{rank(name)[:20]}.{suffix}"


@dataclass(frozen=True)
class PreparedRecording(Recording):
    """A recording in a prepared folder, and what it was made of."""

    source: str
    source_sha256: str

    @property
    def file(self) -> str:
        """Its samples, below the prepared folder."""
        return file_of(self.name, "i16")

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"file": self.file}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> PreparedRecording:
        """Raises KeyError or TypeError if something is missing or of another kind."""
        sums = SampleSums(**entry["sums"])
        names = ("name", "samples", "sha256", "source", "source_sha256")
        return cls(sums=sums, **{name: entry[name] for name in names})


PreparedInventory = Inventory[PreparedRecording]


def write_index(folder: Path, inventory: PreparedInventory) -> None:
    """Writes the index of a prepared folder, or leaves the one that is there."""
    sums = inventory.training_sums
    content = {
        "format": FORMAT,
        "sample_rate": SAMPLE_RATE,
        "split_rule": SPLIT_RULE,
        "hours": round(inventory.hours, 4),
        "train_mean": sums.mean,
        "train_std": sums.deviation,
        "recordings": [r.as_json() | {"split": inventory.splits[r.name]} for r in inventory.recordings],
        "skipped": [asdict(skipped) for skipped in inventory.skipped],
    }
    write_atomically(folder / "index.json", (json.dumps(content, indent=1) + "\n").encode())


def read_index(folder: Path) -> PreparedInventory | None:
    """The index of a prepared folder; None if the folder holds none.

    Raises:
        UserError: the preparation is unfinished, or the index or the files it names are damaged.
    """
    path = folder / "index.json"
    if not path.is_file():
        if any((folder / "recordings").glob("*.i16")) or any((folder / "recordings").glob(".*.i16.*.partial")):
            raise UserError(f"{folder}: its preparation was not finished; repeat python -m benchmark.data prepare")
        return None
    try:
        content = json.loads(path.read_text())
        recordings = tuple(map(PreparedRecording.from_json, content["recordings"]))
        splits = {entry["name"]: entry["split"] for entry in content["recordings"]}
        skipped = tuple(Skipped(**entry) for entry in content["skipped"])
        form = content["format"]
        if set(splits.values()) != {"train", "valid", "test"}:
            raise ValueError("a split is missing, or is none")
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: a damaged index; repeat python -m benchmark.data prepare") from error
    if form != FORMAT:
        raise UserError(f"{path}: prepared by another version; repeat python -m benchmark.data prepare")
    for recording in recordings:
        if file_size(folder / recording.file) != 2 * recording.samples:
            raise UserError(
                f"{folder / recording.file} ({recording.name}) is missing or cut short; repeat python -m "
                f"benchmark.data prepare"
            )
    return Inventory(recordings, splits, skipped)


def damaged_recordings(folder: Path, inventory: PreparedInventory) -> list[PreparedRecording]:
    """The recordings whose samples are not what the index says. Reads everything: minutes for hundreds of hours."""
    recordings = tqdm(inventory.recordings, "verify", leave=False, dynamic_ncols=True, disable=None)
    return [r for r in recordings if sha256_of(folder / r.file) != r.sha256]


def sha256_of(path: Path) -> str:
    """Of a file of any size."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_AT_A_TIME):
            digest.update(block)
    return digest.hexdigest()


def file_size(path: Path) -> int | None:
    """In bytes; None if there is no such file."""
    return path.stat().st_size if path.is_file() else None


class MappedRecordings(Sequence[NDArray[np.int16]]):
    """The samples of prepared recordings, mapped into memory when asked for and let go of after.

    A map holds a file open, and a corpus may have more recordings than a process may have open files.
    """

    def __init__(self, folder: Path, recordings: list[PreparedRecording]) -> None:
        self._paths = [folder / recording.file for recording in recordings]

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, number: int) -> NDArray[np.int16]:  # type: ignore[override]
        return np.memmap(self._paths[number], "<i2", "r")
