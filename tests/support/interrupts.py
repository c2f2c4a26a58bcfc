"""Interruption of `manage.py` commands while their child process works."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import psutil

from tests.support.waiting import wait_until
from vodplatform.settings.variables import PROJECT_ROOT

BUSY_SECONDS = 60


def interrupt(
    *words: str, module: str, number: signal.Signals, look: Callable[[], None] = lambda: None, **variables: str
) -> None:
    """Send a signal to `manage.py WORDS` while its child process works; check that both end and "Stopped." is printed.

    module: module that the child runs. look: called while the child is suspended. variables: additional environment
    variables.
    """
    # Restore the default for SIGINT: if the tests run in the background, child processes inherit that it is ignored.
    argv = ["env", "--default-signal=INT", sys.executable, str(PROJECT_ROOT / "manage.py"), *words]
    pipe, environment = subprocess.PIPE, {**os.environ, **variables}
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=environment) as command:
        child = wait_until(lambda: _child_of(command, module), BUSY_SECONDS)
        child.suspend()  # otherwise the child process could finish before the signal
        look()
        command.send_signal(number)
        try:
            _, said = command.communicate(timeout=BUSY_SECONDS)
        finally:
            command.kill()
    assert command.returncode == 130
    assert said.splitlines()[-1] == "Stopped."
    assert "Traceback" not in said
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def _child_of(command: subprocess.Popen[str], module: str) -> psutil.Process | None:
    for process in psutil.Process(command.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if module in words and "-S" not in words:  # skip the shim that starts the child
                return process
    return None
