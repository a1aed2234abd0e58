"""What another process does in the folder of a run."""

from pathlib import Path


def newest_update(folder: Path) -> int:
    """Of the checkpoints of a run, -1 before the first; by their names, since they may vanish at any moment."""
    return max((int(path.name.split("-")[1]) for path in (folder / "checkpoints").glob("update-*.pt")), default=-1)
