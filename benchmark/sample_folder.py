"""What a command that writes sequences into a folder leaves beside them: what they are, and which files it wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.errors import UserError
from benchmark.files import write_atomically

INTERPOLATION = "interpolation"  # in the folder of a run
GENERATED, INTERPOLATED = "generated.json", "interpolated.json"  # by which command
FREELY = "drawn freely, each step being the next one's input"


def note_files(folder: Path, name: str, note: str, paths: Iterable[Path]) -> None:
    """Notes what was written into a folder; what the same command wrote there before, and now did not, is removed.

    Args:
        folder: of the files.
        name: GENERATED or INTERPOLATED.
        note: what they are, in words.
        paths: the files.

    Raises:
        UserError: the note of the files before cannot be read.
    """
    names = sorted(path.name for path in paths)
    before = _read(folder / name).get("files", [])
    write_atomically(folder / name, f"{json.dumps({'note': note, 'files': names}, indent=1)}\n".encode())
    for left in set(before) - set(names):
        (folder / Path(left).name).unlink(missing_ok=True)


def read_note(folder: Path) -> str | None:
    """What the files of a folder are, in words; None if nothing is noted.

    Raises:
        UserError: the note cannot be read.
    """
    notes = [_read(folder / name).get("note") for name in (GENERATED, INTERPOLATED)]
    return next(filter(None, notes), None)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        noted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {"note": str(noted["note"]), "files": [str(name) for name in noted["files"]]}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); remove it, or make the samples again") from error
