"""Small trees of recordings of many forms, made by the tests."""

import numpy as np
import soundfile


def tone(rate, seconds=2, frequency=440.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate)


def noise(seed, rate=16000, seconds=1.5):
    return np.clip(0.1 * np.random.default_rng(seed).standard_normal(round(rate * seconds)), -1, 1)


def write(path, samples, rate=16000, **form):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **form)
    return path


def write_audiobook(root, count=4, seconds=1.5):
    """`count` usable recordings of different forms in two folders."""
    forms = [
        ("wav", {"rate": 44100}),
        ("mp3", {"rate": 16000}),
        ("flac", {"rate": 22050}),
        ("WAV", {"rate": 16000, "subtype": "PCM_U8", "format": "WAV"}),
    ]
    for number in range(count):
        suffix, form = forms[number % len(forms)]
        path = root / f"Book{number % 2}" / f"Chapter_{number:02d}.{suffix}"
        write(path, noise(number, form["rate"], seconds + 0.1 * number), **form)
    return root
