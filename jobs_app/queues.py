"""Limits on the concurrent jobs of a lane, over all hosts.

An admin sets the limit; otherwise it is the sum of the hosts' settings. Each lane has one more place, for short jobs
only.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings

from jobs_app.models import LaneLimit
from vodplatform.core.records import process_registry as running

CACHE_SECONDS = 5.0
NO_LIMIT = 10**9
SHORT_PLACES = 1  # number of additional places in each lane for short jobs


@dataclass(frozen=True, slots=True)
class QueueState:
    """Limits and workers of each lane, as last read from the database.

    limits: limits set by admins, by lane; None for no limit. taken: number of jobs that living workers can run at once,
    by lane.
    """

    limits: dict[str, int | None] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)


_lock = threading.Lock()
_read: tuple[float, QueueState] = (0.0, QueueState())  # (expiry time, cached limits)


def limit_of(lane: str) -> int:
    """Return how many jobs of a lane may run at once. Raises ``KeyError`` for an unknown lane."""
    known = _known()
    usual: int = settings.JOB_LANES[lane] * max(1, known.hosts[lane])
    limit = known.limits.get(lane, usual)
    return NO_LIMIT if limit is None else limit


def runnable_limit(lane: str) -> int:
    """Return how many jobs of a lane can run at once with the living workers."""
    limit, taken = limit_of(lane), _known().taken[lane]
    usual: int = settings.JOB_LANES[lane]
    return min(limit, taken or usual) if taken or limit == NO_LIMIT else limit


@dataclass(frozen=True, slots=True)
class FreePlaces:
    """Free places of a lane. long, short: whether another long or short job can start."""

    long: bool
    short: bool


def free_places(lane: str, running: Sequence[bool]) -> FreePlaces:
    """Return which kinds of jobs may start in a lane.

    running: one value for each running job, True if the job is short.
    """
    limit = limit_of(lane)
    is_any = len(running) < limit + SHORT_PLACES
    return FreePlaces(long=is_any and running.count(False) < limit, short=is_any)


def _known() -> QueueState:
    global _read
    now = time.monotonic()
    with _lock:
        until, known = _read
        if now < until:
            return known
        if until:
            # Let other threads use the old limits while this thread reads the database. Otherwise, a hanging database
            # would block them, too.
            _read = (now + CACHE_SECONDS, known)
    known = QueueState(dict(LaneLimit.objects.values_list("lane", "limit")))
    pairs: set[tuple[str, str]] = set()
    for host, queues, max_jobs in running.living_processes().values_list("host", "queues", "max_jobs"):
        known.taken.update(dict.fromkeys(queues, max_jobs))
        pairs.update((host, lane) for lane in queues)
    known.hosts.update(lane for _, lane in pairs)
    _read = (now + CACHE_SECONDS, known)
    return known
