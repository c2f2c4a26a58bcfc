"""A supervisor that starts, restarts and stops child processes. This module does not import Django.

Each child runs in its own session, so Ctrl-C does not reach the child. If the supervisor dies, the kernel kills its
children.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from vodplatform.core.processes.process import SHIM, kill_orphans

logger = logging.getLogger("vodplatform.site.supervisor")
FIRST_RESTART_SECONDS = 0.5
LAST_RESTART_SECONDS = 8.0
STEADY_SECONDS = 30.0
POLL_SECONDS = 0.1


@dataclass(slots=True)
class Child:
    """A program to keep running.

    ``is_ready`` is called repeatedly until it returns True. Only then does the next program start.
    """

    name: str
    argv: Sequence[str]
    is_ready: Callable[[], bool]
    ready_seconds: float = 120.0
    stop_seconds: float = 12.0
    log: IO[bytes] | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    delay: float = FIRST_RESTART_SECONDS
    restart_at: float | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        command = [sys.executable, "-S", "-I", str(SHIM), str(os.getpid()), "core=0", "--", *self.argv]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log or sys.stderr.fileno(),
            stderr=self.log or sys.stderr.fileno(), env=dict(environment),
        )  # fmt: skip
        self.started_at = time.monotonic()
        self.restart_at = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class StartFailed(Exception):
    """Error: a child process ended, or was not ready in time."""


@dataclass(slots=True)
class Supervisor:
    """Supervisor of ``children``. Use it in the main thread: a child dies with the thread that started it."""

    children: list[Child]
    environment: Mapping[str, str]
    stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        for child in self.children:
            child.start(self.environment)
            deadline = time.monotonic() + child.ready_seconds
            while not child.is_ready():
                if self.stopping.is_set():
                    return
                if not child.is_alive():
                    raise StartFailed(f"The {child.name} stopped while starting. Its messages are above.")
                if time.monotonic() > deadline:
                    raise StartFailed(f"The {child.name} was not ready after {child.ready_seconds:.0f} s.")
                self.stopping.wait(POLL_SECONDS)

    def run(self) -> None:
        while not self.stopping.wait(POLL_SECONDS):
            now = time.monotonic()
            for child in self.children:
                if child.is_alive():
                    if now - child.started_at > STEADY_SECONDS:
                        child.delay = FIRST_RESTART_SECONDS
                elif child.restart_at is None:
                    code = child.process.returncode if child.process else None
                    self._end_group(child)
                    logger.warning("child ended", extra={"data": {"child": child.name, "code": code}})
                    child.restart_at = now + child.delay
                    child.delay = min(child.delay * 2, LAST_RESTART_SECONDS)
                elif now >= child.restart_at:
                    child.start(self.environment)

    def stop(self) -> None:
        for child in reversed(self.children):
            if child.is_alive():
                assert child.process
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.process.wait(child.stop_seconds)
            self._end_group(child)
        # A killed worker may leave child processes behind. Usually, another worker kills them, but now no worker runs.
        kill_orphans()

    @staticmethod
    def _end_group(child: Child) -> None:
        if child.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
