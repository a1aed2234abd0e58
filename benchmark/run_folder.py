"""The folder of a run: who may write into it, and whether it is finished."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from benchmark import __version__
from benchmark.errors import InUse, UserError
from benchmark.files import write_atomically
from benchmark.records import read_record

ENTER_SECONDS = 1.0  # longer than a look at whether the run is held, which holds it for a moment


def run_id(name: str, seed: int, config_text: str, fingerprint: str, device: str) -> str:
    """A readable name plus a hash of everything that decides the numbers.

    The configuration, the data, the kind of device, the version of torch, and that of this project, which changes
    whenever a change moves numbers.
    """
    import torch  # takes seconds, and what only asks for a run's state does not need it

    identity = json.dumps([config_text, seed, fingerprint, device, torch.__version__, __version__])
    return f"{name}-seed{seed}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


class RunFolder:
    """`out`/runs/<run id>, locked for one process.

    Args:
        out: the results folder.
        identifier: the run's id.
        fresh: throw away what an earlier process left.

    Raises:
        InUse: on entering, if another process holds the run.
    """

    def __init__(self, out: Path, identifier: str, fresh: bool = False) -> None:
        self.identifier = identifier
        self.path = out / "runs" / identifier
        self.record_copy = out / "records" / f"{identifier}.json"
        self._fresh = fresh
        self._lock = FileLock(out / "runs" / f".{identifier}.lock")

    def __enter__(self) -> RunFolder:
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=ENTER_SECONDS)
        except Timeout:
            raise InUse(
                f"another process is working on {self.path}; wait for it or stop it, then repeat the command"
            ) from None
        if self._fresh:
            shutil.rmtree(self.path)
            self.record_copy.unlink(missing_ok=True)
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.rglob(".*.partial"):
            leftover.unlink()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    @property
    def record(self) -> dict[str, Any] | None:
        """The record of a finished run. One that is damaged is none: the run goes on from where it was, to its end."""
        return self._read(self.path / "record.json")

    @property
    def state(self) -> str:
        """'done' if its record is among the records, 'interrupted' if there are checkpoints, else 'missing'."""
        if self._read(self.record_copy):
            return "done"
        return "interrupted" if any((self.path / "checkpoints").glob("*.pt")) else "missing"

    def _read(self, path: Path) -> dict[str, Any] | None:
        try:
            record = read_record(path)
        except UserError:
            return None
        return record if record["run_id"] == self.identifier else None

    @property
    def held(self) -> bool:
        """Whether a process is working on the run."""
        if not Path(self._lock.lock_file).exists():
            return False
        try:
            with self._lock.acquire(timeout=0):
                return False
        except Timeout:
            return True

    def write_text(self, name: str, text: str) -> Path:
        """Writes a file of the run in one piece."""
        write_atomically(self.path / name, text.encode())
        return self.path / name

    def finish(self, record: dict[str, Any]) -> None:
        """Declares the run finished: record.json, and its copy among the records."""
        text = json.dumps(record, indent=1) + "\n"
        self.write_text("record.json", text)
        self.publish()

    def publish(self) -> None:
        """Makes sure that the copy among the records is there."""
        content = (self.path / "record.json").read_bytes()
        if not self.record_copy.is_file() or self.record_copy.read_bytes() != content:
            write_atomically(self.record_copy, content)
