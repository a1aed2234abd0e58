"""Checkpoints that survive anything: written aside, synced, then renamed; named after their own content."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmark.files import write_atomically

KEPT = 2
NAME = re.compile(r"update-(\d{9})-([0-9a-f]{16})\.pt")


def to_bytes(state: Any) -> bytes:
    """`state` as torch.save writes it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def save_checkpoint(folder: Path, update: int, state: dict[str, Any]) -> Path:
    """Writes a checkpoint and removes all but the newest two.

    The name holds the update and the start of the content's SHA-256, so that any damage can be told.
    """
    content = to_bytes(state)
    path = folder / f"update-{update:09d}-{hashlib.sha256(content).hexdigest()[:16]}.pt"
    write_atomically(path, content)
    os.utime(path)  # a state that was saved before counts as the newest again
    for old in checkpoints(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints, the newest first."""
    found = [path for path in folder.glob("update-*.pt") if NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path.name.split("-")[1], path.stat().st_mtime_ns), reverse=True)


def load_newest(folder: Path, report: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest checkpoint whose content is what its name says; None if there is none.

    A damaged one is reported, set aside, and the one before it is used.
    """
    found = checkpoints(folder)
    for number, path in enumerate(found, 1):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest()[:16] == path.stem.rpartition("-")[2]:
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            return state
        path.rename(path.with_suffix(".damaged"))
        then = "starting anew" if number == len(found) else "going on from the one before it"
        report(f"checkpoint {path.name} is damaged and was set aside; {then}")
    return None
