"""How every command ends: in one sentence, with an exit status that tells the truth."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable

from benchmark.errors import Interrupted, UserError


def run_command(main: Callable[[], None]) -> None:
    """Runs `main` and exits: 0 on success, a UserError's status with its sentence, 128 + signal if stopped."""
    try:
        main()
    except UserError as error:
        _fail(str(error), error.status)
    except ValueError as error:
        # Imported here, because torch comes with it and a command should hear signals before.
        from zforcing.checks import ConfigurationError

        if not isinstance(error, ConfigurationError):
            raise
        _fail(str(error))
    except BrokenPipeError:
        # Whoever read the output has stopped; python would complain once more when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            _fail(
                f"the disk is full ({error.strerror}); what was complete is kept: free some space and repeat the "
                f"command"
            )
        if error.filename is None:
            raise
        _fail(f"{error.filename}: {error.strerror}; check that the path exists and that you may use it")
    except Interrupted as stop:
        print(f"interrupted by {signal.Signals(stop.signal_number).name}; repeat the command to go on", file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    except KeyboardInterrupt:
        print("interrupted; repeat the command to go on", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _fail(sentence: str, status: int = UserError.status) -> None:
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(status)
