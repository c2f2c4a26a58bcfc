"""The end of the protocol that a child process has: progress and results as JSON lines; the other end is ``process``.

Standard library only: whatever a child imports before its work costs every job as much.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

SHIM = Path(__file__).with_name("exec_shim.py")
MARK = "VOD_CHILD"  # the variable by which a worker finds what its children have started
REPORTS_A_SECOND = 4.0


class BadRequest(Exception):
    """The request is not one that this program serves; the message says why."""


class Reports:
    """Writes JSON lines to what was standard output; anything printed by libraries goes to standard error."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._percent = 0.0
        self._message = ""
        self._last = 0.0

    def progress(self, percent: float, message: str) -> None:
        """Report ``percent`` done, never less than before; a new message at once, others a few times a second."""
        now = time.monotonic()
        if message == self._message and now - self._last < 1 / REPORTS_A_SECOND:
            return
        self._percent = max(self._percent, min(100.0, percent))
        self._message, self._last = message, now
        self.send({"progress": round(self._percent, 1), "message": message})

    def send(self, message: dict[str, Any]) -> None:
        """Write one line and flush it."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def error(self, type: str, message: str) -> None:
        """Say why there is no result. type: stable. message: a sentence for the owner."""
        self.send({"error": {"type": type, "message": message}})
