"""The measure of memory that other tests rely on."""

import subprocess
import sys
from pathlib import Path

import pytest
from process_memory import peak_of_tree

ALLOCATE = "block = bytearray(b'1') * (100 * 2**20); import time; time.sleep(1)"


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system does not count shared memory")
def test_the_memory_of_a_grandchild_counts():
    start_another = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ALLOCATE!r}])"
    with subprocess.Popen([sys.executable, "-c", start_another]) as process, peak_of_tree(process.pid, 0.05) as peak:
        process.wait()
    assert 100 * 2**20 < peak[0] < 160 * 2**20
