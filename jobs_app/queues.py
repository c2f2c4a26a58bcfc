"""Limits of a lane's concurrent jobs on all hosts.

An admin sets the limit; otherwise it is the sum of the hosts' settings. Beyond it, each lane has one place for short
jobs.
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

CACHE_SECONDS = 5.0  # seconds until limits are read again
NO_LIMIT = 10**9
SHORT_PLACES = 1  # places for short jobs beyond a lane's limit


@dataclass(frozen=True, slots=True)
class QueueState:
    """Limits and workers by lane, as last read from the database.

    limits: set by admins; None for no limit. taken: concurrent jobs of the living workers. hosts: hosts with workers.
    """

    limits: dict[str, int | None] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)


_lock = threading.Lock()
_read: tuple[float, QueueState] = (0.0, QueueState())  # time until which the limits are valid, and the limits


def limit_of(lane: str) -> int:
    """Return how many jobs may run at once. Raises ``KeyError`` for an unknown lane."""
    known = _known()
    usual: int = settings.JOB_LANES[lane] * max(1, known.hosts[lane])
    limit = known.limits.get(lane, usual)
    return NO_LIMIT if limit is None else limit


def runnable_limit(lane: str) -> int:
    """Return how many jobs can run at once, within what the living workers take."""
    limit, taken = limit_of(lane), _known().taken[lane]
    usual: int = settings.JOB_LANES[lane]
    return min(limit, taken or usual) if taken or limit == NO_LIMIT else limit


@dataclass(frozen=True, slots=True)
class FreePlaces:
    """The kinds of jobs that may start in a lane now."""

    long: bool
    short: bool


def free_places(lane: str, running: Sequence[bool]) -> FreePlaces:
    """Return which kinds of jobs may start. running: whether each running job is short."""
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
            # Other threads use the old limits: a hanging database blocks only this one.
            _read = (now + CACHE_SECONDS, known)
    known = QueueState(dict(LaneLimit.objects.values_list("lane", "limit")))
    pairs: set[tuple[str, str]] = set()
    for host, queues, max_jobs in running.living_processes().values_list("host", "queues", "max_jobs"):
        known.taken.update(dict.fromkeys(queues, max_jobs))
        pairs.update((host, lane) for lane in queues)
    known.hosts.update(lane for _, lane in pairs)
    _read = (now + CACHE_SECONDS, known)
    return known
