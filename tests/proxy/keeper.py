"""Run a command as a process group of its own for as long as somebody holds this process's standard input.

``python keeper.py [--patience SECONDS] COMMAND...``: when the command ends, so does this, with its exit code. When
standard input is closed, as it is when whoever started this is killed in whatever way, the whole group is stopped:
asked first, killed if it takes too long. So nothing is left running, and a command's own children are not either.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

PATIENCE_IN_SECONDS = 15.0


def keep(command: list[str], patience: float) -> int:
    """Run a command until it ends or standard input is closed.

    Args:
        command: the command and its arguments.
        patience: seconds for it to end when it is asked to.

    Returns:
        Its exit code; negative for the signal that ended it.
    """
    ended, write_end = os.pipe()  # only the command's group has the other end: no more of it, no more of them
    process = subprocess.Popen(  # noqa: S603 - the tests' own command
        command, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=(write_end,)
    )
    os.close(write_end)
    readable, _, _ = select.select([sys.stdin, ended], [], [])
    if sys.stdin in readable:
        _signal(process.pid, signal.SIGTERM)
        select.select([ended], [], [], patience)
    _signal(process.pid, signal.SIGKILL)
    return process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    # these reach whole groups, as from a terminal or from timeout: only who holds the standard input decides. They are
    # handled and not ignored, as the command would inherit that
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    if sys.argv[1] == "--patience":
        sys.exit(keep(sys.argv[3:], float(sys.argv[2])))
    sys.exit(keep(sys.argv[1:], PATIENCE_IN_SECONDS))
