"""The log of a run: one JSON object per line, and TensorBoard events beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class MetricsLog:
    """Appends to metrics.jsonl; each line has a `type`, 'train' or 'validation', and the `update` it was made at.

    Args:
        folder: of the run.
        update, size: where a checkpoint says the log stood; what was written after it is dropped, because it will be
            written again. None and 0 for a new run.

    Attributes:
        lost: the file was shorter than `size`.
    """

    def __init__(self, folder: Path, update: int | None = None, size: int = 0) -> None:
        self.path = folder / "metrics.jsonl"
        self.path.touch()
        self._file = self.path.open("r+b")
        found = self.path.stat().st_size
        self.lost = found < size
        self._file.truncate(min(size, found))
        self._file.seek(0, os.SEEK_END)
        self._events = SummaryWriter(str(folder / "tensorboard"), purge_step=0 if update is None else update + 1)

    def write(self, kind: str, update: int, values: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, "update": update, **values})
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self._events.add_scalar(f"{kind}/{name}", value, update)

    def sync(self) -> int:
        """Brings everything to the disk; the size is what a checkpoint keeps."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        self._events.close()
