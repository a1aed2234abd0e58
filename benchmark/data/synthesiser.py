"""A formant synthesiser: speech-like sentences by several speakers, made in code, for machines without a corpus.

A glottal pulse train and noise pass through resonators whose frequencies follow the phones of a sentence (the
source-filter model, Klatt 1980). Vowel formants are the means of Peterson and Barney (1952).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtbsv
from scipy.ndimage import uniform_filter1d

RATE = 16_000
BLOCK = 128  # samples over which the filters are constant: 8 ms


class Phone(NamedTuple):
    """Duration in seconds, three formants, gains of voice and of noise, and the centre of the noise, in Hz."""

    duration: float
    formants: tuple[float, float, float]
    voice: float = 1.0
    noise: float = 0.0
    centre: float = 3000.0


PHONES = {
    "iy": Phone(0.11, (270, 2290, 3010)),
    "ih": Phone(0.08, (390, 1990, 2550)),
    "eh": Phone(0.10, (530, 1840, 2480)),
    "ae": Phone(0.13, (660, 1720, 2410)),
    "ah": Phone(0.08, (640, 1190, 2390)),
    "aa": Phone(0.13, (730, 1090, 2440)),
    "ao": Phone(0.13, (570, 840, 2410)),
    "uh": Phone(0.08, (440, 1020, 2240)),
    "uw": Phone(0.11, (300, 870, 2240)),
    "er": Phone(0.11, (490, 1350, 1690)),
    "m": Phone(0.07, (250, 1000, 2200), 0.5),
    "n": Phone(0.06, (250, 1700, 2600), 0.5),
    "l": Phone(0.06, (360, 1300, 2700), 0.6),
    "r": Phone(0.06, (310, 1060, 1380), 0.6),
    "w": Phone(0.06, (290, 610, 2150), 0.6),
    "y": Phone(0.05, (260, 2070, 3020), 0.6),
    "s": Phone(0.10, (320, 1390, 2530), 0.0, 0.25, 6200),
    "z": Phone(0.08, (240, 1390, 2530), 0.3, 0.15, 6200),
    "sh": Phone(0.10, (300, 1840, 2750), 0.0, 0.30, 3500),
    "f": Phone(0.08, (340, 1100, 2080), 0.0, 0.10, 5000),
    "v": Phone(0.06, (220, 1100, 2080), 0.4, 0.05, 5000),
    "hh": Phone(0.05, (500, 1500, 2500), 0.0, 0.12, 1800),
    "cl": Phone(0.05, (200, 1100, 2200), 0.0),  # the closure of a stop
    "p": Phone(0.02, (400, 1100, 2150), 0.0, 0.30, 1000),
    "t": Phone(0.02, (400, 1600, 2600), 0.0, 0.40, 4500),
    "k": Phone(0.03, (300, 1990, 2850), 0.0, 0.40, 2300),
    "b": Phone(0.02, (200, 1100, 2150), 0.4, 0.10, 1000),
    "d": Phone(0.02, (200, 1600, 2600), 0.4, 0.15, 4000),
    "g": Phone(0.02, (200, 1990, 2850), 0.4, 0.15, 2300),
    "h#": Phone(0.08, (500, 1500, 2500), 0.0),  # silence
}

WORDS = """
sh iy|hh ae cl d|y uh r|cl d aa r cl k|s uw cl t|ih n|g r iy s iy|w aa sh|w ao cl t er|ao l|y iy r|cl d ow n t
ae s k|m iy|cl t uw|cl k eh r iy|ae n|oy l iy|r ae cl g|l ay cl k|dh ae cl t|s uh m|ah v|dh ih s|w ih n t er
m ao r n ih ng|cl b ih cl g|r ih v er|s ao ng|m uw n|s ah n|l ih cl t l|f aa r m|cl b r ao n|f ih sh|s iy
""".replace("\n", "|")
DIPHTHONGS = {"ow": "ao uh", "oy": "ao ih", "ay": "aa ih", "dh": "v", "ng": "n"}
LEXICON = [
    " ".join(DIPHTHONGS.get(phone, phone) for phone in word.split()).split() for word in WORDS.split("|") if word
]


class Speaker(NamedTuple):
    """Pitch in Hz, formant scale (a shorter vocal tract is above 1), tempo, and loudness."""

    pitch: float
    formant_scale: float
    tempo: float
    loudness: float


def draw_speaker(random: np.random.Generator) -> Speaker:
    """A low or a high voice."""
    high = random.random() < 0.5
    return Speaker(
        pitch=random.uniform(170, 230) if high else random.uniform(90, 140),
        formant_scale=random.uniform(1.10, 1.20) if high else random.uniform(0.95, 1.05),
        tempo=random.uniform(0.85, 1.2),
        loudness=random.uniform(2500, 5000),
    )


class Utterance(NamedTuple):
    """Samples at 16 kHz, and for each phone its name and the sample at which it ends."""

    samples: NDArray[np.int16]
    phones: list[str]
    ends: list[int]


def synthesise(speaker: Speaker, random: np.random.Generator, words: int = 6) -> Utterance:
    """One sentence of `words` words drawn from a small lexicon."""
    chosen = random.integers(len(LEXICON), size=words)
    phones = ["h#", *(phone for word in chosen for phone in LEXICON[word]), "h#"]
    seconds = [PHONES[name].duration / speaker.tempo * random.uniform(0.8, 1.2) for name in phones]
    blocks = np.maximum(1, np.rint(np.array(seconds) * RATE / BLOCK)).astype(int)

    def track(values: list[float]) -> NDArray[np.float64]:
        """The values of the phones over blocks, smoothed into transitions."""
        return uniform_filter1d(np.repeat(np.array(values, float), blocks), 5, mode="nearest")

    formants = [track([PHONES[name].formants[k] * speaker.formant_scale for name in phones]) for k in range(3)]
    voice = np.repeat(track([PHONES[name].voice for name in phones]), BLOCK)
    noise = np.repeat(track([PHONES[name].noise for name in phones]), BLOCK)
    centre = track([PHONES[name].centre for name in phones])

    source = voice * _glottal_pulses(speaker, len(voice), random)
    tract = np.stack([_resonators(f, 60 + 0.03 * f) for f in [*formants, np.full(len(centre), 3600.0)]], 1)
    frication = noise * random.standard_normal(len(noise))
    speech = _time_varying(tract, source) + _time_varying(_resonators(centre, 0.25 * centre)[:, None], frication)
    speech *= speaker.loudness / max(1e-9, float(np.abs(speech).max())) * 3
    room = 6 * random.standard_normal(len(speech))
    samples = np.clip(np.rint(speech + room), -32768, 32767).astype(np.int16)
    return Utterance(samples, phones, (BLOCK * np.cumsum(blocks)).tolist())


def _glottal_pulses(speaker: Speaker, length: int, random: np.random.Generator) -> NDArray[np.float64]:
    """The derivative of the glottal flow, with falling pitch and a slow wander."""
    time = np.linspace(0, 1, length)
    wander = 0.05 * np.sin(2 * np.pi * (random.uniform(1, 3) * time + random.random()))
    phase = np.cumsum(speaker.pitch * (1.1 - 0.25 * time + wander) / RATE) % 1
    opening = np.where(phase < 0.6, phase / 0.6, 0.0)
    return opening * (2 - 3 * opening) * 2 + 0.02 * random.standard_normal(length)


def _resonators(frequency: NDArray[np.float64], bandwidth: NDArray[np.float64]) -> NDArray[np.float64]:
    """y_t = g x_t - a_1 y_{t-1} - a_2 y_{t-2} of unit gain at zero frequency: [g, a_1, a_2] per block, (blocks, 3)."""
    radius = np.exp(-np.pi * bandwidth / RATE)
    a1 = -2 * radius * np.cos(2 * np.pi * np.minimum(frequency, 7500) / RATE)
    a2 = radius**2
    return np.stack([1 + a1 + a2, a1, a2], -1)


def _time_varying(sections: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filters by the resonators of each block one after another, (blocks, resonators, 3).

    A resonator is a triangular system with the diagonals 1, a_1 and a_2, which BLAS solves for a whole sentence at
    once; the coefficients that y_t is multiplied by are those of the block of t.
    """
    for gain, a1, a2 in np.repeat(sections, BLOCK, axis=0).transpose(1, 2, 0):
        x = dtbsv(2, np.stack([np.ones_like(a1), a1, a2]), gain * x, lower=1, diag=1)
    return x
