"""Limits on the concurrent jobs of a lane (a queue), over all hosts; see docs/design/0002-jobs.md.

Each running job occupies a place of its lane.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from jobs_app.kinds import is_pausable
from jobs_app.models import Job, JobStatus, LaneLimit
from vodplatform.core.records import process_registry as running

CACHE_SECONDS = 5.0
NO_LIMIT = 10**9
SHORT_PLACES = 1  # number of short jobs that each lane may run in addition to its limit
# number of jobs that each lane may run in addition, if they would otherwise wait for another owner's long jobs
RELIEF_PLACES = 2
MAX_EXTRA = SHORT_PLACES + RELIEF_PLACES
# A long job's slice lasts JOB_SLICE_SECONDS. The slice is longer by this factor if the job's owner holds at most half
# of the lane and long jobs of other owners also run in the lane.
LONG_SLICE_FACTOR = 10
# A pausable job should yield at a checkpoint once its slice is over. If the job still runs after
# CHECKPOINT_FACTOR slices, another owner's job may start in an additional place.
CHECKPOINT_FACTOR = 2


@dataclass(frozen=True, slots=True)
class QueueState:
    """Limits and workers of each lane, as last read from the database.

    limits: set by admins; None for no limit. taken: how many jobs the living workers can run at once.
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


def max_share(lane: str) -> int:
    """Return how many jobs of a lane one owner may run at once while other owners wait."""
    return max(1, runnable_limit(lane) // 2)


class ProcessingJob(NamedTuple):
    """A running job.

    is_short: whether the job is short and has run for less than ``JOB_SLICE_SECONDS``. seconds: duration so far.
    """

    lane: str
    owner_id: uuid.UUID
    kind: str
    is_short: bool
    seconds: float


def processing_jobs(lane: str | None = None) -> list[ProcessingJob]:
    rows = Job.objects.filter(status=JobStatus.PROCESSING).order_by()
    if lane is not None:
        rows = rows.filter(lane=lane)
    values = rows.annotate(ran=Now() - F("started_at")).values_list("lane", "owner_id", "kind", "is_short", "ran")
    return [
        ProcessingJob(lane, owner_id, kind, is_short and seconds < settings.JOB_SLICE_SECONDS, seconds)
        for lane, owner_id, kind, is_short, ran in values
        for seconds in [ran.total_seconds() if ran else 0.0]
    ]


def slice_seconds(lane: str, owner_id: uuid.UUID, counts: Counter[uuid.UUID]) -> float:
    """Return how many seconds an owner's long job may run before other owners' jobs take precedence.

    counts: the lane's running long jobs, by owner.
    """
    holds_much = counts[owner_id] > max_share(lane) or counts[owner_id] == counts.total()
    return float(settings.JOB_SLICE_SECONDS * (1 if holds_much else LONG_SLICE_FACTOR))


@dataclass(frozen=True, slots=True)
class FreePlaces:
    """Free places of a lane or worker process.

    long, short: whether a long or a short job can start. relief: whether one of the
    :data:`RELIEF_PLACES` is free, for a job whose owner runs no other job in the lane.
    """

    long: bool
    short: bool
    relief: bool


ALL_FREE = FreePlaces(long=True, short=True, relief=True)


def free_places(lane: str, running: Sequence[ProcessingJob]) -> FreePlaces:
    limit = limit_of(lane)
    long = [job for job in running if not job.is_short]
    has_place = min(len(long), limit) + len(running) - len(long) < limit + SHORT_PLACES
    is_below_maximum = limit > 0 and len(running) < limit + MAX_EXTRA
    return FreePlaces(
        long=has_place and len(long) < limit,
        short=has_place and (is_below_maximum or not limit),
        relief=len(long) < limit + RELIEF_PLACES and is_below_maximum and _is_held_long(lane, long),
    )


def _is_held_long(lane: str, long: Sequence[ProcessingJob]) -> bool:
    """Return whether any long job has run for its slice, or for CHECKPOINT_FACTOR slices if it is pausable."""
    counts = Counter(job.owner_id for job in long)
    return any(
        job.seconds >= slice_seconds(lane, job.owner_id, counts) * (CHECKPOINT_FACTOR if is_pausable(job.kind) else 1)
        for job in long
    )


def _known() -> QueueState:
    global _read
    now = time.monotonic()
    with _lock:
        until, known = _read
        if now < until:
            return known
        if until:
            # Let other threads use the old limits while this thread reads the database, which may hang.
            _read = (now + CACHE_SECONDS, known)
    known = QueueState(dict(LaneLimit.objects.values_list("lane", "limit")))
    pairs: set[tuple[str, str]] = set()
    for host, queues, max_jobs in running.living_processes().values_list("host", "queues", "max_jobs"):
        known.taken.update(dict.fromkeys(queues, max_jobs))
        pairs.update((host, lane) for lane in queues)
    known.hosts.update(lane for _, lane in pairs)
    _read = (now + CACHE_SECONDS, known)
    return known
