"""Job kinds that do nothing but record when they start, by a clock that all processes share."""

from __future__ import annotations

import time
from typing import Any

from jobs_app.actors import job_actor
from jobs_app.context import JobContext


def note_start() -> dict[str, Any]:
    return {"started": time.monotonic(), "reference": None, "proposals": [], "refused": []}


@job_actor("bench.noop", queue="bench")
def noop(context: JobContext) -> dict[str, Any]:
    return note_start()


@job_actor("comparison.align", queue="align")
def align(context: JobContext) -> dict[str, Any]:
    return note_start()


@job_actor("bench.idle", queue="idle", pausable=True)
def idle(context: JobContext) -> dict[str, Any]:
    return note_start()


@job_actor("bench.crowd", queue="crowd")
def crowd(context: JobContext) -> dict[str, Any]:
    return note_start()
