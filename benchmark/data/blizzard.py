"""Blizzard 2013: unsegmented audiobooks, any other recordings by one reader, or one synthesised voice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gin
import numpy as np
from numpy.typing import NDArray

from benchmark.data.decode import Undecodable, decode, seconds
from benchmark.data.prepared import MappedRecordings, PreparedInventory, read_index
from benchmark.data.recordings import Inventory, Recording, Skipped, check_length, find_recordings, take_inventory
from benchmark.data.speech import FrameSplit, SampleSums, SpeechDataset, recording_segments
from benchmark.data.synthesiser import draw_speaker, synthesise
from benchmark.errors import UserError
from zforcing.checks import require, require_choice, require_sizes

FOLDERS = ("blizzard", "audiobook")
FULL_HOURS = 100  # more than this in the folder 'blizzard' is the full corpus
DECODED_HOURS = 2  # up to this an unprepared folder is decoded into memory: seconds, and 230 MB
HOW_TO_GET = (
    "Blizzard 2013 is licensed for research by Lessac Technologies: register at "
    "https://www.cstr.ed.ac.uk/projects/blizzard/2013/lessac_blizzard2013/, then run "
    "python -m benchmark.data prepare blizzard --source DIR"
)


@gin.register
@dataclass(frozen=True)
class Blizzard:
    """How Blizzard 2013 is read.

    Every split holds sequences of `segment_frames` frames, cut one after the other from each recording: 0.5 s, the
    sequence of Chung et al. (2015). The target of a frame is the next frame of the same recording (the released code
    of Z-Forcing takes the next row of its file instead, which is another recording). No sequence straddles two
    recordings; what is left at the end of one is dropped, in validation and test too, and its first frame is only an
    input. `successor` of a split names the sequence that continues each one, for a state carried across batches.

    Normalised by the mean and standard deviation of all training samples. Splits are by recording, see `SPLIT_RULE`
    of `benchmark.data.recordings`; the papers' split follows the order of one file system and cannot be recovered.

    Below the data folder, 'blizzard' prepared with more than 100 hours is 'full'; 'blizzard' or 'audiobook' with
    anything else is 'sample', where up to 2 hours of mp3, wav or flac need no preparation.

    Args:
        source: 'full', 'sample', 'embedded', or 'auto' for the first of them that is found.
        frame_size: samples in a frame.
        segment_frames: frames in a sequence.
    """

    source: str = "auto"
    frame_size: int = 200
    segment_frames: int = 40

    def __post_init__(self) -> None:
        require_choice(("auto", "full", "sample", "embedded"), source=self.source)
        require_sizes(frame_size=self.frame_size, segment_frames=self.segment_frames)

    def load(self, root: Path | None) -> SpeechDataset:
        """Reads the corpus below `root`; prepared samples stay on the disk until a sequence is asked for.

        Raises:
            UserError: the source that was asked for is not there, unfinished or damaged, or has to be prepared.
        """
        source, place = self.find(root)
        if source != "embedded":
            inventory = read_index(place)
            return self._prepared(source, place, inventory) if inventory else self._decoded(place)
        samples = _synthesise_corpus()
        inventory_in_memory = take_inventory("the synthesiser", [_recording(*item) for item in samples.items()], [])
        description = "embedded synthetic speech, one voice, made in code"
        return self._dataset("embedded", description, inventory_in_memory, _chosen_from(samples))

    def find(self, root: Path | None) -> tuple[str, Path]:
        """The source that is used, and its folder (none for 'embedded')."""
        for folder in FOLDERS if root and self.source != "embedded" else ():
            place = Path(root or "", folder)
            inventory = read_index(place)
            if inventory:
                source = "full" if folder == "blizzard" and inventory.hours > FULL_HOURS else "sample"
                if self.source in ("auto", source):
                    return source, place
            elif self.source != "full" and find_recordings(place)[0]:
                return "sample", place
        if self.source in ("full", "sample"):
            raise UserError(_not_found(self.source, root))
        return "embedded", Path()

    def _prepared(self, source: str, place: Path, inventory: PreparedInventory) -> SpeechDataset:
        description = "Blizzard 2013" if source == "full" else f"recordings by one reader ({place.name})"
        return self._dataset(source, description, inventory, lambda chosen: MappedRecordings(place, chosen))

    def _decoded(self, place: Path) -> SpeechDataset:
        paths, skipped = find_recordings(place)
        hours = sum(map(seconds, paths.values())) / 3600
        if hours > DECODED_HOURS:
            raise UserError(
                f"blizzard: {place} holds {hours:.1f} hours of recordings, too many to decode at every start; prepare "
                f"them once with python -m benchmark.data prepare blizzard --source {place}"
            )
        samples: dict[str, NDArray[np.int16]] = {}
        for name, path in paths.items():
            try:
                samples[name] = np.concatenate(list(decode(path)))
                check_length(len(samples[name]))
            except Undecodable as error:
                samples.pop(name, None)
                skipped.append(Skipped(name, str(error)))
        inventory = take_inventory(f"blizzard: {place}", [_recording(*item) for item in samples.items()], skipped)
        description = f"recordings by one reader ({place.name})"
        return self._dataset("sample", description, inventory, _chosen_from(samples))

    def _dataset(
        self,
        source: str,
        description: str,
        inventory: Inventory[Any],
        samples_of: Callable[[list[Any]], Sequence[NDArray[np.int16]]],
    ) -> SpeechDataset:
        sums = inventory.training_sums
        require(sums.deviation > 0, "blizzard: the training recordings are silent")

        def split(name: str) -> FrameSplit:
            recordings = samples_of(inventory.of(name))
            cut = recording_segments(recordings, self.segment_frames, self.frame_size, sums.mean, sums.deviation)
            require(
                len(cut) > 0,
                f"blizzard: no recording of the {name} split holds a sequence of {self.segment_frames} frames of "
                f"{self.frame_size} samples and the frame before it; add recordings, or set a smaller "
                f"Blizzard.segment_frames",
            )
            return cut

        left_out = f", {len(inventory.skipped)} left out" if inventory.skipped else ""
        return SpeechDataset(
            name="blizzard",
            source=source,
            description=f"{description}, {inventory.hours:.2f} hours{left_out}",
            data_size=self.frame_size,
            kind="real",
            protocols=(f"segment{self.segment_frames}",),
            counts={name: len(inventory.of(name)) for name in ("train", "valid", "test")},
            statistics={"mean": sums.mean, "std": sums.deviation},
            fingerprint=inventory.fingerprint,
            train=split("train"),
            valid=split("valid"),
            test=split("test"),
        )


def _not_found(source: str, root: Path | None) -> str:
    looked_for = {
        "full": f"a folder 'blizzard' prepared from more than {FULL_HOURS} hours",
        "sample": "a folder 'blizzard' or 'audiobook' with mp3, wav or flac files, or prepared from them",
    }[source]
    where = f"below {root}" if root else "nowhere, because neither --data nor ZFORCING_DATA is set"
    return f"blizzard: source '{source}' was not found; looked for {looked_for}, {where}; {HOW_TO_GET}"


def _recording(name: str, samples: NDArray[np.int16]) -> Recording:
    digest = hashlib.sha256(samples.astype("<i2").tobytes()).hexdigest()
    return Recording(name, len(samples), digest, SampleSums.of(samples))


def _chosen_from(samples: dict[str, NDArray[np.int16]]) -> Callable[[list[Recording]], Sequence[NDArray[np.int16]]]:
    return lambda chosen: [samples[recording.name] for recording in chosen]


@cache
def _synthesise_corpus() -> dict[str, NDArray[np.int16]]:
    """12 recordings of 16 sentences each by one synthetic speaker."""
    random = np.random.default_rng([2013])
    speaker = draw_speaker(random)
    return {
        f"chapter{number:02d}": np.concatenate([synthesise(speaker, random).samples for _ in range(16)])
        for number in range(12)
    }
