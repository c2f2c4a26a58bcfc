"""How many jobs of a lane run at once on all hosts together: what admins have set, else what the settings say."""

from __future__ import annotations

import threading
import time
from collections import Counter

from django.conf import settings

from jobs_app.models import LaneLimit
from vodplatform.base.records import running

SECONDS = 5.0  # for which a process goes on with what it has read
NO_LIMIT = 10**9
_lock = threading.Lock()
# Until when it holds; the limits that admins have set; how many jobs of each lane the living workers take.
_read: tuple[float, dict[str, int | None], Counter[str]] = (0.0, {}, Counter())


def limit_of(lane: str) -> int:
    """The jobs of ``lane`` at once. Asks the database now and then. Raises ``KeyError`` for no lane of the settings."""
    usual: int = settings.JOB_LANES[lane]
    limit = _known()[0].get(lane, usual)
    return NO_LIMIT if limit is None else limit


def places_of(lane: str) -> int:
    """The jobs of ``lane`` that can run now: no more than the living workers take, whatever the limit is."""
    limit, taken = limit_of(lane), _known()[1][lane]
    usual: int = settings.JOB_LANES[lane]
    return min(limit, taken or usual) if taken or limit == NO_LIMIT else limit


def _known() -> tuple[dict[str, int | None], Counter[str]]:
    global _read
    now = time.monotonic()
    with _lock:
        until, limits, taken = _read
        if now < until:
            return limits, taken
        if until:
            # The others go on with what is known: nobody waits for a database that hangs.
            _read = (now + SECONDS, limits, taken)
    limits = dict(LaneLimit.objects.values_list("lane", "limit"))
    taken = Counter()
    for queues, max_jobs in running.present().values_list("queues", "max_jobs"):
        taken.update(dict.fromkeys(queues, max_jobs))
    _read = (now + SECONDS, limits, taken)
    return limits, taken
