"""TIMIT: the LDC corpus, NLTK's sample of it, or synthesised speech of the same form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import gin
import numpy as np
from numpy.typing import NDArray

from benchmark.data.audio import read_recording
from benchmark.data.phones import Phone, TranscribedDataset, read_phones
from benchmark.data.speech import (
    fingerprint,
    sample_statistics,
    stream_segments,
    whole_recordings,
)
from benchmark.data.synthesiser import Utterance, draw_speaker, synthesise
from benchmark.errors import UserError
from zforcing.checks import require, require_choice, require_flags, require_sizes

CORPUS_FILES = {"train": 4620, "test": 1680}  # LDC93S1
SAMPLE_SPEAKERS = {"valid": ("dr4-falr0", "dr4-maeb0"), "test": ("dr2-faem0", "dr2-marc0")}
SAMPLE_FILES = 160
# Of the recordings and their splits, see `speech.fingerprint`.
SAMPLE_FINGERPRINT = "76bb1727e196d1768c0ca3f78467dc65eb40c77c6d1e9bef1a6186ac51b42bc7"
AUDIO_SUFFIXES = (".wav", ".sph", ".wav.wav")
HOW_TO_GET = "TIMIT is licensed by the LDC (LDC93S1, https://catalog.ldc.upenn.edu/LDC93S1)"
FETCH_SAMPLE = "python -m benchmark.data fetch timit-sample --data DIR fetches it"

Recordings = dict[str, NDArray[np.int16]]
PhonesOf = Callable[[str, str], list[Phone]]  # of an utterance, by its split and name


@gin.register
@dataclass(frozen=True)
class Timit:
    """How TIMIT is read.

    Normalised by the mean and standard deviation of all training samples. Training sequences are segments of the
    joined training recordings, as in the released code of SRNN and Z-Forcing; validation and test sequences are
    whole utterances, cut to a multiple of the frame.

    Validation of the full corpus: 5 % of the training files (231 of 4620), those whose lower-case identifier
    'dr1/fcjf0/sa1' has the smallest SHA-256. The published split follows the order of one file system and cannot be
    recovered. With `disjoint_speakers` speakers are ranked instead of files, by the SHA-256 of 'dr1/fcjf0': the files
    of the first speakers fill validation up to the same count, and what is left of the last of them is used nowhere.

    Args:
        source: 'full', 'sample', 'embedded', or 'auto' for the first of them that is found.
        frame_size: samples in a frame.
        segment_frames: frames in a training segment.
        disjoint_speakers: no speaker of validation in training (full corpus only; the others never share one).
        require_all_files: refuse a full corpus that does not hold 4620 training and 1680 test files.
    """

    source: str = "auto"
    frame_size: int = 200
    segment_frames: int = 40
    disjoint_speakers: bool = False
    require_all_files: bool = True

    def __post_init__(self) -> None:
        require_choice(("auto", "full", "sample", "embedded"), source=self.source)
        require_flags(disjoint_speakers=self.disjoint_speakers, require_all_files=self.require_all_files)
        require_sizes(frame_size=self.frame_size, segment_frames=self.segment_frames)

    def load(self, root: Path | None) -> TranscribedDataset:
        """Reads the corpus below `root`.

        Raises:
            UserError: the source that was asked for is not there, or what is there is incomplete or damaged.
        """
        source, place = self.find(root)
        if source == "full":
            description = "LDC93S1, the full corpus"
            recordings, phones_of = self._read_full(place)
        elif source == "sample":
            description = "NLTK's sample of TIMIT (160 utterances, 16 speakers)"
            recordings, phones_of = _read_sample(place)
        else:
            description = "embedded synthetic speech, made in code"
            corpus = _synthesise_corpus()
            recordings = {
                split: {name: x.samples for name, x in of_split.items()} for split, of_split in corpus.items()
            }

            def phones_of(split: str, name: str) -> list[Phone]:
                return _phones(corpus[split][name])

        return self._dataset(source, description, recordings, phones_of)

    def find(self, root: Path | None) -> tuple[str, Path]:
        """The source that is used, and its folder (none for 'embedded')."""
        full = _find_full(root) if root and self.source in ("auto", "full") else None
        if full:
            return "full", full
        sample = _find_sample(root) if root and self.source in ("auto", "sample") else None
        if sample:
            return "sample", sample
        if self.source in ("full", "sample"):
            looked_for = {
                "full": "a folder with TRAIN/DR1 and TEST/DR1 in any letter case, up to four levels deep",
                "sample": "a folder with dr1-fvmh0, as in nltk_data/corpora/timit",
            }[self.source]
            how = {"full": HOW_TO_GET, "sample": FETCH_SAMPLE}[self.source]
            where = f"below {root}" if root else "nowhere, because neither --data nor ZFORCING_DATA is set"
            raise UserError(f"timit: source '{self.source}' was not found; looked for {looked_for}, {where}; {how}")
        return "embedded", Path()

    def _read_full(self, place: Path) -> tuple[dict[str, Recordings], PhonesOf]:
        files = {part: _corpus_files(_subfolder(place, part)) for part in CORPUS_FILES}
        found = {part: len(paths) for part, paths in files.items()}
        if self.require_all_files and found != CORPUS_FILES:
            raise UserError(
                f"timit: {place} holds {found['train']} training and {found['test']} test files instead of 4620 and "
                f"1680; complete the copy, or set Timit.require_all_files = False to use what is there"
            )
        valid, unused = self._validation(files["train"])
        recordings = {
            "train": _read(files["train"], (name for name in files["train"] if name not in valid | unused)),
            "valid": _read(files["train"], sorted(valid)),
            "test": _read(files["test"], files["test"]),
        }
        return recordings, lambda split, name: read_phones(files["test" if split == "test" else "train"][name])

    def _validation(self, names: Iterable[str]) -> tuple[set[str], set[str]]:
        """The names for validation, and those that neither training nor validation may use."""
        names = sorted(names)
        count = max(1, len(names) * 5 // 100)
        if not self.disjoint_speakers:
            return set(sorted(names, key=_rank)[:count]), set()
        ranked = sorted(names, key=lambda name: (_rank(name.rpartition("/")[0]), _rank(name)))
        speakers = {name.rpartition("/")[0] for name in ranked[:count]}
        valid = set(ranked[:count])
        return valid, {name for name in names if name.rpartition("/")[0] in speakers} - valid

    def _dataset(
        self, source: str, description: str, recordings: dict[str, Recordings], phones_of: PhonesOf
    ) -> TranscribedDataset:
        for split, by_name in recordings.items():
            short = [name for name, samples in by_name.items() if len(samples) < 2 * self.frame_size]
            if short:
                raise UserError(f"timit: {split} recording {short[0]} is shorter than two frames; replace the file")
            require(bool(by_name), f"timit: the {split} split holds no recording")
        names = {split: list(by_name) for split, by_name in recordings.items()}
        signals = {split: list(by_name.values()) for split, by_name in recordings.items()}
        digest = fingerprint(recordings)
        if source == "sample" and digest != SAMPLE_FINGERPRINT:
            description = f"{description}, but its recordings are not those of the known copy"
        mean, deviation = sample_statistics(signals["train"])
        require(deviation > 0, "timit: the training recordings are silent")
        train = stream_segments(signals["train"], self.segment_frames, self.frame_size, mean, deviation)
        require(
            len(train) > 0, f"timit: the training split is shorter than one segment of {self.segment_frames} frames"
        )
        # Views of the joined stream: a second copy of the training recordings would double their memory.
        ends = np.cumsum([len(samples) for samples in signals.pop("train")])
        signals["train"] = np.split(train.recordings[0], ends[:-1])
        utterances = {split: whole_recordings(x, self.frame_size, mean, deviation) for split, x in signals.items()}

        def phones(split: str) -> list[list[Phone]]:
            return [phones_of(split, name) for name in names[split]]

        return TranscribedDataset(
            name="timit",
            source=source,
            description=description,
            data_size=self.frame_size,
            kind="real",
            protocols=("utterance", "chunk40"),
            counts={split: len(by_name) for split, by_name in recordings.items()},
            statistics={"mean": mean, "std": deviation},
            fingerprint=digest,
            train=train,
            valid=utterances["valid"],
            test=utterances["test"],
            utterances=utterances,
            phones={split: partial(phones, split) for split in names},
        )


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _subfolder(folder: Path, name: str) -> Path | None:
    """The subfolder of that name in any letter case."""
    return next((path for path in sorted(folder.iterdir()) if path.name.lower() == name and path.is_dir()), None)


def _find_full(root: Path) -> Path | None:
    """The first folder, breadth first, that holds train/dr1 and test/dr1."""
    level = [root]
    for _ in range(5):
        for folder in level:
            parts = [_subfolder(folder, part) for part in CORPUS_FILES]
            if all(part and _subfolder(part, "dr1") for part in parts):
                return folder
        level = [path for folder in level for path in sorted(folder.iterdir()) if path.is_dir()]
    return None


def _corpus_files(part: Path | None) -> dict[str, Path]:
    """Recordings by lower-case identifier 'dr1/fcjf0/sa1', sorted. A converted copy beside its original is one."""
    files: dict[str, Path] = {}
    for path in sorted(part.rglob("*")) if part else []:
        stem, _, suffix = path.name.lower().partition(".")
        region = path.parent.parent.name.lower()
        if f".{suffix}" in AUDIO_SUFFIXES and re.fullmatch(r"dr[1-8]", region):
            name = f"{region}/{path.parent.name.lower()}/{stem}"
            # "sa1.wav.wav" is the usual name of a RIFF copy of a SPHERE "sa1.wav", which may be compressed.
            if name not in files or suffix == "wav.wav":
                files[name] = path
    return dict(sorted(files.items()))


def _find_sample(root: Path) -> Path | None:
    places = (root, root / "timit", root / "corpora/timit", root / "nltk_data/corpora/timit")
    return next((place for place in places if (place / "dr1-fvmh0").is_dir()), None)


def _read_sample(place: Path) -> tuple[dict[str, Recordings], PhonesOf]:
    files = {f"{path.parent.name}/{path.stem}": path for path in sorted(place.glob("dr*-*/*.wav"))}
    if len(files) != SAMPLE_FILES:
        raise UserError(
            f"timit: {place} holds {len(files)} recordings instead of {SAMPLE_FILES}; move it away, and "
            f"{FETCH_SAMPLE} again"
        )

    def split_of(name: str) -> str:
        speaker = name.partition("/")[0]
        return next((split for split, speakers in SAMPLE_SPEAKERS.items() if speaker in speakers), "train")

    recordings = {
        split: _read(files, (name for name in files if split_of(name) == split)) for split in ("train", "valid", "test")
    }
    return recordings, lambda split, name: read_phones(files[name])


def _read(files: dict[str, Path], names: Iterable[str]) -> Recordings:
    return {name: read_recording(files[name]) for name in names}


def _synthesise_corpus() -> dict[str, dict[str, Utterance]]:
    """16 synthetic speakers of 8 sentences each; 12 train, 2 valid, 2 test."""
    splits = {"train": range(12), "valid": range(12, 14), "test": range(14, 16)}
    corpus: dict[str, dict[str, Utterance]] = {}
    for split, speakers in splits.items():
        corpus[split] = {}
        for number in speakers:
            random = np.random.default_rng([93, number])
            speaker = draw_speaker(random)
            for sentence in range(8):
                corpus[split][f"speaker{number:02d}/{sentence}"] = synthesise(speaker, random)
    return corpus


def _phones(utterance: Utterance) -> list[Phone]:
    begins = [0, *utterance.ends[:-1]]
    return [Phone(*stretch) for stretch in zip(begins, utterance.ends, utterance.phones, strict=True)]
