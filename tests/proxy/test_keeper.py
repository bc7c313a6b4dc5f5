"""Nothing is left running, whatever becomes of those who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.proxy.process import HERE

# prints its process id and that of a child of its own, and waits; neither minds being asked to stop
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(600)
"""
WILLING = STUBBORN.replace("SIG_IGN", "SIG_DFL")
# what a test run is to the keeper: it starts it, and is killed
STARTER = """
import subprocess, sys, time
keeper = subprocess.Popen([sys.executable, *sys.argv[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(keeper.pid, keeper.stdout.readline(), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [pytest.param(WILLING, id="willing"), pytest.param(STUBBORN, id="stubborn")])
def test_a_group_ends_with_whoever_started_it(command: str, number: signal.Signals) -> None:
    keeper = [str(HERE / "keeper.py"), "--patience", "0.5", sys.executable, "-c", command]
    starter = subprocess.Popen(  # noqa: S603 - our own scripts
        [sys.executable, "-c", STARTER, *keeper], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert starter.stdout
    processes = [psutil.Process(int(number)) for number in starter.stdout.readline().split()]
    assert len(processes) == 3

    if number is signal.SIGKILL:
        starter.kill()
    else:
        os.killpg(starter.pid, number)  # the keeper gets it too
    starter.wait()

    _, alive = psutil.wait_procs(processes, timeout=60)
    assert [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_the_exit_code_is_that_of_the_command() -> None:
    keeper = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, HERE / "keeper.py", sys.executable, "-c", "raise SystemExit(7)"], stdin=subprocess.PIPE
    )
    assert keeper.wait() == 7
