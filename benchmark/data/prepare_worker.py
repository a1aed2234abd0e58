"""What a worker process of `benchmark.data.prepare` does: decode one recording into two files."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import BinaryIO, NamedTuple

from benchmark.data.decode import Undecodable, decode
from benchmark.data.prepared import FORMAT, PreparedRecording, file_of, file_size, sha256_of
from benchmark.data.recordings import Skipped, check_length, printable
from benchmark.data.speech import SampleSums
from benchmark.files import write_atomically

_stopping: Event


class Job(NamedTuple):
    """One recording to prepare: its name, its path below `source`, and the folder to write to."""

    name: str
    relative: str
    source: Path
    out: Path


class Stopped(Exception):
    """The parent process wants no more results."""


def start_worker(stopping: Event) -> None:
    """Readies a process; it stops at the next block once `stopping` is set."""
    global _stopping
    _stopping = stopping
    # Ctrl-C reaches the whole process group; the parent says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The MP3 decoder complains on stderr about what is reported as a damaged recording anyway.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Without this, a worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def prepare_recording(job: Job) -> PreparedRecording | Skipped:
    """Decodes one recording, unless that has been done.

    Raises:
        OSError: a file cannot be written.
        Stopped: the parent process is ending.
    """
    path = job.source / job.relative
    try:
        source_sha256 = _sha256_of_source(path)
        return _finished(job, source_sha256) or _decode_into_files(job, path, source_sha256)
    except Undecodable as error:
        return Skipped(job.name, str(error))


def _sha256_of_source(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise Undecodable(f"cannot be read ({error.strerror})") from error


def _finished(job: Job, source_sha256: str) -> PreparedRecording | None:
    """What an earlier call made of the same source, if it is still there."""
    try:
        content = json.loads((job.out / file_of(job.name, "json")).read_text())
        recording = PreparedRecording.from_json(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    same = (content.get("format"), recording.name, recording.source_sha256) == (FORMAT, job.name, source_sha256)
    return recording if same and file_size(job.out / recording.file) == 2 * recording.samples else None


def _decode_into_files(job: Job, path: Path, source_sha256: str) -> PreparedRecording:
    """Samples first, then the file that says they are complete."""
    digest, sums = hashlib.sha256(), SampleSums()
    with _replacing(job.out / file_of(job.name, "i16")) as file:
        for block in decode(path):
            if _stopping.is_set():
                raise Stopped
            content = block.astype("<i2").tobytes()
            file.write(content)
            digest.update(content)
            sums += SampleSums.of(block)
        check_length(sums.count)
    recording = PreparedRecording(
        job.name, sums.count, digest.hexdigest(), sums, printable(job.relative), source_sha256
    )
    finished = json.dumps(recording.as_json() | {"format": FORMAT}).encode()
    write_atomically(job.out / file_of(job.name, "json"), finished)
    return recording


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once it is complete and on the disk."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
