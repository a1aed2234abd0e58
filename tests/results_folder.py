"""A results folder as runs, plots and samples leave it, with made-up contents."""

import wave

import numpy as np
from made_up_records import made_up_record, write_records
from PIL import Image

HOSTILE = "<script>alert('x')</script> & \"quoted\""
RATE = 16_000


def write_results(out, seeds=(1, 2)):
    """Three rows of TIMIT, one of them with a label that must be escaped, and one of the Penn Treebank."""
    records = [made_up_record(label, seed) for label in ("Z-Forcing", HOSTILE) for seed in seeds]
    records += [made_up_record("RNN-Gauss", seed, "LSTM") for seed in seeds]
    records += [made_up_record("VRNN", 1, "VRNN", "CategoricalHead", data="ptb", source="full")]
    write_records(out, records)
    (out / "figures").mkdir()
    write_picture(out / "figures/timit_sample_training.png")
    (out / "figures/further.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    for record in records:
        write_samples(out / "runs" / record["run_id"] / "samples", record)
    return records


def write_samples(folder, record):
    folder.mkdir(parents=True)
    if record["dataset"]["name"] == "ptb":
        (folder / "samples.txt").write_text("original 0\nthe <unk> rose\n\ngenerated 0\na <b>bold</b> move\n")
        return
    write_sound(folder / "original_0.wav", 1.0)
    write_sound(folder / "generated_0.wav", 2.0 + 10 * (record["model"] == "LSTM"))
    write_picture(folder / "waveforms.png", 2400)


def write_sound(path, seconds):
    samples = np.random.default_rng(0).integers(-999, 999, round(seconds * RATE)).astype("<i2")
    with wave.open(str(path), "wb") as recording:
        recording.setparams((1, 2, RATE, 0, "NONE", None))
        recording.writeframes(samples.tobytes())


def write_picture(path, width=80):
    pixels = np.random.default_rng(0).integers(0, 255, (40, width, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
