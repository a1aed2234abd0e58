import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmark.checkpoint import checkpoints, load_newest, save_checkpoint
from benchmark.files import write_atomically


def save(folder, update, value=None):
    return save_checkpoint(folder, update, {"value": torch.full((1000,), float(value or update))})


def loaded(folder):
    messages = []
    state = load_newest(folder, messages.append)
    return (None if state is None else state["value"][0].item()), messages


def test_the_newest_two_are_kept(tmp_path):
    for update in (1, 2, 30):
        save(tmp_path, update)
    assert [path.name.split("-")[1] for path in checkpoints(tmp_path)] == ["000000030", "000000002"]
    assert loaded(tmp_path) == (30.0, [])


def test_the_later_of_two_at_one_update_is_the_newest(tmp_path):
    for value in (1, 2, 1):
        save(tmp_path, 7, value)
        assert loaded(tmp_path) == (float(value), [])
        time.sleep(0.01)


def test_nothing_to_load(tmp_path):
    assert loaded(tmp_path / "absent") == (None, [])


DAMAGES = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "one bit": lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_reported_and_the_one_before_is_used(tmp_path, damage):
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    value, messages = loaded(tmp_path)
    assert value == 1.0
    assert len(messages) == 1
    assert newest.name in messages[0]
    assert "the one before it" in messages[0]
    assert loaded(tmp_path) == (1.0, [])
    checkpoints(tmp_path)[0].write_bytes(b"")
    value, messages = loaded(tmp_path)
    assert value is None
    assert "starting anew" in messages[0]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_atomically(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


ENDLESS_WRITER = """
import sys, torch
from pathlib import Path
from benchmark.checkpoint import save_checkpoint
update = 0
while True:
    update += 1
    save_checkpoint(Path(sys.argv[1]), update, {"value": torch.full((1_000_000,), float(update)), "update": update})
    print(update, flush=True)
"""


def test_kill_at_any_moment_of_writing(tmp_path):
    """Whenever the writer dies, the newest checkpoint is whole and not older than the last one it reported."""
    for delay in (0.0, 0.003, 0.007, 0.012, 0.02):
        folder = tmp_path / str(delay)
        command = [sys.executable, "-c", ENDLESS_WRITER, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            for _ in range(5):
                writer.stdout.readline()
            time.sleep(delay)
            writer.kill()
            reported = [5, *map(int, writer.stdout.read().split())]
        messages = []
        state = load_newest(folder, messages.append)
        assert messages == []
        assert state["update"] >= reported[-1]
        assert (state["value"] == state["update"]).all()


def test_two_processes_may_write_one_file(tmp_path):
    """As two sweeps of one folder do, which end at the same moment."""
    script = "from pathlib import Path; from benchmark.files import write_atomically\n"
    script += "for _ in range(100): write_atomically(Path('table.md'), b'x' * 100_000)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    processes = [subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["table.md"]
