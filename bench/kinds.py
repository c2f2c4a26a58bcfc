"""Job kinds that only say when they were started, by the clock that all processes of a machine share."""

from __future__ import annotations

import time
from typing import Any

from jobs_app.kinds import JobKind
from jobs_app.running import JobContext


def note_start(context: JobContext) -> dict[str, Any]:
    """The first line of work, and nothing else."""
    return {"started": time.monotonic(), "reference": None, "proposals": [], "refused": []}


NOOP = JobKind(name="bench.noop", lane="bench", handler=note_start)
ALIGN = JobKind(name="comparison.align", lane="align", handler=note_start)
IDLE = JobKind(name="bench.idle", lane="idle", handler=note_start, pausable=True)
