"""Every change of a job's row: enqueue, claim, renew, progress, finish, cancel, retry, and what a dead worker left."""

from __future__ import annotations

import contextlib
import logging
import uuid
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, ProtectedError, QuerySet, RestrictedError, Value
from django.db.models.functions import Greatest, Now

from jobs_app.kinds import kind_of, registry
from jobs_app.models import TRANSITIONS, Job, JobEvent, JobStatus, Priority, job_state, lease_duration
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError
from vodplatform.base.logs import event
from vodplatform.base.publish import publish_gone_on_commit, publish_on_commit
from vodplatform.base.transitions import transition

logger = logging.getLogger("vodplatform.jobs")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to write to one job."""

    job_id: uuid.UUID
    token: uuid.UUID

    def rows(self) -> QuerySet[Job]:
        """The job while this lease holds; empty afterwards."""
        return Job.objects.filter(pk=self.job_id, lease_token=self.token, status=JobStatus.PROCESSING)


def group_name(job_id: uuid.UUID | str) -> str:
    """The realtime group of one job."""
    return f"job.{job_id}"


def enqueue(kind: str, owner: User, params: dict[str, Any], *, priority: int = Priority.NORMAL) -> Job:
    """Write a queued job in the caller's transaction; a worker is woken on commit."""
    definition = kind_of(kind)
    job = Job.objects.create(
        kind=kind, lane=definition.lane, owner=owner, params=params, priority=priority,
        max_attempts=definition.max_attempts,
    )  # fmt: skip
    job.refresh_from_db(fields=["created_at"])
    _record(job, "queued")
    wake_on_commit(job.lane)
    return job


def wake_on_commit(lane: str) -> None:
    """Wake a worker for ``lane`` when the present transaction commits."""
    from jobs_app.actors import wake  # the broker is set up by importing it

    transaction.on_commit(lambda: wake(lane))


def claim(lane: str, worker: str) -> Job | None:
    """Take the best queued job of a lane, or None when there is none or the lane is full.

    One short transaction. On PostgreSQL an advisory lock per lane comes first: counting under SKIP LOCKED
    alone lets several workers count the same free slot. On SQLite the transaction is IMMEDIATE.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_xact_lock(%s, %s)", [0x766F64, zlib.crc32(lane.encode()) & 0x7FFFFFFF]
                )
        busy = Job.objects.filter(lane=lane, status=JobStatus.PROCESSING).count()
        if busy >= settings.JOB_LANES[lane]:
            return None
        job = (
            Job.objects.filter(lane=lane, status=JobStatus.QUEUED, admitted=True)
            .order_by("-priority", "created_at", "id")
            .first()
        )
        if job is None:
            return None
        token = uuid.uuid4()
        won = transition(
            Job.objects.filter(pk=job.pk), TRANSITIONS, JobStatus.PROCESSING,
            lease_token=token, lease_until=Now() + lease_duration(), worker=worker[:100],
            attempt=F("attempt") + 1, started_at=Now(), finished_at=None, error=None, revision=F("revision") + 1,
        )  # fmt: skip
        if not won:
            return None
        job.refresh_from_db()
        _record(job, "processing", worker=worker)
        _publish(job)
    return job


def renew(tokens: Iterable[uuid.UUID]) -> None:
    """Move the end of these leases on by a whole lease."""
    Job.objects.filter(lease_token__in=list(tokens), status=JobStatus.PROCESSING).update(
        lease_until=Now() + lease_duration()
    )


def held(tokens: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these leases still hold; the others were cancelled, taken over or deleted."""
    rows = Job.objects.filter(lease_token__in=list(tokens), status=JobStatus.PROCESSING)
    return {token for token in rows.values_list("lease_token", flat=True) if token}


def report_progress(lease: Lease, progress: float, message: str) -> bool:
    """Write how far a job is (percent; never goes back) and tell who watches. False when the lease is lost."""
    percent = min(max(progress, 0.0), 100.0)
    won = lease.rows().update(
        progress=Greatest(F("progress"), Value(percent)), message=message[:500], revision=F("revision") + 1
    )
    if won:
        job = Job.objects.get(pk=lease.job_id)
        _publish(job)
        logger.debug("processing.progress", extra={"data": {"job": str(job.pk), "progress": percent}})
    return bool(won)


def complete(lease: Lease, result: dict[str, Any]) -> bool:
    """End a job well. The row points at this attempt's outputs from here on; False when the lease is lost."""
    return _finish(lease, JobStatus.COMPLETED, "completed", result=result, progress=100.0, message="Done")


def fail(lease: Lease, type: str, message: str) -> bool:
    """End a job with a reason that its owner can act on."""
    return _finish(lease, JobStatus.FAILED, "failed", error={"type": type, "message": message}, message=message[:500])


def give_back(lease: Lease) -> bool:
    """Put a job back because this worker shuts down; costs no attempt."""
    with transaction.atomic():
        won = transition(
            lease.rows(), TRANSITIONS, JobStatus.QUEUED, lease_token=None, lease_until=None, worker="",
            attempt=F("attempt") - 1, message="Waiting for a worker", revision=F("revision") + 1,
        )  # fmt: skip
        if won:
            _after(lease.job_id, "given_back")
    return bool(won)


