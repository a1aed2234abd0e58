import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from audiobooks import noise, write, write_audiobook
from filelock import FileLock

from benchmark.data.decode import decode
from benchmark.data.prepare import prepare_blizzard
from benchmark.data.prepared import MappedRecordings, damaged_recordings, read_index
from benchmark.data.speech import sample_statistics
from benchmark.errors import UserError

ROOT = Path(__file__).parents[3]
COMMAND = """
import sys
from pathlib import Path
from benchmark.command import run_command
from benchmark.data.prepare import prepare_blizzard

if __name__ == "__main__":
    run_command(lambda: None if prepare_blizzard(Path(sys.argv[1]), Path(sys.argv[2]), workers=1) else None)
"""


def written(out):
    """When each file of a prepared folder was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "recordings").iterdir()}


@pytest.fixture
def start(tmp_path):
    """Starts the preparation in a process of its own."""
    script = tmp_path / "prepare_in_a_process.py"
    script.write_text(COMMAND)
    started = []

    def start(source, out, **options):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        arguments = [sys.executable, str(script), str(source), str(out)]
        started.append(subprocess.Popen(arguments, env=environment, cwd=ROOT, **pipes, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_mixed_tree(tmp_path, capsys):
    source, out = write_audiobook(tmp_path / "source", 7), tmp_path / "out"
    (source / "empty.wav").touch()
    (source / "text.mp3").write_text("not audio")
    (source / "notes.txt").write_text("not looked at")
    (source / "Book0/copy.wav").write_bytes((source / "Book0/Chapter_00.wav").read_bytes())
    write(source / "short.wav", noise(1, seconds=0.5))
    inventory = prepare_blizzard(source, out, workers=2)
    assert len(inventory.recordings) == 7
    assert {s.name: s.reason for s in inventory.skipped} == {
        "book0/copy": "the same samples as book0/chapter_00",
        "empty": "an empty file",
        "short": "0.500 s long; a sequence takes 0.5125 s",
        "text": "cannot be decoded: damaged, or no recording (libsndfile error 7)",
    }
    printed = capsys.readouterr().out
    assert "skipped empty: an empty file" in printed
    assert "7 recordings (5 train, 1 valid, 1 test), 0.00 hours, 4 skipped" in printed
    assert read_index(out) == inventory
    assert damaged_recordings(out, inventory) == []

    index = json.loads((out / "index.json").read_text())
    for entry in index["recordings"]:
        path, samples = source / entry["source"], np.fromfile(out / entry["file"], "<i2")
        assert np.array_equal(samples, np.concatenate(list(decode(path))))
        assert entry["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert entry["sha256"] == hashlib.sha256(samples.tobytes()).hexdigest()
        assert entry["samples"] == len(samples)
    statistics = sample_statistics(MappedRecordings(out, inventory.of("train")))
    assert (index["train_mean"], index["train_std"]) == statistics
    assert [entry["split"] for entry in index["recordings"]] == list(inventory.splits.values())


def test_what_is_finished_is_kept_and_what_is_not_is_made_again(tmp_path):
    source, out = write_audiobook(tmp_path / "source", 4), tmp_path / "out"
    first = prepare_blizzard(source, out, workers=1)
    before = written(out)
    (out / "recordings/.half.i16.1.partial").write_bytes(b"half")
    assert prepare_blizzard(source, out, workers=1) == first
    assert written(out) == before

    cut, undone, changed, kept = first.recordings
    os.truncate(out / cut.file, 100)
    (out / undone.file).with_suffix(".json").unlink()
    write(source / changed.source, noise(99), 16000)
    second = prepare_blizzard(source, out, workers=1)
    assert (second.recordings[0], second.recordings[1], second.recordings[3]) == (cut, undone, kept)
    assert second.recordings[2].sha256 != changed.sha256
    assert damaged_recordings(out, second) == []
    after = written(out)
    stem = Path(kept.file).stem
    assert {name for name in after if after[name] == before.get(name)} == {f"{stem}.i16", f"{stem}.json"}


def test_damage_to_a_prepared_recording_is_found(tmp_path):
    out = tmp_path / "out"
    inventory = prepare_blizzard(write_audiobook(tmp_path / "source"), out, workers=1)
    recording = inventory.recordings[1]
    with (out / recording.file).open("r+b") as file:
        file.write(b"\x01\x02\x03")
    assert damaged_recordings(out, inventory) == [recording]


def wait_until(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_resumes_after_kill_9_and_after_sigterm(tmp_path, start):
    source, out = tmp_path / "source", tmp_path / "out"
    for number in range(12):
        write(source / f"{number:02d}.wav", np.roll(noise(0, 44100, 60), number), 44100)

    def finished():
        return set(out.glob("recordings/*.json"))

    process = start(source, out)
    wait_until(lambda: len(finished()) >= 2, process)
    process.kill()
    process.wait()
    kept = written(out)
    assert 2 <= len(finished()) < 12
    assert not (out / "index.json").exists()
    with pytest.raises(UserError, match="its preparation was not finished; repeat"):
        read_index(out)

    process = start(source, out)
    wait_until(lambda: len(finished()) >= 4, process)
    process.send_signal(signal.SIGTERM)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert error.endswith("interrupted by SIGTERM; repeat the command to go on\n")
    assert "Traceback" not in output + error
    assert len(finished()) < 12

    resumed = prepare_blizzard(source, out, workers=2)
    assert len(resumed.recordings) == 12
    assert damaged_recordings(out, resumed) == []
    assert not list(out.rglob("*.partial"))
    complete = [name for name in kept if name.endswith(".json")]
    complete += [name.replace(".json", ".i16") for name in complete]
    assert {name: written(out)[name] for name in complete} == {name: kept[name] for name in complete}


def test_a_full_disk_is_one_sentence(tmp_path, start):
    """A limit on the size of files fails in the same place, with another number."""
    source = write_audiobook(tmp_path / "source")
    limit = (20_000, 20_000)
    process = start(source, tmp_path / "out", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "error: the disk of" in error
    assert "finished recordings are kept: free some space and repeat the command" in error
    assert "Traceback" not in error


def test_mistakes_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"--source names .*absent, which is not a folder"):
        prepare_blizzard(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(UserError, match=r"holds no \.wav, \.flac, \.mp3 file"):
        prepare_blizzard(tmp_path, tmp_path / "out")
    source = write_audiobook(tmp_path / "source", 2)
    with pytest.raises(UserError, match=r"source holds 2 usable recording\(s\) and 0 unusable"):
        prepare_blizzard(source, tmp_path / "out", workers=1)
    assert not (tmp_path / "out/index.json").exists()
    with FileLock(tmp_path / "out/.lock"), pytest.raises(UserError, match="another process is preparing"):
        prepare_blizzard(source, tmp_path / "out")
    with pytest.raises(ValueError, match="workers must be a whole number"):
        prepare_blizzard(source, tmp_path / "out", workers=0)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"recordings": [{}]}',
        '{"recordings": [], "skipped": [1], "format": 1}',
        '{"recordings": [], "skipped": [], "format": 1}',
    ],
)
def test_a_damaged_index_is_one_sentence(tmp_path, content):
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(UserError, match="a damaged index; repeat"):
        read_index(tmp_path)


def test_a_preparation_in_its_first_recording_is_unfinished(tmp_path):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings/.0a1b.i16.17.partial").write_bytes(b"half")
    with pytest.raises(UserError, match="its preparation was not finished"):
        read_index(tmp_path)


def test_an_index_and_its_files_belong_together(tmp_path):
    out = tmp_path / "out"
    inventory = prepare_blizzard(write_audiobook(tmp_path / "source"), out, workers=1)
    os.truncate(out / inventory.recordings[0].file, 10)
    with pytest.raises(UserError, match=r"\(book0/chapter_00\) is missing or cut short"):
        read_index(out)
    index = json.loads((out / "index.json").read_text())
    (out / "index.json").write_text(json.dumps(index | {"format": 0}))
    with pytest.raises(UserError, match="prepared by another version"):
        read_index(out)
