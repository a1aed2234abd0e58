import math
from fractions import Fraction

import numpy as np
import pytest
import soundfile
from corpora import noise

from benchmark.data import load_dataset
from benchmark.data.speech import (
    SampleSums,
    recording_segments,
    sample_statistics,
    stream_segments,
    whole_recordings,
)


def counting(length, start=0):
    return np.arange(start, start + length).astype(np.int16)


def test_utterances_predict_each_frame_from_the_one_before():
    split = whole_recordings([counting(1050), counting(420)], 100, mean=0.0, deviation=1.0)
    assert split.steps.tolist() == [9, 3]
    inputs, targets = split[0]
    assert inputs.shape == targets.shape == (9, 100)
    assert np.array_equal(inputs.reshape(-1), np.arange(900))
    assert np.array_equal(targets.reshape(-1), np.arange(100, 1000))


def test_segments_cut_the_joined_stream():
    split = stream_segments([counting(1050), counting(1000, 1050)], 4, 100, mean=0.0, deviation=1.0)
    assert len(split) == 4  # 20 frames: 19 with a predecessor, 4 segments of 4, 3 left out
    targets = np.concatenate([split[index].targets for index in range(4)])
    assert np.array_equal(targets.reshape(-1), np.arange(100, 1700))
    assert np.array_equal(split[1].inputs[0], split[0].targets[-1])


def test_chunks_hold_the_same_frames_in_groups():
    split = whole_recordings([noise(0, 1050), noise(1, 420)], 100, mean=3.0, deviation=2.0)
    chunks = split.chunked(4)
    assert chunks.steps.tolist() == [4, 4, 1, 3]
    assert chunks.group.tolist() == [0, 0, 0, 1]
    assert chunks.groups == split.groups == 2
    joined = np.concatenate([chunks[index].targets for index in range(3)])
    assert np.array_equal(joined, split[0].targets)


def test_statistics_are_exact():
    recordings = [noise(seed, 5000) for seed in range(3)]
    joined = np.concatenate(recordings).astype(np.float64)
    mean, deviation = sample_statistics(recordings)
    assert mean == pytest.approx(joined.mean(), rel=1e-14)
    assert deviation == pytest.approx(joined.std(), rel=1e-14)


def test_statistics_come_from_training_alone(no_data):
    data = load_dataset("timit")
    mean, deviation = sample_statistics(data.train.recordings)
    assert data.statistics == {"mean": mean, "std": deviation}
    assert (data.test.mean, data.valid.deviation) == (mean, deviation)


def test_bits_per_sample_of_a_unit_gaussian(no_data):
    """A model that knows only the training mean and deviation pays the entropy of that Gaussian."""
    data = load_dataset("timit")
    steps = 50
    log_likelihood = -0.5 * math.log(2 * math.pi * math.e) * steps * data.data_size
    bits = data.derived_units(log_likelihood, steps)["bits_per_sample"]
    assert bits == pytest.approx(0.5 * math.log2(2 * math.pi * math.e * data.statistics["std"] ** 2))


def test_waveforms_survive_the_round_trip(no_data, tmp_path):
    data = load_dataset("timit")
    original = data.test[0].targets
    samples = data.test.recordings[0][200 : 200 + original.size]
    assert np.abs(data.waveform(original).astype(int) - samples).max() <= 1
    paths = data.write_samples(tmp_path, original[None, :40], original[None, :40])
    assert [path.name for path in paths] == ["original_0.wav", "generated_0.wav", "waveforms.png"]
    written, rate = soundfile.read(paths[0], dtype="int16")
    assert rate == 16000
    assert np.array_equal(written, data.waveform(original[:40]))


def test_sums_are_exact_for_the_loudest_samples():
    samples = np.full(3_000_000, -32768, np.int16)
    samples[0] = 32767
    sums = SampleSums.of(samples)
    assert sums == SampleSums(3_000_000, -32768 * 2_999_999 + 32767, 2**30 * 2_999_999 + 32767**2)
    assert sum((SampleSums.of(part) for part in np.array_split(samples, 7)), SampleSums()) == sums
    mean = Fraction(sums.total, sums.count)
    variance = Fraction(sums.squares, sums.count) - mean**2  # about 1433, of squares near 1e9
    assert sums.mean == float(mean)
    assert sums.deviation == pytest.approx(math.sqrt(variance), rel=1e-15)


def test_segments_of_recordings_straddle_none():
    recordings = [counting(1050), counting(350, 2000), counting(150, 3000), counting(900, 4000)]
    split = recording_segments(recordings, 2, 100, mean=0.0, deviation=1.0)
    # 10, 3, 1 and 9 frames: 9, 2, 0 and 8 have a predecessor
    assert split.recording.tolist() == [0, 0, 0, 0, 1, 3, 3, 3, 3]
    assert split.group.tolist() == list(range(9))
    assert split.successor.tolist() == [1, 2, 3, -1, -1, 6, 7, 8, -1]
    for index in range(9):
        inputs, targets = split[index]
        assert np.array_equal(targets, inputs + 100)
    for index, successor in enumerate(split.successor):
        if successor >= 0:
            assert np.array_equal(split[successor].inputs[0], split[index].targets[-1])
    whole = whole_recordings(recordings[:2], 100, mean=0.0, deviation=1.0)
    assert whole.successor.tolist() == [-1, -1]
    assert (whole.chunked(4).successor == -1).all()  # each starts from a zero state
    assert len(recording_segments(recordings, 40, 100, 0.0, 1.0).successor) == 0
