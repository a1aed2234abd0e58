"""Polyphonic music: the piano rolls of Boulanger-Lewandowski et al. (2012), or chord progressions made in code."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import gin
import numpy as np
from numpy.typing import NDArray

from benchmark.data.binary import Packed, fingerprint, whole_sequences
from benchmark.data.chords import LOWEST, NOTES, compose
from benchmark.data.heard import HeardDataset
from benchmark.data.midi import write_midi
from benchmark.data.plain_pickle import read_plain_pickle
from benchmark.errors import UserError
from zforcing.checks import require_choice, require_sizes

SPLITS = ("train", "valid", "test")
MOST_STEPS = 1_000_000  # of a split; the largest known one has 245,202
EMBEDDED_PIECES = {"train": 60, "valid": 20, "test": 20}
SECONDS_PER_STEP = 0.25  # of the MIDI files we write; the corpora do not keep their tempo


@dataclass(frozen=True)
class Known:
    """A corpus as it was published: its title, file, sequences by split, and time steps of the test split."""

    title: str
    file: str
    sequences: tuple[int, int, int]
    test_steps: int


CORPORA = {
    "jsb": Known("JSB Chorales", "JSB Chorales.pickle", (229, 76, 77), 4_725),
    "nottingham": Known("Nottingham", "Nottingham.pickle", (694, 173, 170), 44_463),
    "musedata": Known("MuseData", "MuseData.pickle", (524, 135, 124), 64_339),
    "piano_midi": Known("Piano-midi.de", "Piano-midi.de.pickle", (87, 12, 25), 19_036),
}


@dataclass(frozen=True)
class MusicDataset(HeardDataset):
    """Piano rolls of 88 notes, MIDI numbers 21 to 108."""

    figure: ClassVar[str] = "piano_rolls.png"

    def derived_units(self, log_likelihood: float, steps: int) -> dict[str, float]:
        """Negative log-likelihood in nats per time step: the total over all sequences divided by all their steps."""
        return {"nll_nats_per_step": -log_likelihood / steps}

    def write(
        self, folder: Path, stems: list[str], sequences: dict[str, NDArray[Any]], figure: str, prefix: int = 0
    ) -> list[Path]:
        """MIDI files, and a figure of piano rolls."""
        from benchmark.figures.media import plot_piano_rolls

        rolls = {name: roll_TD > 0 for name, roll_TD in sequences.items()}
        named = zip(stems, rolls.values(), strict=True)
        paths = [write_midi(folder / f"{stem}.mid", roll, LOWEST, SECONDS_PER_STEP) for stem, roll in named]
        return [*paths, plot_piano_rolls(folder / figure, rolls, LOWEST, prefix)]


@gin.register
@dataclass(frozen=True)
class Music:
    """How polyphonic music is read.

    Every frame is scored, a rest too: the input of a step is the frame before it, zeros at the first. A sequence
    without a frame is left out and counted. These are the frames of the published pickles, which RNN-NADE and FIVO
    use; SRNN's released files hold other frames (its JSB repeats each), so its numbers per step do not compare.

    Args:
        corpus: 'jsb', 'nottingham', 'musedata' or 'piano_midi'.
        source: 'full', 'embedded', or 'auto' for the first of them that is found.
        segment_steps: training sequences are cut into segments of at most so many steps, as SRNN does; None leaves
            them whole. Each segment starts from a zero state, or with `Training.carry_state` from the last state of
            the one before it. Validation and test sequences are whole.
        require_all_sequences: refuse a file whose numbers of sequences and of test steps are not the published ones.
    """

    corpus: str = "jsb"
    source: str = "auto"
    segment_steps: int | None = 100
    require_all_sequences: bool = True

    def __post_init__(self) -> None:
        require_choice(tuple(CORPORA), corpus=self.corpus)
        require_choice(("auto", "full", "embedded"), source=self.source)
        if self.segment_steps is not None:
            require_sizes(segment_steps=self.segment_steps)

    def load(self, root: Path | None) -> MusicDataset:
        """Reads the corpus below `root`.

        Raises:
            UserError: the source that was asked for is not there, or what is there is incomplete or damaged.
        """
        known = CORPORA[self.corpus]
        path = self._find(root)
        if path is None:
            packed, left_out = _compose_splits(), 0
            description = f"embedded chord progressions, made in code, in place of {known.title}"
        else:
            packed, left_out = self._read(path)
            description = f"{known.title}, the pickle of Boulanger-Lewandowski et al. (2012)"
        splits = {split: whole_sequences(sequences, NOTES) for split, sequences in packed.items()}
        counts = {split: len(sequences) for split, sequences in packed.items()}
        if self.segment_steps is not None:
            splits["train"] = splits["train"].segments(self.segment_steps)
        return MusicDataset(
            name=f"music_{self.corpus}",
            source="embedded" if path is None else "full",
            description=description,
            data_size=NOTES,
            kind="binary",
            protocols=("sequence",),
            counts=counts | ({"empty, left out": left_out} if left_out else {}),
            statistics={},
            fingerprint=fingerprint(packed),
            **splits,
        )

    def find(self, root: Path | None) -> tuple[str, Path]:
        """The source that is used, and its file (none for 'embedded')."""
        path = self._find(root)
        return ("full", path) if path else ("embedded", Path())

    def _find(self, root: Path | None) -> Path | None:
        if self.source == "embedded":
            return None
        name = CORPORA[self.corpus].file
        found = [path for place in (".", "music") if root and (path := root / place / name).is_file()]
        if not found and self.source == "full":
            where = f"in {root} and {root / 'music'}" if root else "nowhere: neither --data nor ZFORCING_DATA is set"
            raise UserError(
                f"music: source 'full' was not found; looked for {name}, {where}; python -m benchmark.data fetch music "
                f"fetches it"
            )
        return found[0] if found else None

    def _read(self, path: Path) -> tuple[dict[str, Packed], int]:
        """Packed piano rolls by split, and how many empty sequences were left out."""
        content = read_plain_pickle(path)
        if not isinstance(content, dict) or not all(isinstance(content.get(split), (list, tuple)) for split in SPLITS):
            raise UserError(f"{path}: holds no lists of sequences named train, valid and test; fetch it again")
        rolls = {split: _pack(path, split, content[split]) for split in SPLITS}
        packed = {split: [bits for bits in sequences if len(bits)] for split, sequences in rolls.items()}
        if self.require_all_sequences:
            known = CORPORA[self.corpus]
            found = tuple(len(rolls[split]) for split in SPLITS)
            steps = sum(8 * len(bits) // NOTES for bits in packed["test"])
            if (found, steps) != (known.sequences, known.test_steps):
                raise UserError(
                    f"{path}: holds {'/'.join(map(str, found))} sequences and {steps} test steps instead of "
                    f"{'/'.join(map(str, known.sequences))} and {known.test_steps}; fetch it again, or set "
                    f"Music.require_all_sequences = False to use what is there"
                )
        for split in SPLITS:
            if not packed[split]:
                raise UserError(f"{path}: the {split} split holds no notes or rests; fetch it again")
        return packed, sum(len(rolls[split]) - len(packed[split]) for split in SPLITS)


def _pack(path: Path, split: str, sequences: Any) -> Packed:
    """The piano rolls of a split; every part of it is checked before it is used."""
    packed: Packed = []
    steps = 0
    for number, sequence in enumerate(sequences):
        where = f"{path}: {split} sequence {number}"
        if not isinstance(sequence, (list, tuple)):
            raise UserError(f"{where} is no list of time steps; fetch it again")
        steps += len(sequence)
        if steps > MOST_STEPS:
            raise UserError(f"{path}: the {split} split has more than {MOST_STEPS} time steps; fetch it again")
        packed.append(np.packbits(_roll(where, sequence)))
    return packed


def _roll(where: str, sequence: Any) -> NDArray[np.uint8]:
    """(T, 88) from a list of tuples of MIDI numbers."""
    for step, frame in enumerate(sequence):
        if not isinstance(frame, (list, tuple)) or len(frame) > NOTES:
            raise UserError(f"{where}, step {step}: expected a list of at most {NOTES} notes; fetch the file again")
        for note in frame:
            if type(note) is not int or not LOWEST <= note < LOWEST + NOTES:
                raise UserError(
                    f"{where}, step {step}: {_shown(note)} is not a MIDI number from {LOWEST} to "
                    f"{LOWEST + NOTES - 1}, a key of the piano; correct the file"
                )
    roll = np.zeros((len(sequence), NOTES), np.uint8)
    row = np.repeat(np.arange(len(sequence)), [len(frame) for frame in sequence])
    roll[row, np.fromiter(chain.from_iterable(sequence), np.int64) - LOWEST] = 1
    return roll


def _shown(note: Any) -> str:
    """A value that should be a note, in a few characters."""
    if isinstance(note, str):
        return repr(note[:20])
    return str(note) if type(note) is int and note.bit_length() < 64 else f"a value of type {type(note).__name__}"


def _compose_splits() -> dict[str, Packed]:
    random = np.random.default_rng(93)
    return {split: [np.packbits(compose(random)) for _ in range(count)] for split, count in EMBEDDED_PIECES.items()}
