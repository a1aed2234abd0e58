import tracemalloc

import numpy as np
import pytest
from audiobooks import noise, tone, write
from scipy.signal import resample_poly

from benchmark.data.decode import Undecodable, _filter, decode, resample
from benchmark.data.mpeg import counted_samples


def decoded(path, **options):
    return np.concatenate(list(decode(path, **options)))


def test_what_is_in_the_right_form_comes_out_bit_for_bit(tmp_path):
    samples = np.random.default_rng(0).integers(-32768, 32768, 20_000).astype(np.int16)
    for name in ("a.wav", "a.flac"):
        assert np.array_equal(decoded(write(tmp_path / name, samples), block=777), samples)


FORMS = [
    ("wav", 44100, {}),
    ("wav", 22050, {"subtype": "PCM_24"}),
    ("wav", 11025, {"subtype": "FLOAT"}),
    ("wav", 48000, {"subtype": "PCM_U8"}),
    ("wav", 44099, {}),
    ("flac", 8000, {}),
    ("flac", 96000, {}),
    ("mp3", 16000, {}),
    ("mp3", 44100, {}),
]


@pytest.mark.parametrize(("suffix", "rate", "form"), FORMS)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_keeps_its_length_frequency_phase_and_amplitude(tmp_path, suffix, rate, form, channels):
    path = write(tmp_path / f"tone.{suffix}", np.stack([tone(rate)] * channels, 1), rate, **form)
    samples = decoded(path)
    assert len(samples) == 32_000
    middle = slice(2000, -2000)  # the filter and the codecs ring where the tone begins and ends
    error = samples[middle] / 32768 - tone(16000)[middle]
    tolerance = {"mp3": 0.03, "PCM_U8": 0.01}.get(form.get("subtype", suffix), 1e-4)  # one sample late is 0.08
    assert np.abs(error).max() < tolerance


def test_channels_are_averaged(tmp_path):
    path = write(tmp_path / "a.wav", np.stack([tone(16000), -tone(16000), tone(16000)], 1))
    assert np.abs(decoded(path) / 32768 - tone(16000) / 3).max() < 1e-4


def test_what_16_khz_cannot_hold_is_removed(tmp_path):
    for frequency in (8_100, 12_000, 20_000):
        path = write(tmp_path / "a.wav", tone(44100, frequency=frequency), 44100)
        assert np.abs(decoded(path)[2000:-2000]).max() <= 1  # of 16384: below -84 dB


@pytest.mark.parametrize("rate", [44100, 48000, 8000, 44099])
def test_resampling_in_blocks_is_resampling_the_whole(rate):
    signal = np.random.default_rng(0).standard_normal(2 * rate + 17)
    up, down, taps = _filter(rate)
    whole = resample_poly(signal, up, down, window=taps)
    for size in (997, 30_000, len(signal)):
        blocks = (signal[begin : begin + size] for begin in range(0, len(signal), size))
        assert np.array_equal(np.concatenate(list(resample(blocks, rate))), whole)


@pytest.mark.parametrize(("suffix", "rate"), [("mp3", 16000), ("mp3", 44100), ("flac", 44100), ("wav", 22050)])
def test_the_size_of_blocks_changes_nothing(tmp_path, suffix, rate):
    path = write(tmp_path / f"a.{suffix}", noise(0, rate, 3), rate)
    whole = decoded(path, block=10**6)
    for block in (500, 7777):
        assert np.array_equal(decoded(path, block=block), whole)


def test_loud_values_are_clipped(tmp_path):
    samples = decoded(write(tmp_path / "a.wav", np.full(100, 1.5), subtype="FLOAT"))
    assert set(samples) == {32767}


def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for seconds in (30, 240):
        path = write(tmp_path / "a.wav", np.zeros((44100 * seconds, 2), np.int16), 44100, subtype="PCM_U8")
        tracemalloc.start()
        for _ in decode(path):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 30e6


def mp3(path, mode="VARIABLE"):
    """10 s of noise, then 10 s of a tone, which takes fewer bits."""
    write(path, np.concatenate([noise(0, 44100, 10), tone(44100, 10)]), 44100, bitrate_mode=mode, compression_level=0.3)
    return path.read_bytes()


def without_header(content):
    """Without the first frame, which says how long the file is."""
    return content[content.index(content[:2], 40) :]


def halved(path, content):
    path.write_bytes(content[: len(content) // 2])


def holed(content):
    return content[:50_000] + bytes(10_000) + content[60_000:]


DAMAGES = {
    "empty": ("wav", lambda p: p.write_bytes(b""), "an empty file"),
    "text": ("mp3", lambda p: p.write_text("not audio" * 100), "no recording"),
    "no samples": ("wav", lambda p: write(p, np.zeros(0)), "holds no audio"),
    "cut wav": ("wav", lambda p: halved(p, write(p, noise(0)).read_bytes()), r"cut short: 23\d+ of the 48000 bytes"),
    "cut flac": ("flac", lambda p: halved(p, write(p, noise(0)).read_bytes()), "cannot be decoded: damaged"),
    "cut mp3": ("mp3", lambda p: halved(p, mp3(p, "CONSTANT")), r"cut short: 10\.0 of 20\.0 s"),
    "mp3 with a hole": ("mp3", lambda p: p.write_bytes(holed(mp3(p))), "cut short|damaged"),
    "mp3 without a length": ("mp3", lambda p: p.write_bytes(without_header(mp3(p))), r"reads 4\.6 of 20\.0 s; ffmpeg"),
    "not finite": ("wav", lambda p: write(p, np.full(100, np.nan), subtype="FLOAT"), "not finite after 0.0 s"),
    "odd rate": ("wav", lambda p: write(p, noise(0), 1000), "a sampling rate of 1000 Hz"),
    "missing": ("wav", lambda p: None, "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_recording_says_what_is_wrong(tmp_path, damage):
    suffix, break_it, message = DAMAGES[damage]
    path = tmp_path / f"a.{suffix}"
    break_it(path)
    with pytest.raises(Undecodable, match=message):
        decoded(path)


def test_the_frames_of_an_mp3_are_counted(tmp_path):
    path = tmp_path / "a.mp3"
    content = mp3(path, "CONSTANT")
    assert counted_samples(path) is None  # it says itself
    frames = -(-44100 * 20 // 1152) + 1
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + b"\xff\xfb\x90\x00" * 32  # holds what looks like the start of a frame
    for extended in (without_header(content), tag + without_header(content) + b"TAG" + bytes(125)):
        path.write_bytes(extended)
        assert counted_samples(path) == frames * 1152
        assert len(decoded(path)) == pytest.approx(20 * 16000, abs=1000)
    path.write_bytes(b"\xff" * 1000)
    assert counted_samples(path) is None
