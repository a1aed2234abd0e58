"""Phones of speech: TIMIT's labels, the classes they are scored in, and the class of every frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmark.data.speech import FrameSplit, SpeechDataset
from benchmark.errors import UserError

# Lee and Hon, "Speaker-independent phone recognition using hidden Markov models", IEEE Transactions on Acoustics,
# Speech and Signal Processing 37(11), 1989: the 61 phones of TIMIT in 39 classes; the glottal stop q is left out.
CLASSES = (
    *("aa", "ae", "ah", "aw", "ay", "b", "ch", "d", "dh", "dx", "eh", "er", "ey", "f", "g", "hh", "ih", "iy", "jh"),
    *("k", "l", "m", "n", "ng", "ow", "oy", "p", "r", "s", "sh", "sil", "t", "th", "uh", "uw", "v", "w", "y", "z"),
)
FOLDED = {
    **{"ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "hv": "hh", "ix": "ih", "ux": "uw", "zh": "sh"},
    **{"el": "l", "em": "m", "en": "n", "nx": "n", "eng": "ng"},
    **dict.fromkeys(("bcl", "dcl", "gcl", "pcl", "tcl", "kcl", "epi", "pau", "h#"), "sil"),
    "cl": "sil",  # of the 48 classes that are trained: any voiceless closure
}
LEFT_OUT = "q"
FOLDING = "61 phones in 39 classes (Lee and Hon 1989)"
NO_CLASS = -1


class Phone(NamedTuple):
    """A labelled stretch of samples, from `begin` up to but not including `end`."""

    begin: int
    end: int
    name: str


def class_of(name: str) -> int:
    """The index of a phone's class in `CLASSES`, `NO_CLASS` for one that is left out.

    Raises:
        KeyError: there is no such phone.
    """
    if name == LEFT_OUT:
        return NO_CLASS
    folded = FOLDED.get(name, name)
    if folded not in CLASSES:
        raise KeyError(name)
    return CLASSES.index(folded)


def read_phones(recording: Path) -> list[Phone]:
    """The phones of a recording, from the .phn file beside it, in any letter case.

    Raises:
        UserError: there is none, or it does not hold lines of 'first-sample end-sample phone'.
    """
    stem = recording.name.partition(".")[0].lower()
    path = next((p for p in sorted(recording.parent.iterdir()) if p.name.lower() == f"{stem}.phn"), None)
    if path is None:
        raise UserError(
            f"{recording.with_name(stem)}.phn is missing, the phones of {recording.name}; complete the copy"
        )
    phones = []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), 1):
        try:
            begin, end, name = line.split()
            phones.append(Phone(int(begin), int(end), name.lower()))
            class_of(phones[-1].name)
        except (ValueError, KeyError) as error:
            raise UserError(
                f"{path}: line {number} is not 'first-sample end-sample phone' with a phone of TIMIT; replace the file"
            ) from error
    return phones


def frame_classes(phones: Sequence[Phone], frame_size: int, frames: int) -> NDArray[np.int64]:
    """The class of each frame's phone: the one that covers most of its samples, the earlier one of two equals.

    Returns:
        (frames,) indices of `CLASSES`, `NO_CLASS` where the phone is left out or no phone is labelled.
    """
    classes = np.full(frames, NO_CLASS, np.int64)
    most = np.zeros(frames, np.int64)
    start = np.arange(frames) * frame_size
    for phone in phones:
        covered = np.minimum(phone.end, start + frame_size) - np.maximum(phone.begin, start)
        better = covered > most
        classes[better] = class_of(phone.name)
        most[better] = covered[better]
    return classes


@dataclass(frozen=True)
class TranscribedDataset(SpeechDataset):
    """Speech whose phones are known.

    Attributes:
        utterances: by split, training too, each recording as one sequence.
        phones: by split, reads those of every utterance when it is called.
    """

    utterances: dict[str, FrameSplit]
    phones: dict[str, Callable[[], list[list[Phone]]]]

    def classes(self, split: str) -> list[NDArray[np.int64]]:
        """The class of every scored frame y_1 ... y_T of every utterance, see `frame_classes`."""
        steps, size = self.utterances[split].steps, self.data_size
        transcripts = zip(self.phones[split](), steps.tolist(), strict=True)
        return [frame_classes(phones, size, count + 1)[1:] for phones, count in transcripts]
