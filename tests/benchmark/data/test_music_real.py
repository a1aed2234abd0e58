import numpy as np
import pytest

from benchmark.data import load_dataset

KNOWN = {
    "jsb": ((229, 76, 77), 4_725),
    "nottingham": ((694, 173, 170), 44_463),
    "musedata": ((524, 135, 124), 64_339),
}


@pytest.mark.parametrize("corpus", KNOWN)
def test_counts_and_test_steps(real_data, corpus):
    data = load_dataset("music", real_data, source="full", corpus=corpus, segment_steps=None)
    sequences, steps = KNOWN[corpus]
    assert tuple(data.counts.values()) == sequences
    assert data.test.steps.sum() == steps
    assert len(data.test) == data.test.groups == sequences[2]


def test_the_first_chorale(real_data):
    data = load_dataset("music", real_data, source="full")
    assert [tuple(np.flatnonzero(frame) + 21) for frame in data.train[0].targets[:3]] == [
        (60, 72, 79, 88),
        (72, 79, 88),
        (67, 70, 76, 84),
    ]
