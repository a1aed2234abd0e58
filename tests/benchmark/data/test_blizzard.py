from pathlib import Path

import numpy as np
import pytest
from audiobooks import noise, write, write_audiobook

from benchmark.data import blizzard, load_dataset
from benchmark.data.prepare import prepare_blizzard
from benchmark.data.speech import sample_statistics
from benchmark.errors import UserError

pytestmark = pytest.mark.usefixtures("no_data")


def samples_of(split, index):
    inputs, targets = split[index]
    joined = np.concatenate([inputs[:1], targets]).reshape(-1)
    return np.rint(joined * split.deviation + split.mean).astype(int)


@pytest.mark.parametrize("folder", ["blizzard", "audiobook"])
def test_prepared_or_not_the_data_are_the_same(tmp_path, folder):
    source = write_audiobook(tmp_path / "raw" / folder, 6)
    (source / "damaged.mp3").write_text("not audio")
    prepare_blizzard(source, tmp_path / "prepared" / folder, workers=1)
    raw = load_dataset("blizzard", tmp_path / "raw")
    prepared = load_dataset("blizzard", tmp_path / "prepared")
    assert raw.source == prepared.source == "sample"
    assert raw.description == prepared.description == f"recordings by one reader ({folder}), 0.00 hours, 1 left out"
    assert raw.counts == prepared.counts == {"train": 4, "valid": 1, "test": 1}
    assert raw.fingerprint == prepared.fingerprint
    assert raw.statistics == prepared.statistics
    mean, deviation = sample_statistics(raw.train.recordings)
    assert raw.statistics == {"mean": mean, "std": deviation}
    for name in ("train", "valid", "test"):
        ours, theirs = getattr(raw, name), getattr(prepared, name)
        assert len(ours) == len(theirs) > 0
        assert all(np.array_equal(ours[i].targets, theirs[i].targets) for i in range(len(ours)))


def test_a_target_is_the_next_frame_of_the_same_recording(tmp_path):
    lengths = [20_000, 8_200, 8_399, 16_199, 16_200, 9_000]
    for number, length in enumerate(lengths):
        # Which recording a sample is of can be told from its value, and where in it up to a period of 4000.
        samples = (4000 * number - 12_000 + np.arange(length) % 4000).astype(np.int16)
        write(tmp_path / f"audiobook/{number}.wav", samples)
    data = load_dataset("blizzard", tmp_path)
    found = []
    for split in (data.train, data.valid, data.test):
        for index in range(len(split)):
            samples = samples_of(split, index)
            assert split.steps[index] == 40
            assert len(samples) == 41 * 200
            number = (samples[0] + 12_000) // 4000
            position = 8000 * sum(number == other for other in found)
            assert np.array_equal(samples, 4000 * number - 12_000 + (position + np.arange(8200)) % 4000)
            found.append(number)
            successor = split.successor[index]
            last = position + 16_200 > lengths[number]
            assert successor == (-1 if last else index + 1)
    assert {number: found.count(number) for number in range(6)} == {0: 2, 1: 1, 2: 1, 3: 1, 4: 2, 5: 1}


def test_over_a_hundred_prepared_hours_are_the_full_corpus(tmp_path, monkeypatch):
    prepare_blizzard(write_audiobook(tmp_path / "raw"), tmp_path / "blizzard", workers=1)
    prepare_blizzard(write_audiobook(tmp_path / "raw"), tmp_path / "audiobook", workers=1)
    with pytest.raises(UserError, match=r"'full' was not found; looked for .* more than 100 hours, below .*licensed"):
        load_dataset("blizzard", tmp_path, source="full")
    monkeypatch.setattr(blizzard, "FULL_HOURS", 1e-4)
    data = load_dataset("blizzard", tmp_path)
    assert (data.source, data.description) == ("full", "Blizzard 2013, 0.00 hours")
    assert load_dataset("blizzard", tmp_path, source="sample").description.startswith("recordings by one reader")


def test_a_long_unprepared_folder_has_to_be_prepared(tmp_path, monkeypatch):
    write_audiobook(tmp_path / "blizzard")
    monkeypatch.setattr(blizzard, "DECODED_HOURS", 1e-4)
    with pytest.raises(UserError, match=r"too many to decode at every start; prepare them once with python -m"):
        load_dataset("blizzard", tmp_path)


def test_an_unfinished_preparation_is_not_passed_over(tmp_path):
    prepare_blizzard(write_audiobook(tmp_path / "raw"), tmp_path / "blizzard", workers=1)
    (tmp_path / "blizzard/index.json").unlink()
    with pytest.raises(UserError, match="its preparation was not finished"):
        load_dataset("blizzard", tmp_path)
    assert load_dataset("blizzard", tmp_path, source="embedded").source == "embedded"


def test_sequences_longer_than_the_recordings_are_refused(tmp_path):
    write_audiobook(tmp_path / "audiobook")
    with pytest.raises(ValueError, match="no recording of the train split holds a sequence of 400 frames"):
        load_dataset("blizzard", tmp_path, segment_frames=400)
    for number in range(4):
        write(tmp_path / f"silence/audiobook/{number}.wav", np.zeros(10_000 + number, np.int16))
    with pytest.raises(ValueError, match="the training recordings are silent"):
        load_dataset("blizzard", tmp_path / "silence")


@pytest.mark.parametrize("source", ["full", "sample"])
def test_a_source_that_is_missing_says_where_it_looked(tmp_path, source):
    (tmp_path / "blizzard").mkdir()
    with pytest.raises(UserError, match=f"'{source}' was not found; looked for .* below {tmp_path}"):
        load_dataset("blizzard", tmp_path, source=source)
    with pytest.raises(UserError, match="ZFORCING_DATA"):
        load_dataset("blizzard", source=source)


def test_the_embedded_default_is_one_voice_in_long_form(tmp_path):
    data = load_dataset("blizzard", tmp_path)
    assert data.source == "embedded"
    assert data.counts == {"train": 10, "valid": 1, "test": 1}
    assert data.protocols == ("segment40",)
    assert min(len(recording) for recording in data.train.recordings) > 15 * 16000
    assert (data.train.successor >= 0).sum() == len(data.train) - 10
    blizzard._synthesise_corpus.cache_clear()
    assert load_dataset("blizzard").fingerprint == data.fingerprint


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_prepared_samples_stay_on_the_disk(tmp_path):
    for number in range(8):
        write(tmp_path / f"raw/{number}.wav", noise(number, seconds=3))
    prepare_blizzard(tmp_path / "raw", tmp_path / "blizzard", workers=1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    data = load_dataset("blizzard", tmp_path)
    sequences = [data.train[index] for index in range(len(data.train))]
    assert len(sequences) == 6 * 5
    assert isinstance(data.train.recordings[0], np.memmap)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
