"""What a user sees of a sweep: a line for every cell that ends, and bars below them while cells run."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tqdm import tqdm

from benchmark.cell import Cell

CELL_BAR = "  {desc} |{bar:20}| {percentage:3.0f}%"
TOTAL_BAR = "sweep |{bar:20}| {desc}"


class SweepDisplay:
    """The state of all cells of a sweep. On a terminal it is live; elsewhere, lines alone are written.

    Args:
        cells: all of them.
        done: how many of them were finished before.
        out: the results folder, in which the progress of runs is looked up.

    Attributes:
        failures: the cells that failed, with the reason.
    """

    def __init__(self, cells: Sequence[Cell], done: int, out: Path) -> None:
        self.failures: list[tuple[Cell, str]] = []
        self._out = out
        self._total, self._ended, self._before = len(cells), done, done
        self._started = time.monotonic()
        self._held: set[int] = set()
        self._starts: dict[int, tuple[float, float]] = {}
        self._live = sys.stderr.isatty()
        self._bars: list[tqdm] = []

    def show(self, running: Sequence[Cell], waiting: int) -> None:
        """Draws the cells that run now; so many wait."""
        parts = [cell.progress(self._out) for cell in running]
        for cell, part in zip(running, parts, strict=True):
            self._starts.setdefault(cell.number, (time.monotonic(), part))
        if not self._live:
            return
        while len(self._bars) < len(running) + 1:
            form = CELL_BAR if self._bars else TOTAL_BAR
            self._bars.append(tqdm(total=1, bar_format=form, dynamic_ncols=True, leave=False, position=len(self._bars)))
        total, *bars = self._bars
        new = sum(part - self._starts[cell.number][1] for cell, part in zip(running, parts, strict=True))
        _draw(total, self._summary(new, len(running), waiting), (self._ended + sum(parts)) / self._total)
        for index, bar in enumerate(bars):
            _draw(bar, *((running[index].title, parts[index]) if index < len(running) else ("", 0.0)))

    def held(self, cell: Cell) -> None:
        """Another process works on a cell."""
        if cell.number not in self._held:
            self._held.add(cell.number)
            self.write(f"{cell.title}: another process is working on it, which is waited for")

    def ended(self, cell: Cell, failure: str | None) -> None:
        """A cell is done, or has failed for a reason."""
        self._ended += 1
        if failure:
            self.failures.append((cell, failure))
        seconds = time.monotonic() - self._starts.get(cell.number, (time.monotonic(), 0.0))[0]
        how = f"failed: {failure}" if failure else "done"
        self.write(f"{cell.title}: {how} ({_clock(seconds)}); {self._summary(0.0)}")

    def write(self, line: str) -> None:
        """Prints a line above the bars."""
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()

    def close(self) -> None:
        for bar in reversed(self._bars):
            bar.close()

    def _summary(self, new: float, running: int = 0, waiting: int = 0) -> str:
        """How many have ended, and how long the rest takes; unfinished cells have come `new` cells further."""
        worked = self._ended - self._before + new
        left = self._total - self._ended - new
        seconds = (time.monotonic() - self._started) * left / worked if worked > 0 else None
        rest = "" if seconds is None or left <= 0 else f", about {_clock(seconds)} left"
        failed = f", {len(self.failures)} failed" if self.failures else ""
        busy = f", {running} running, {waiting} waiting" if running or waiting else ""
        return f"{self._ended} of {self._total} ended{failed}{busy}{rest}"


def _draw(bar: tqdm, description: str, part: float) -> None:
    bar.n = part
    bar.set_description_str(description, refresh=False)
    bar.refresh()


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
