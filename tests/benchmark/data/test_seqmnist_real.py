import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from benchmark.data import load_dataset
from benchmark.data.mnist_files import find_idx

MD5 = {"train": "6bbc9ace898e44ae57da46a324031adb", "test": "2646ac647ad5339dbf082846283269ea"}


@pytest.fixture
def data(real_data):
    return load_dataset("seqmnist", real_data, source="full", files="idx")


def test_the_files_are_the_well_known_ones(real_data):
    for part, path in find_idx(Path(real_data)).items():
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert hashlib.md5(content).hexdigest() == MD5[part]


def test_counts_and_the_fixed_draw(data):
    assert data.counts == {"train": 50_000, "valid": 10_000, "test": 10_000}
    assert data.fingerprint == "42259d6f9a8e1683850423cdb6eb8f5ef5d3ad73ec34f9a4d56159109900ec07"


def test_the_mean_pixel_is_the_mean_intensity(data):
    """0.1307 and 0.1325 are the means of the training and test images; validation was taken from the former."""
    means = {split: np.unpackbits(np.stack(getattr(data, split).packed)).mean() for split in ("train", "valid", "test")}
    assert (5 * means["train"] + means["valid"]) / 6 == pytest.approx(0.1307, abs=2e-4)
    assert means["test"] == pytest.approx(0.1325, abs=2e-4)
