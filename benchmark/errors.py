"""Errors that end a command with one sentence instead of a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend: the message says what, where and what to do. `status` is the exit status."""

    status = 2


class InUse(UserError):
    """Another process works on the same run."""

    status = 75  # EX_TEMPFAIL: the same command may succeed later


class Interrupted(Exception):
    """SIGINT or SIGTERM arrived; `signal_number` says which. Everything is saved."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by signal {signal_number}")
        self.signal_number = signal_number
