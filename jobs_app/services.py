"""Changes to jobs by users, sessions and other services."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, IntegerField, ProtectedError, QuerySet, RestrictedError, Value, When
from django.db.models.functions import Now

from jobs_app import admission
from jobs_app.events import publish, publish_gone, record_change, record_end, record_ends, reload_job, request_data
from jobs_app.kinds import is_pausable, kind_of, registry
from jobs_app.messages import wake_workers_on_commit
from jobs_app.models import FINISHED, TRANSITIONS, Job, JobEvent, JobStatus, Priority
from jobs_app.outputs import delete_outputs
from vodplatform.accounts.models import User
from vodplatform.core import metrics
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records.transitions import transition

logger = logging.getLogger("vodplatform.jobs")
MAX_UNFINISHED_JOBS = 200  # maximum number of an owner's unfinished jobs, beyond which users cannot start more
CANCELLED_AT_ONCE = 500  # maximum number of jobs in one query, because databases limit the parameters of a query
RETRYABLE = (JobStatus.FAILED, JobStatus.CANCELLED)


def enqueue(
    kind: str, owner: User, params: dict[str, Any], *, priority: int = Priority.NORMAL, job_id: uuid.UUID | None = None,
    segments: list[dict[str, Any]] | None = None, is_short: bool = False, is_limited: bool = False,
) -> Job:  # fmt: skip
    """Create a queued job in the caller's transaction; wake a worker on commit.

    job_id: id of the job, if the caller has already stored something under this id. is_short: whether the job should
    take at most a minute. A lane may run one short job in addition to its limit. is_limited: whether to raise
    ``job_limit`` if the owner has :data:`MAX_UNFINISHED_JOBS` unfinished jobs.
    """
    definition = kind_of(kind)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        if is_limited and Job.objects.live().filter(owner=owner).count() >= MAX_UNFINISHED_JOBS:
            raise DomainError("job_limit", limit=MAX_UNFINISHED_JOBS)
        is_admitted, turn = admission.admit(owner.pk, definition.lane)
        job = Job.objects.create(
            kind=kind, lane=definition.lane, owner=owner, params=params, priority=priority,
            max_attempts=definition.max_attempts, admitted=is_admitted, turn=turn, pk=job_id or uuid.uuid4(),
            is_pro_job=segments is not None, segments_data=segments, is_short=is_short,
        )  # fmt: skip
        job.refresh_from_db(fields=["created_at"])
        JobEvent.objects.create(job=job, name="queued", data=request_data())
        publish(job)
        if is_admitted:
            wake_workers_on_commit(job)
    return job


def cancel(job: Job) -> Job:
    with transaction.atomic():
        won = _set_cancelled([job.pk])
        job = _reload(job)
        if won:
            record_end(job.pk, "cancelled")
            admission.admit_after_job_left(job.owner_id, job.lane)
            _count_cancelled([job])
        elif job.status != JobStatus.CANCELLED:
            raise DomainError("job_finished", status=job.status)
    return job


def pause(job: Job) -> Job:
    """Pause an unfinished job; it resumes from its last checkpoint."""
    with transaction.atomic():
        _check_pausable(job)
        won = transition(
            Job.objects.filter(pk=job.pk), TRANSITIONS, JobStatus.PAUSED,
            attempt=Case(
                When(status=JobStatus.PROCESSING, then=F("attempt") - 1), default=F("attempt"),
                output_field=IntegerField(),
            ),
            lease_token=None, lease_until=None, worker="", admitted=False, run_at=None, message="Paused",
            revision=F("revision") + 1,
        )  # fmt: skip
        job = _reload(job)
        if won:
            _record_exit(job, "paused")
        elif job.status in FINISHED:
            raise DomainError("job_finished", status=job.status)
    return job


def resume(job: Job) -> Job:
    with transaction.atomic():
        _check_pausable(job)
        is_admitted, turn = admission.admit(job.owner_id, job.lane)
        won = transition(
            Job.objects.filter(pk=job.pk, status=JobStatus.PAUSED), TRANSITIONS, JobStatus.QUEUED,
            admitted=is_admitted, turn=turn, message="", revision=F("revision") + 1,
        )  # fmt: skip
        job = _reload(job)
        if won:
            record_change(job.pk, "resumed")
            wake_workers_on_commit(job)
        elif job.status in FINISHED:
            raise DomainError("job_finished", status=job.status)
    return job


def retry(job: Job, *, priority: int | None = None) -> Job:
    with transaction.atomic():
        if job.is_live or job.kind not in registry() or not kind_of(job.kind).hooks.inputs_exist(job):
            raise DomainError("not_retryable", status=job.status)
        is_admitted, turn = admission.admit(job.owner_id, job.lane)
        won = transition(
            Job.objects.filter(pk=job.pk, status__in=RETRYABLE), TRANSITIONS, JobStatus.QUEUED,
            progress=0.0, message="", result=None, error=None, finished_at=None, started_at=None, checkpoint=None,
            deadline=None, away_since=None, run_at=None, retries=0, admitted=is_admitted, turn=turn,
            priority=job.priority if priority is None else priority,
            max_attempts=F("crashes") + kind_of(job.kind).max_attempts, revision=F("revision") + 1,
        )  # fmt: skip
        job = _reload(job)
        if not won:
            raise DomainError("not_retryable", status=job.status)
        record_change(job.pk, "retried", **request_data())
        wake_workers_on_commit(job)
    return job


def put_first(job: Job) -> Job:
    """Put a job first in its lane, even if its owner is at their limit."""
    with transaction.atomic():
        rows = Job.objects.filter(pk=job.pk).exclude(status__in=FINISHED)
        won = rows.update(
            priority=Priority.HIGH, revision=F("revision") + 1,
            admitted=Case(When(status=JobStatus.QUEUED, then=Value(True)), default=F("admitted")),
        )  # fmt: skip
        job = _reload(job)
        if not won:
            raise DomainError("job_finished", status=job.status)
        record_change(job.pk, "raised")
        wake_workers_on_commit(job)
    return job


def cancel_all(jobs: QuerySet[Job]) -> None:
    """Cancel jobs that have not ended. Rows are locked in a fixed order, to avoid deadlocks."""
    with transaction.atomic():
        live = [job for job in jobs.order_by("pk").select_for_update() if job.is_live]
        for start in range(0, len(live), CANCELLED_AT_ONCE):
            keys = [job.pk for job in live[start : start + CANCELLED_AT_ONCE]]
            _set_cancelled(keys)
            record_ends(keys, "cancelled")
        _count_cancelled(live)
        for owner_id, lane in sorted({(job.owner_id, job.lane) for job in live}):
            admission.admit_after_jobs_left(owner_id, lane)


def _set_cancelled(keys: list[uuid.UUID]) -> int:
    return transition(
        Job.objects.filter(pk__in=keys), TRANSITIONS, JobStatus.CANCELLED, lease_token=None, lease_until=None,
        finished_at=Now(), run_at=None, admitted=False, message="Cancelled", revision=F("revision") + 1,
    )  # fmt: skip


def _count_cancelled(jobs: list[Job]) -> None:
    for job in jobs:
        transaction.on_commit(metrics.JOB_OUTCOMES.labels(job.kind, JobStatus.CANCELLED).inc)
        event("processing.cancelled", job=str(job.pk), kind=job.kind)


def wake_waiting(job_id: uuid.UUID) -> bool:
    """Let a waiting job continue now. Return False if the job neither waits nor runs."""
    with transaction.atomic():
        # Also set `run_at` of a running job: its next `leases.wait` keeps this `run_at`, so that wait ends at once.
        rows = Job.objects.filter(pk=job_id, status__in=[JobStatus.WAITING, JobStatus.PROCESSING])
        found = rows.update(run_at=Now())
        if found:
            queue_due(job_id)
    return bool(found)


def queue_due(job_id: uuid.UUID) -> bool:
    with transaction.atomic():
        won = transition(
            Job.objects.due().filter(pk=job_id), TRANSITIONS, JobStatus.QUEUED, admitted=True, run_at=None,
            revision=F("revision") + 1,
        )  # fmt: skip
        if won:
            wake_workers_on_commit(record_change(job_id, "due"))
    return bool(won)


def clear_finished(user: User, until: datetime | Now | None) -> datetime | None:
    """Hide the jobs that ended at or before ``until`` from the user's list; None hides none."""
    return _store_time(user, "jobs_cleared_at", until)


