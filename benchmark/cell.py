"""A cell of a sweep: one run, and the process that works on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.errors import InUse
from benchmark.run_folder import RunFolder

LOG = "output.log"
TAIL_BYTES = 1 << 14  # of a log; its last lines are looked for there


class Cell(NamedTuple):
    """One run of a sweep.

    Attributes:
        number: its place in the list, from 1.
        run_id: of the run.
        label: the row of a table that it fills.
        arguments: of `benchmark.run`: gin files, bindings and seed.
        updates: the most that its training makes.
        device: the kind that it computes on.
    """

    number: int
    run_id: str
    label: str
    arguments: tuple[str, ...]
    updates: int
    device: str

    @property
    def title(self) -> str:
        return f"[{self.number}] {self.run_id}"

    def folder(self, out: Path) -> RunFolder:
        return RunFolder(out, self.run_id)

    def progress(self, out: Path) -> float:
        """The part of the training that is done, from the log of its metrics."""
        for line in reversed(_last_lines(self.folder(out).path / "metrics.jsonl")):
            try:
                return min(1.0, int(json.loads(line)["update"]) / self.updates)
            except (ValueError, TypeError, KeyError):
                continue  # half a line, at the start of the tail or while it is written
        return 0.0


class CellProcess:
    """`python -m benchmark.run` for a cell. What it prints is appended to a log in the folder of the run.

    It stops when the process that made it is gone, and hears no signal that is meant for that process.

    Args:
        cell: the cell.
        out: the results folder.
        common: further arguments of every cell.
        environment: variables to set.
    """

    def __init__(self, cell: Cell, out: Path, common: Sequence[str], environment: Mapping[str, str]) -> None:
        self.cell = cell
        self.folder = cell.folder(out)
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.log = self.folder.path / LOG
        self._before = self.log.stat().st_size if self.log.exists() else 0
        command = [sys.executable, "-m", "benchmark.run", *cell.arguments, *common, "--out", str(out)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def refused(self) -> bool:
        """Whether it ended because another process was faster to take the run."""
        return self._process.returncode == InUse.status

    @property
    def failure(self) -> str | None:
        """Why the run failed and where its log is, once it has ended; None if it is finished, however it ended."""
        return None if self.folder.state == "done" else f"{self._reason} ({self.log})"

    @property
    def _reason(self) -> str:
        status = self._process.returncode
        if status == 0:
            return f"it ran as another run than {self.cell.run_id}: its data, device or software differ from the plan's"
        if status < 0:
            hint = ", as the system does for lack of memory" if -status == signal.SIGKILL else ""
            return f"killed by {signal.Signals(-status).name}{hint}"
        printed = [line for line in _last_lines(self.log, self._before) if line.strip()]
        sentence = next((line for line in reversed(printed) if line.startswith("error: ")), None)
        return (sentence or (printed or [f"exit status {status}"])[-1]).removeprefix("error: ").strip()

    def ask_to_stop(self) -> None:
        """Has the run save what it has done and end."""
        self._process.terminate()

    def wait(self) -> None:
        self._process.wait()


def _last_lines(path: Path, start: int = 0) -> list[str]:
    """The last lines of a text from the byte `start` on; the first of them may be half a line."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - TAIL_BYTES))
            return file.read().decode(errors="replace").replace("\r", "\n").splitlines()
    except OSError:
        return []