def crashed(lease: Lease, why: str) -> bool:
    """An attempt died without a word: run again, or fail when it has died too often. False when the lease is lost."""
    with transaction.atomic():
        job = lease.rows().first()
        if job is None:
            return False
        if job.attempt >= job.max_attempts:
            sentence = f"It was started {job.attempt} times and never came to its end: {why}"
            return fail(lease, "job_crashed", sentence)
        won = transition(
            lease.rows(), TRANSITIONS, JobStatus.QUEUED, lease_token=None, lease_until=None, worker="",
            crashes=F("crashes") + 1, message="Starting again", revision=F("revision") + 1,
        )  # fmt: skip
        if won:
            _after(lease.job_id, "crashed", why=why[:500])
    return bool(won)


def reap() -> int:
    """Take over the jobs of workers that are gone; returns how many."""
    count = 0
    for job in list(Job.objects.lease_expired()):
        assert job.lease_token
        lease = Lease(job.pk, job.lease_token)
        with transaction.atomic():
            # Renewed between the two statements: then it is not ours to take.
            if lease.rows().filter(lease_until__lt=Now()).exists():
                count += crashed(lease, "the worker was not heard of any more")
    return count


def lanes_with_work() -> list[str]:
    """Lanes that have a queued job and a free slot: their wake-up may have been lost."""
    queued = Job.objects.filter(lane=OuterRef("lane"), status=JobStatus.QUEUED, admitted=True)
    lanes = []
    for lane, limit in settings.JOB_LANES.items():
        busy = Job.objects.filter(lane=lane, status=JobStatus.PROCESSING).count()
        if busy < limit and Job.objects.filter(lane=lane, status=JobStatus.QUEUED).filter(Exists(queued)).exists():
            lanes.append(lane)
    return lanes


def cancel(job: Job) -> Job:
    """Cancel a live job: the row at once, the worker's child within a second. Cancelled again: the same answer."""
    with transaction.atomic():
        won = transition(
            Job.objects.filter(pk=job.pk), TRANSITIONS, JobStatus.CANCELLED, lease_token=None, lease_until=None,
            finished_at=Now(), message="Cancelled", revision=F("revision") + 1,
        )  # fmt: skip
        _refresh(job)
        if won:
            _after(job.pk, "cancelled")
            event("processing.cancelled", job=str(job.pk), kind=job.kind)
        elif job.status != JobStatus.CANCELLED:
            raise DomainError("job_finished", status=job.status)
    return job


def retry(job: Job, *, priority: int | None = None) -> Job:
    """A new attempt of a failed or cancelled job."""
    with transaction.atomic():
        if job.is_live or job.kind not in registry() or not kind_of(job.kind).inputs_exist(job):
            raise DomainError("not_retryable", status=job.status)
        won = transition(
            Job.objects.filter(pk=job.pk), TRANSITIONS, JobStatus.QUEUED, progress=0.0, message="", result=None,
            error=None, finished_at=None, started_at=None, priority=job.priority if priority is None else priority,
            max_attempts=F("attempt") + kind_of(job.kind).max_attempts, revision=F("revision") + 1,
        )  # fmt: skip
        _refresh(job)
        if not won:
            raise DomainError("not_retryable", status=job.status)
        _after(job.pk, "retried")
        wake_on_commit(job.lane)
    return job


def delete(job: Job) -> None:
    """Remove a finished job and what it made. A live one, and one that a session shows, is a conflict."""
    with transaction.atomic():
        fresh = Job.objects.select_for_update().filter(pk=job.pk).first()
        if fresh is None:
            return
        if fresh.is_live:
            raise DomainError("job_live", status=fresh.status)
        try:
            fresh.delete()
        except (ProtectedError, RestrictedError) as exc:
            raise DomainError("job_in_use") from exc
        publish_gone_on_commit(group_name(job.pk))
        transaction.on_commit(lambda: delete_outputs(job.pk))


def output_prefix(job_id: uuid.UUID | str) -> str:
    """The folder in the storage under which every attempt of a job keeps what it made."""
    return f"jobs/{job_id}"


def delete_outputs(job_id: uuid.UUID | str) -> None:
    """Delete everything that any attempt of a job has stored."""
    delete_folder(output_prefix(job_id))


def delete_folder(prefix: str) -> None:
    """Delete every file and folder in the storage below ``prefix``; harmless when there is none."""
    try:
        folders, files = default_storage.listdir(prefix)
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in folders:
        delete_folder(f"{prefix}/{name}")
    for name in files:
        default_storage.delete(f"{prefix}/{name}")
    with contextlib.suppress(OSError):  # somebody has just put something new there
        default_storage.delete(prefix)


def _refresh(job: Job) -> None:
    """Read the row again. Raises ``job_not_found`` when it has been deleted meanwhile."""
    try:
        job.refresh_from_db()
    except Job.DoesNotExist as exc:
        raise DomainError("job_not_found") from exc


def _finish(lease: Lease, status: str, name: str, **values: Any) -> bool:
    with transaction.atomic():
        won = transition(
            lease.rows(), TRANSITIONS, status, lease_token=None, lease_until=None, finished_at=Now(),
            revision=F("revision") + 1, **values,
        )  # fmt: skip
        if won:
            job = _after(lease.job_id, name)
            event("processing.complete", job=str(job.pk), kind=job.kind, outcome=name)
    return bool(won)


def _after(job_id: uuid.UUID, name: str, **data: Any) -> Job:
    """Record and publish what has just been written to a row."""
    job = Job.objects.get(pk=job_id)
    _record(job, name, **data)
    _publish(job)
    return job


def _record(job: Job, name: str, **data: Any) -> None:
    JobEvent.objects.create(job=job, name=name, attempt=job.attempt, data=data)


def _publish(job: Job) -> None:
    publish_on_commit(group_name(job.pk), {"type": "job", "revision": job.revision, "job": job_state(job)})
