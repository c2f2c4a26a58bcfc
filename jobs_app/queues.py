"""Limits of the jobs of a lane that run at once on all hosts together.

An admin sets the limit; otherwise it is the sum of the hosts' settings. Each lane has one short place beyond its limit,
so that a job of a minute does not wait for one of an hour: only short jobs may take it.
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

SECONDS = 5.0  # for which a process goes on with what it has read
NO_LIMIT = 10**9
SHORT_PLACES = 1  # places for short jobs in each lane, beyond its limit


@dataclass(frozen=True, slots=True)
class Known:
    """limits: that admins have set; None for no limit. By lane: taken: the jobs at once of the living workers that
    take it; hosts: on how many hosts these are.
    """

    limits: dict[str, int | None] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)


_lock = threading.Lock()
_read: tuple[float, Known] = (0.0, Known())  # until when it holds


def limit_of(lane: str) -> int:
    """The jobs of ``lane`` at once. Asks the database now and then. Raises ``KeyError`` for no lane of the settings."""
    known = _known()
    usual: int = settings.JOB_LANES[lane] * max(1, known.hosts[lane])
    limit = known.limits.get(lane, usual)
    return NO_LIMIT if limit is None else limit


def places_of(lane: str) -> int:
    """The jobs of ``lane`` that can run now: no more than the living workers take, whatever the limit is."""
    limit, taken = limit_of(lane), _known().taken[lane]
    usual: int = settings.JOB_LANES[lane]
    return min(limit, taken or usual) if taken or limit == NO_LIMIT else limit


@dataclass(frozen=True, slots=True)
class Free:
    """The kinds of jobs, long and short, that may start in a lane now."""

    long: bool
    short: bool


def free_in(lane: str, running: Sequence[bool]) -> Free:
    """Return the kinds of jobs for which ``lane`` has a place. running: for each running job, whether it is short."""
    limit = limit_of(lane)
    is_any = len(running) < limit + SHORT_PLACES
    return Free(long=is_any and running.count(False) < limit, short=is_any)


def _known() -> Known:
    global _read
    now = time.monotonic()
    with _lock:
        until, known = _read
        if now < until:
            return known
        if until:
            # The others go on with what is known: nobody waits for a database that hangs.
            _read = (now + SECONDS, known)
    known = Known(dict(LaneLimit.objects.values_list("lane", "limit")))
    pairs: set[tuple[str, str]] = set()
    for host, queues, max_jobs in running.present().values_list("host", "queues", "max_jobs"):
        known.taken.update(dict.fromkeys(queues, max_jobs))
        pairs.update((host, lane) for lane in queues)
    known.hosts.update(lane for _, lane in pairs)
    _read = (now + SECONDS, known)
    return known