def mark_seen(user: User, until: datetime | Now | None) -> datetime | None:
    return _store_time(user, "jobs_seen_at", until)


def _store_time(user: User, field: str, until: datetime | Now | None) -> datetime | None:
    row = User.objects.filter(pk=user.pk)
    row.update(**{field: until})
    stored: datetime | None = row.values_list(field, flat=True).get()
    return stored


def delete(job: Job) -> None:
    """Delete a finished job and its outputs.

    Raises ``job_live`` if the job has not ended, ``job_in_use`` if a session shows it.
    """
    with transaction.atomic():
        fresh = Job.objects.select_for_update().filter(pk=job.pk).first()
        if fresh is None:
            return
        if fresh.is_live:
            raise DomainError("job_live", status=fresh.status)
        owner_id = fresh.owner_id
        try:
            fresh.delete()
        except (ProtectedError, RestrictedError) as exc:
            raise DomainError("job_in_use") from exc
        publish_gone(job.pk, owner_id)
        transaction.on_commit(lambda: delete_outputs(job.pk))


def _check_pausable(job: Job) -> None:
    if job.status not in FINISHED and not is_pausable(job.kind):
        raise DomainError("not_pausable", status=job.status)


def _record_exit(job: Job, name: str) -> None:
    record_change(job.pk, name)
    admission.admit_after_job_left(job.owner_id, job.lane)


def _reload(job: Job) -> Job:
    try:
        return reload_job(job.pk)
    except Job.DoesNotExist as exc:
        raise DomainError("job_not_found") from exc
