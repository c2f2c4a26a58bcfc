"""The child process's side of the JSON lines protocol with its parent.

The module uses only the standard library, to start fast.
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
MARK = "VOD_CHILD"  # environment variable that descendants of a child process inherit, so that they can be found
REPORTS_A_SECOND = 4.0
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class BadRequest(Exception):
    pass


class Reports:
    """A writer of JSON lines to the parent. Output of libraries goes to standard error."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._percent = 0.0
        self._message = ""
        self._last = 0.0

    def progress(self, percent: float, message: str) -> None:
        """Report progress, which never decreases. Reports with the same message are limited to a few per second."""
        now = time.monotonic()
        if message == self._message and now - self._last < 1 / REPORTS_A_SECOND:
            return
        self._percent = max(self._percent, min(100.0, percent))
        self._message, self._last = message, now
        self.send({"progress": round(self._percent, 4), "message": message})

    def send(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def error(self, type: str, message: str) -> None:
        self.send({"error": {"type": type, "message": message}})


def serve_request(serve: Callable[[Any, Reports], Any], fault: Callable[[Exception], dict[str, Any] | None]) -> None:
    """Serve the request on standard input. Unexpected errors end the process with a traceback.

    ``serve`` returns the result. ``fault`` returns ``type`` and ``message`` of an expected error, or None for an
    unexpected one.
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
    """Serve one request of the form ``{"paths": […]}``. Call ``look`` with the paths, and send its return value."""
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
        return {"type": "out_of_memory", "message": "Processing needed too much memory."}
    if isinstance(exc, OSError) and exc.errno in FULL:
        return {"type": "disk_full", "message": "The server's disk is full."}
    if isinstance(exc, OSError):
        return {"type": "unavailable", "message": f"Processing failed on the server: {exc.strerror or exc}."}
    return None
