"""Commands of `manage.py` that are interrupted while their child process works."""

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
    """Send a signal to `manage.py WORDS` while its child works; check that both end and the last line says so.

    module: which the child runs. look: called while the child is suspended. variables: more of the environment.
    """
    # A suite that runs in the background hands down that SIGINT is ignored.
    argv = ["env", "--default-signal=INT", sys.executable, str(PROJECT_ROOT / "manage.py"), *words]
    pipe, environment = subprocess.PIPE, {**os.environ, **variables}
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, env=environment) as command:
        child = wait_until(lambda: _child_of(command, module), BUSY_SECONDS)
        child.suspend()  # it does not come to its end before it is ended
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
            if module in words and "-S" not in words:  # no longer the shim that starts it
                return process
    return None
