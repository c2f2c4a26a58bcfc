"""How many jobs of a lane run at once on all hosts together: what admins have set, else what the settings say."""

from __future__ import annotations

import threading
import time

from django.conf import settings

from jobs_app.models import LaneLimit

SECONDS = 5.0  # for which a process goes on with what it has read
NO_LIMIT = 10**9
_lock = threading.Lock()
_read: tuple[float, dict[str, int | None]] = (0.0, {})


def limit_of(lane: str) -> int:
    """The jobs of ``lane`` at once. Asks the database now and then. Raises ``KeyError`` for no lane of the settings."""
    usual: int = settings.JOB_LANES[lane]
    limit = _set_by_admins().get(lane, usual)
    return NO_LIMIT if limit is None else limit


def _set_by_admins() -> dict[str, int | None]:
    global _read
    with _lock:
        until, limits = _read
        now = time.monotonic()
        if now >= until:
            limits = dict(LaneLimit.objects.values_list("lane", "limit"))
            _read = (now + SECONDS, limits)
        return limits
