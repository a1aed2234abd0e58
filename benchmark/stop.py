"""Ctrl-C and SIGTERM as a request that long work honours at its next safe point."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType, TracebackType

from benchmark.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PARENT_SECONDS = 0.5  # between looks at whether the parent process is there


class StopSignals:
    """Inside this context the signals are remembered; `check` raises Interrupted once one has come.

    Args:
        at_once: raise it where the program is, too, for work that waits for others. Python drops an exception that
            comes while it runs a finaliser, so such work has to `check` all the same.
    """

    def __init__(self, at_once: bool = False) -> None:
        self.at_once = at_once
        self.received: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in SIGNALS:
            signal.signal(number, self._before[number])  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        if self.at_once:
            raise Interrupted(number)

    def check(self) -> None:
        """Raises Interrupted if a signal has arrived."""
        if self.received is not None:
            raise Interrupted(self.received)


def stop_with_parent(parent: int) -> None:
    """Sends this process SIGTERM once `parent`, which started it, is gone; nobody would be left to stop it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
