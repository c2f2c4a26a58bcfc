"""The end of the protocol that a child process has: progress and results as JSON lines; the other end is ``process``.

Standard library only: whatever a child imports before its work costs every job as much.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHIM = Path(__file__).with_name("sandbox.py")
MARK = "VOD_CHILD"  # the variable by which a worker finds what its children have started
REPORTS_A_SECOND = 4.0
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


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
        self.send({"progress": round(self._percent, 4), "message": message})

    def send(self, message: dict[str, Any]) -> None:
        """Write one line and flush it."""
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def error(self, type: str, message: str) -> None:
        """Say why there is no result. type: stable. message: a sentence for the owner."""
        self.send({"error": {"type": type, "message": message}})


def answer(serve: Callable[[Any, Reports], Any], fault: Callable[[Exception], dict[str, Any] | None]) -> None:
    """Serve the request on standard input; an error that was to be expected is a line, any other a crash.

    serve: what makes the result of the request. fault: what is told of an error of its own, ``type``, ``message`` and
    whatever else, or None of one that it does not know: bad requests, memory and the disk are told of here.
    """
    reports = Reports()
    try:
        reports.send({"result": serve(json.load(sys.stdin), reports)})
    except Exception as exc:
        error = fault(exc) or _fault(exc)
        if error is None:
            raise
        reports.send({"error": error})


def answer_about_paths(look: Callable[[list[str]], Any]) -> None:
    """Serve one request ``{"paths": […]}``; the result is what ``look`` makes of them, which raises only to crash."""
    reports = Reports()
    try:
        paths = [str(path) for path in json.load(sys.stdin)["paths"]]
    except (ValueError, KeyError, TypeError) as exc:
        reports.error("bad_request", f"The request is not {{paths: […]}}: {exc}")
    else:
        reports.send({"result": look(paths)})


def _fault(exc: Exception) -> dict[str, Any] | None:
    if isinstance(exc, BadRequest):
        return {"type": "bad_request", "message": str(exc)}
    if isinstance(exc, json.JSONDecodeError):
        return {"type": "bad_request", "message": f"The request is not JSON: {exc}."}
    if isinstance(exc, MemoryError):
        return {"type": "out_of_memory", "message": "This needs too much memory."}
    if isinstance(exc, OSError) and exc.errno in FULL:
        return {"type": "disk_full", "message": "There is no room left on the server's disk."}
    if isinstance(exc, OSError):
        return {"type": "unavailable", "message": f"The server cannot write what it makes: {exc.strerror or exc}."}
    return None
