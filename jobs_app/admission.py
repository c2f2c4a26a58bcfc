"""Admission of queued jobs, and the order in which owners' jobs run.

Workers claim only admitted jobs. The owner's tier limits the admitted jobs in each lane (queue).
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from jobs_app import queue_limits
from jobs_app.kinds import registry
from jobs_app.messages import wake_workers_on_commit
from jobs_app.models import Job, JobStatus
from vodplatform.accounts.plans import limits_of_many
from vodplatform.core.records.database import lock_until_commit

ADMISSION_BATCH = 200
QUEUE_NUMBERS = 1000
PLACES_LOCK = 0x766F66


def smallest_limit() -> int:
    return int(min(limits["max_concurrent_jobs"] for limits in settings.TIER_LIMITS.values()))


def jobs_at_once(owner_id: uuid.UUID) -> int:
    return limits_of_many([owner_id])[owner_id]["max_concurrent_jobs"]


def admit(owner_id: uuid.UUID, lane: str) -> tuple[bool, int]:
    """Return whether a new job is admitted, and its turn. Jobs of equal priority start in order of turns."""
    _lock_places(owner_id)
    count = Job.objects.admitted_in(lane).filter(owner_id=owner_id).order_by().count()
    if count < smallest_limit() or count < jobs_at_once(owner_id):
        return True, next_turn(owner_id, lane)
    return False, 0  # :func:`admit_next` assigns the job's turn later


def next_turn(owner_id: uuid.UUID, lane: str) -> int:
    claimed = Job.objects.filter(lane=lane, attempt__gt=0).order_by("-turn").values_list("turn", flat=True).first()
    own = Job.objects.filter(owner_id=owner_id, lane=lane).order_by("-turn").values_list("turn", flat=True).first()
    return max(claimed or 0, own + 1 if own is not None else 0)


def queue_numbers(queue_lanes: Collection[str]) -> dict[uuid.UUID, int]:
    """Return the positions (from 1) of the first :data:`QUEUE_NUMBERS` claimable jobs of each lane, by job id.

    Workers claim jobs in this order. In a full lane, jobs that may start beyond the lane's limit come first. Jobs of
    owners who already hold their share of the lane come last.
    """
    numbers: dict[uuid.UUID, int] = {}
    for lane in set(queue_lanes) & set(settings.JOB_LANES):
        running = queue_limits.processing_jobs(lane)
        held = Counter(job.owner_id for job in running)
        is_full = [job.is_short for job in running].count(False) >= queue_limits.limit_of(lane)
        free, share = queue_limits.free_places(lane, running), queue_limits.max_share(lane)
        queued = Job.objects.claimable(lane).filter(kind__in=registry())
        rows = list(queued.values_list("pk", "owner_id", "is_short")[:QUEUE_NUMBERS])
        rows.sort(key=lambda row: (
            is_full and not row[2] and (not free.relief or row[1] in held),
            held[row[1]] >= share,
        ))  # fmt: skip
        numbers |= {row[0]: number for number, row in enumerate(rows, start=1)}
    return numbers


def _lock_places(owner_id: uuid.UUID) -> None:
    if connection.in_atomic_block:
        lock_until_commit(PLACES_LOCK, owner_id.bytes)


def admit_next(owner_id: uuid.UUID, lane: str) -> bool:
    _lock_places(owner_id)
    waiting = Job.objects.filter(owner_id=owner_id, lane=lane, status=JobStatus.QUEUED, admitted=False)
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        # To avoid a deadlock, skip jobs that a cancel request has locked: that request waits for PLACES_LOCK, which
        # this transaction holds.
        waiting = waiting.select_for_update(skip_locked=True)
    best = waiting.order_by("-priority", "created_at", "id").first()
    if best is None:
        return False
    is_free, turn = admit(owner_id, lane)
    if not is_free or not Job.objects.filter(pk=best.pk, status=JobStatus.QUEUED, admitted=False).update(
        admitted=True, turn=turn, revision=F("revision") + 1
    ):
        return False
    wake_workers_on_commit(best)
    return True


def admit_after_jobs_left(owner_id: uuid.UUID, lane: str) -> None:
    while admit_next(owner_id, lane):
        pass
    admit_after_job_left(owner_id, lane)


def admit_after_job_left(owner_id: uuid.UUID, lane: str) -> None:
    admit_next(owner_id, lane)
    # Filter by the names of the other lanes, because ``exclude(lane=lane)`` would not use the index.
    others = [name for name in settings.JOB_LANES if name != lane]
    queued = Job.objects.filter(owner_id=owner_id, lane__in=others, admitted=True, status=JobStatus.QUEUED)
    for job in {job.lane: job for job in queued.order_by().only("lane", "kind")}.values() if others else ():
        wake_workers_on_commit(job)


def admit_all(after: uuid.UUID | None = None) -> uuid.UUID | None:
    """Admit queued jobs of owners who are below their limits, for example after a change of tier.

    Handle one batch of owners with ids above ``after``. Return the last id; None if no owners are left.
    """
    waiting = Job.objects.filter(status=JobStatus.QUEUED, admitted=False).order_by("owner_id")
    if after is not None:
        waiting = waiting.filter(owner_id__gt=after)
    owners = list(waiting.values_list("owner_id", flat=True).distinct()[:ADMISSION_BATCH])
    for owner_id in owners:
        own = Job.objects.filter(owner_id=owner_id, status=JobStatus.QUEUED, admitted=False)
        for lane in list(own.order_by("lane").values_list("lane", flat=True).distinct()):
            with transaction.atomic():
                while admit_next(owner_id, lane):
                    pass
    return owners[-1] if len(owners) == ADMISSION_BATCH else None
