import numpy as np
import pytest

from benchmark.data import load_dataset


def test_real_recordings(real_data):
    data = load_dataset("blizzard", real_data, source="sample")
    assert data.counts == {"train": 8, "valid": 1, "test": 1}
    recordings = [r for split in (data.train, data.valid, data.test) for r in split.recordings]
    assert sum(map(len, recordings)) / 16000 == pytest.approx(1072, abs=0.5)
    assert len(data.train) + len(data.valid) + len(data.test) == sum((len(r) // 200 - 1) // 40 for r in recordings)
    targets = np.concatenate([data.train[index].targets for index in range(len(data.train))])
    assert targets.mean() == pytest.approx(0, abs=2e-3)
    assert targets.std() == pytest.approx(1, abs=5e-3)
