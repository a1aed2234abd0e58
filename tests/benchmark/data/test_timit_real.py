import numpy as np
import pytest

from benchmark.data import load_dataset
from benchmark.data.phones import NO_CLASS


@pytest.fixture
def data(real_data):
    return load_dataset("timit", real_data, source="sample")


def test_counts_and_duration(data):
    assert data.counts == {"train": 120, "valid": 20, "test": 20}
    assert "known copy" not in data.description
    samples = sum(len(recording) for split in (data.valid, data.test) for recording in split.recordings)
    samples += len(data.train.recordings[0])
    assert samples / 16000 == pytest.approx(490.1, abs=0.05)


def test_training_data_are_normalised(data):
    frames = np.concatenate([data.train[index].targets for index in range(len(data.train))])
    assert frames.mean() == pytest.approx(0, abs=2e-3)
    assert frames.std() == pytest.approx(1, abs=5e-3)


def test_every_frame_of_the_sample_but_glottal_stops_has_a_class(real_data):
    data = load_dataset("timit", real_data, source="sample")
    frames = {split: np.concatenate(data.classes(split)) for split in ("train", "valid", "test")}
    assert {split: len(classes) for split, classes in frames.items()} == {
        "train": 29_970,
        "valid": 4_589,
        "test": 4_404,
    }
    left_out = {split: int((classes == NO_CLASS).sum()) for split, classes in frames.items()}
    assert left_out == {"train": 663, "valid": 68, "test": 78}
    assert set(np.concatenate(list(frames.values()))) == {NO_CLASS, *range(39)}
