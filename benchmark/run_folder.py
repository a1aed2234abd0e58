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
from benchmark.errors import UserError
from benchmark.files import write_atomically


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
        UserError: on entering, if another process holds the run.
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
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
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
        """The record of a finished run."""
        path = self.path / "record.json"
        if not path.is_file():
            return None
        try:
            record: dict[str, Any] = json.loads(path.read_text())
            complete = record["run_id"] == self.identifier and {"dataset", "results", "label", "seed"} <= set(record)
        except (ValueError, TypeError, KeyError):
            complete = False
        if not complete:
            raise UserError(f"{path}: damaged record; repeat the run with --fresh")
        return record

    @property
    def state(self) -> str:
        """'done' if its record is among the records, 'interrupted' if there are checkpoints, else 'missing'."""
        try:
            if json.loads(self.record_copy.read_bytes())["run_id"] == self.identifier:
                return "done"
        except (OSError, ValueError, TypeError, KeyError):
            pass
        return "interrupted" if any((self.path / "checkpoints").glob("*.pt")) else "missing"

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
