"""Runs cells as processes of this machine, several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.cell import Cell, CellProcess
from benchmark.sharing import Sharing
from benchmark.sweep_display import SweepDisplay

POLL_SECONDS = 0.2


def run_locally(
    cells: Sequence[Cell],
    out: Path,
    common: Sequence[str],
    sharing: Sharing,
    display: SweepDisplay,
    check_stop: Callable[[], None],
) -> None:
    """Runs cells in their order; how each ended goes to the display.

    A cell that another process works on, such as the same sweep in another terminal or a run that outlived a sweep that
    was killed, is waited for instead of being run twice.

    Args:
        cells: what to run.
        out, common: see `CellProcess`.
        sharing: how many at a time, and what each may use.
        display: is told about everything.
        check_stop: raises Interrupted; the cells save what they have done before this function passes it on.
    """
    waiting = list(cells)
    running: dict[int, CellProcess] = {}
    try:
        while waiting or running:
            check_stop()
            for slot in [slot for slot, process in running.items() if process.ended]:
                process = running.pop(slot)
                if process.refused:
                    waiting.insert(0, process.cell)
                else:
                    display.ended(process.cell, process.failure)
            for slot in set(range(sharing.jobs)) - set(running):
                cell = _take(waiting, out, display)
                if cell:
                    try:
                        running[slot] = CellProcess(cell, out, common, sharing.environment(slot))
                    except OSError as error:
                        display.ended(cell, f"it cannot be started: {error}")
            display.show([running[slot].cell for slot in sorted(running)], len(waiting))
            time.sleep(POLL_SECONDS)
    finally:
        for process in running.values():
            process.ask_to_stop()
        for process in running.values():
            process.wait()


def _take(waiting: list[Cell], out: Path, display: SweepDisplay) -> Cell | None:
    """Removes the first cell that no other process works on. One that another process has finished is done."""
    for cell in list(waiting):
        folder = cell.folder(out)
        if folder.held:
            display.held(cell)
            continue
        waiting.remove(cell)
        if folder.state != "done":
            return cell
        display.ended(cell, None)
    return None
