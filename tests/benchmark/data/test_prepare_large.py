"""Memory does not grow with the corpus: python -m pytest --large tests/benchmark/data/test_prepare_large.py"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audiobooks import noise
from process_memory import peak_of_tree

from benchmark.data.prepared import read_index

ROOT = Path(__file__).parents[3]
HOURS = 2.5  # of each recording
FORMS = {"a.wav": 16000, "b.wav": 44100, "c.flac": 16000, "d.flac": 22050}
WORKERS = len(FORMS)  # all recordings at once, which takes the most memory


def write_recording(path, seed, rate):
    """A minute of noise over and over."""
    minute = (32768 * noise(seed, rate, 60)).astype(np.int16)
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as file:
        for _ in range(round(60 * HOURS)):
            file.write(minute)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for seed, (name, rate) in enumerate(FORMS.items()):
        write_recording(folder / name, seed, rate)
    yield folder
    shutil.rmtree(tmp_path)  # three gigabytes


@pytest.mark.large
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not count shared memory")
def test_ten_hours_are_prepared_in_less_than_a_gibibyte(source, tmp_path, capsys):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "benchmark.data", "prepare", "blizzard", "--source", str(source)]
    started = time.monotonic()
    process = subprocess.Popen([*command, "--out", str(out), "--workers", str(WORKERS)], cwd=ROOT)
    with process, peak_of_tree(process.pid) as peak:
        assert process.wait() == 0
    seconds = time.monotonic() - started
    with capsys.disabled():
        print(f"\n{WORKERS} workers on {os.cpu_count()} cores: {peak[0] / 2**20:.0f} MiB at most, {seconds:.0f} s")
    inventory = read_index(out)
    assert inventory.hours == pytest.approx(WORKERS * HOURS, rel=1e-3)
    assert 2**24 < peak[0] < 2**30
