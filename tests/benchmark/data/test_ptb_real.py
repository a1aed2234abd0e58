"""The counts of Mikolov's files and of NLTK's sample, on the files themselves."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.data import load_dataset
from benchmark.data.text import END, UNKNOWN, read_lines
from benchmark.data.treebank import find_sample, read_sample


@pytest.fixture
def full(real_data):
    return load_dataset("ptb", real_data, source="full")


def test_counts_of_mikolovs_files(full):
    assert full.counts == {"train": 42_068, "valid": 3_370, "test": 3_761}
    assert [int(split.steps.sum()) for split in (full.train, full.valid, full.test)] == [929_589, 73_760, 82_430]
    assert [int((split.targets == UNKNOWN).sum()) for split in (full.valid, full.test)] == [3_485, 4_794]
    assert (full.vocabulary.seen, full.data_size) == (10_000, 10_001)
    assert full.vocabulary.symbols[:6] == ("<bos>", "<eos>", "<unk>", "the", "N", "of")
    assert len(np.unique(full.valid.targets)) == 6_021 + 1
    assert len(np.unique(full.test.targets)) == 6_048 + 1


def test_the_first_sentence_of_the_test_split(full):
    assert full.text(full.test[0].targets) == "no it was n't black monday"


def test_the_stream_holds_every_token(real_data, full):
    stream = load_dataset("ptb", real_data, source="full", level="stream")
    assert np.array_equal(stream.train.targets, full.train.targets)
    assert stream.train.steps.sum() == 929_589
    assert stream.fingerprint == full.fingerprint


def test_characters_of_mikolovs_files(real_data):
    data = load_dataset("ptb", real_data, source="full", unit="character")
    assert [len(split.targets) for split in (data.train, data.valid, data.test)] == [5_017_482, 393_042, 442_423]
    assert data.vocabulary.seen == 50


def test_counts_of_the_sample(real_data):
    data = load_dataset("ptb", real_data, source="sample")
    assert sum(data.counts.values()) == 3_914
    assert data.counts == {"train": 3_140, "valid": 423, "test": 351}
    assert (data.train.targets == END).sum() == 3_140
    assert data.vocabulary.seen == 4_396


def test_the_sample_is_made_like_mikolovs_files(real_data, monkeypatch):
    """Nearly all of its sentences are lines of his training file, once the words that he has not kept are <unk>."""
    monkeypatch.setattr("benchmark.data.treebank.RARE", -1)
    splits = read_sample(find_sample(Path(real_data)), require_all=True)
    mikolov, _ = read_lines(Path(real_data) / "ptb/ptb.train.txt")
    words, lines = {word for line in mikolov for word in line}, set(map(tuple, mikolov))
    same = [
        tuple(word if word in words else "<unk>" for word in line) in lines
        for split in splits.values()
        for line in split
    ]
    assert (len(same), sum(same)) == (3_914, 3_910)
