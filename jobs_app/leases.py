"""Changes to a job's row by the worker that holds the job's :class:`Lease`.

A function called with a lost lease changes nothing and returns False.
"""

from __future__ import annotations

import logging
import random
import uuid
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest, Least, Now

from jobs_app import admission, pace, queue_limits
from jobs_app.events import publish, record_change, record_end, record_event, reload_job, request_of
from jobs_app.kinds import is_pausable, registry
from jobs_app.messages import wake_workers_on_commit
from jobs_app.models import CRASHES_BEFORE_ALONE, TRANSITIONS, Job, JobPace, JobQuerySet, JobStatus, lease_duration
from vodplatform.core import metrics
from vodplatform.core.formatting import counted
from vodplatform.core.logs import event
from vodplatform.core.records.database import lock_until_commit
from vodplatform.core.records.transitions import transition

logger = logging.getLogger("vodplatform.jobs")
CLAIM_LOCK = 0x766F64
OWNER_LOCK = 0x766F65
LOCK_SECONDS = 5
LONGEST_RETRY_SECONDS = 600.0
RETRY_GROWTH = 4.0
OUTAGE_RETRY_SECONDS = (20.0, 40.0)
BETWEEN_OUTAGES = timedelta(minutes=10)
LONGEST_OUTAGE = timedelta(days=1)
OWNERS_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to write to one job."""

    job_id: uuid.UUID
    token: uuid.UUID

    def rows(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.job_id, lease_token=self.token, status=JobStatus.PROCESSING)


class NeedsOwnProcess(Exception):
    """Exception: the next job has crashed repeatedly and must run alone."""


def claim(
    lane: str, worker: str, *, is_alone: bool = True, look_first: bool = True,
    process: queue_limits.FreePlaces = queue_limits.ALL_FREE, passes_over_crashed: bool = False,
) -> Job | None:  # fmt: skip
    """Claim the lane's next job; return None if no job waits or a limit is reached.

    is_alone: whether no other job runs in this process. look_first: whether to check for a job before taking the lock.
    passes_over_crashed: whether to pass over jobs that have crashed so often that they must run alone.
    """
    if look_first and not _startable(lane, queue_limits.processing_jobs(lane), process).exists():
        return None
    with transaction.atomic():
        _lock(CLAIM_LOCK, lane.encode())
        # Read all running jobs, by a partial index. A query for one owner's running jobs would scan all rows
        # of the owner.
        processing = queue_limits.processing_jobs()
        queued = _startable(lane, [job for job in processing if job.lane == lane], process)
        if passes_over_crashed:
            queued = queued.filter(crashes__lt=CRASHES_BEFORE_ALONE)
        job = _next_of(lane, queued, processing)
        if job is None:
            return None
        if job.runs_alone and not is_alone:
            raise NeedsOwnProcess
        won = transition(
            Job.objects.filter(pk=job.pk), TRANSITIONS, JobStatus.PROCESSING,
            lease_token=uuid.uuid4(), lease_until=Now() + lease_duration(), worker=worker[:100],
            attempt=F("attempt") + 1, started_at=Now(), finished_at=None, run_at=None, error=None, seconds_left=None,
            revision=F("revision") + 1,
        )  # fmt: skip
        if not won:
            return None
        job = reload_job(job.pk)
        record_event(job, "processing", worker=worker)
    return job


def next_needs_own_process(lane: str) -> bool:
    job = next_claimable(lane)
    return job is not None and job.runs_alone


def next_claimable(lane: str) -> Job | None:
    return _startable(lane, queue_limits.processing_jobs(lane)).first()


def _startable(
    lane: str, running: Sequence[queue_limits.ProcessingJob], process: queue_limits.FreePlaces = queue_limits.ALL_FREE
) -> JobQuerySet:
    """Return the queued jobs that the limits of lane and process allow to start. running: running jobs of the lane."""
    if lane not in settings.JOB_LANES:
        return Job.objects.none()
    free, queued = queue_limits.free_places(lane, running), _claimable(lane)
    if free.long and process.long:
        return queued
    fitting = Q(is_short=True) if free.short and process.short else Q(pk__in=())
    if free.relief and process.relief:
        fitting |= ~Q(owner_id__in={job.owner_id for job in running})
    return queued.filter(fitting)


def _claimable(lane: str) -> JobQuerySet:
    return Job.objects.claimable(lane).filter(kind__in=registry())


def _next_of(lane: str, queued: JobQuerySet, processing: Sequence[queue_limits.ProcessingJob]) -> Job | None:
    running = [job.owner_id for job in processing]
    here = Counter(job.owner_id for job in processing if job.lane == lane)
    over_share = {owner_id for owner_id, count in here.items() if count >= queue_limits.max_share(lane)}
    return _pick_job(queued, running, passed_over=over_share) or (
        _pick_job(queued, running, passed_over=set()) if over_share else None
    )


def _pick_job(queued: JobQuerySet, running: list[uuid.UUID], *, passed_over: set[uuid.UUID]) -> Job | None:
    full = set(passed_over)
    while job := queued.exclude(owner_id__in=full).first():
        count = running.count(job.owner_id)
        if connection.vendor == "postgresql":
            if not _try_lock(OWNER_LOCK, job.owner_id.bytes):
                full.add(job.owner_id)
                continue
            running = list(
                Job.objects.filter(status=JobStatus.PROCESSING).order_by().values_list("owner_id", flat=True)
            )
            count = running.count(job.owner_id)
        if count < admission.smallest_limit() or count < admission.jobs_at_once(job.owner_id):
            return job
        full.add(job.owner_id)
    return None


def _lock(space: int, name: bytes) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        lock_until_commit(space, name)


def _try_lock(space: int, name: bytes) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [space, zlib.crc32(name) & 0x7FFFFFFF])
        return bool(cursor.fetchone()[0])


def renew(tokens: Iterable[uuid.UUID]) -> None:
    Job.objects.filter(lease_token__in=list(tokens), status=JobStatus.PROCESSING).update(
        lease_until=Now() + lease_duration()
    )


def held_tokens(tokens: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    rows = Job.objects.filter(lease_token__in=list(tokens), status=JobStatus.PROCESSING)
    return {token for token in rows.values_list("lease_token", flat=True) if token}


def read_paces(kind: str) -> list[list[float]]:
    return list(JobPace.objects.filter(kind=kind).order_by("-id").values_list("curve", flat=True)[: pace.CURVES_KEPT])


def record_pace(kind: str, curve: list[float]) -> None:
    JobPace.objects.create(kind=kind, curve=curve)
    kept = JobPace.objects.filter(kind=kind).order_by("-id").values_list("id", flat=True)[: pace.CURVES_KEPT]
    JobPace.objects.filter(kind=kind, id__lt=min(kept)).delete()


def report_progress(lease: Lease, progress: float, message: str, seconds_left: float | None = None) -> bool:
    """Write and broadcast a job's progress in percent; a smaller value than before is ignored."""
    percent = min(max(progress, 0.0), 100.0)
    with transaction.atomic():
        won = lease.rows().update(
            progress=Greatest(F("progress"), Value(percent)), message=to_storable_text(message),
            seconds_left=seconds_left, revision=F("revision") + 1,
        )  # fmt: skip
        if won:
            publish(reload_job(lease.job_id))
    if won:
        event("processing.progress", progress=round(percent, 1))
    return bool(won)


def to_storable_text(text: str, length: int = 500) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:length]


def save_checkpoint(lease: Lease, state: dict[str, Any]) -> bool:
    return bool(lease.rows().update(checkpoint=state))


def complete(lease: Lease, result: dict[str, Any]) -> bool:
    return _end_job(
        lease, JobStatus.COMPLETED, result=result, progress=100.0, message="Done", checkpoint=None, deadline=None
    )


def fail(lease: Lease, type: str, message: str) -> bool:
    sentence = to_storable_text(message, 4000)
    return _end_job(lease, JobStatus.FAILED, error={"type": type, "message": sentence}, message=sentence[:500])


def requeue(lease: Lease) -> bool:
    """Requeue a job at its old position."""
    return _end_attempt(lease, JobStatus.QUEUED, "given_back", attempt=F("attempt") - 1, message="Waiting to start")


def requeue_behind_others(lease: Lease) -> bool:
    """Requeue a job behind those of other owners."""
    with transaction.atomic():
        job = lease.rows().first()
        if job is None:
            return False
        turn = admission.next_turn(job.owner_id, job.lane)
        return _end_attempt(
            lease, JobStatus.QUEUED, "gave_way", attempt=F("attempt") - 1, turn=turn,
            message="Paused until other users' jobs have run",
        )  # fmt: skip


def tokens_to_preempt(tokens: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return the leases whose jobs must yield to other owners' jobs at their next checkpoint."""
    own, found = set(tokens), set()
    rows = Job.objects.filter(status=JobStatus.PROCESSING, started_at__isnull=False).order_by("started_at")
    rows = rows.filter(is_short=False)
    names = ("lane", "owner_id", "kind", "priority", "lease_token")
    by_lane: dict[str, list[Any]] = {}
    for row in rows.annotate(ran=Now() - F("started_at")).values_list(*names, "ran", named=True):
        if row.lane in settings.JOB_LANES:
            by_lane.setdefault(row.lane, []).append(row)
    for lane, running in by_lane.items():
        if len(running) < queue_limits.runnable_limit(lane) or not own & {row.lease_token for row in running}:
            continue
        counts = Counter(row.owner_id for row in running)
        for row in running:
            least = queue_limits.slice_seconds(lane, row.owner_id, counts)
            if is_pausable(row.kind) and row.ran.total_seconds() >= least and _has_waiting_competitor(lane, row):
                found |= own & {row.lease_token}
                break
    return found


def _has_waiting_competitor(lane: str, job: Any) -> bool:
    waiting = _claimable(lane).exclude(owner_id=job.owner_id).filter(priority__gte=job.priority)
    owners = set(waiting.order_by().values_list("owner_id", flat=True).distinct()[:OWNERS_LOOKED_AT])
    if not owners:
        return False
    theirs = Job.objects.filter(status=JobStatus.PROCESSING, owner_id__in=owners).order_by()
    running = Counter(theirs.values_list("owner_id", flat=True))
    return any(running[owner_id] < admission.jobs_at_once(owner_id) for owner_id in owners)


def record_crash(lease: Lease, why: str) -> bool:
    with transaction.atomic():
        job = lease.rows().first()
        if job is None:
            return False
        if job.crashes + 1 >= job.max_attempts:
            lease.rows().update(crashes=F("crashes") + 1)
            return fail(lease, "job_crashed", f"The job crashed {counted(job.crashes + 1, 'time')}: {why}")
        return _end_attempt(
            lease,
            JobStatus.QUEUED,
            "crashed",
            {"why": to_storable_text(why)},
            crashes=F("crashes") + 1,
            message="Restarting",
        )


def wait(lease: Lease, state: dict[str, Any], seconds: float, *, deadline_seconds: float, message: str) -> bool:
    """Release the worker. The job continues after ``seconds``, or when `services.wake_waiting` is called.

    deadline_seconds: see :meth:`jobs_app.context.JobContext.wait`.
    """
    with transaction.atomic():
        if lease.rows().filter(deadline__lte=Now()).exists():
            return fail(lease, "wait_timeout", "The external service did not finish in time.")
        deadline = Coalesce(F("deadline"), Now() + timedelta(seconds=deadline_seconds))
        # If `wake_waiting` was called while the job ran, it has set run_at, and the job continues at once.
        run_at = Coalesce(F("run_at"), Least(Now() + timedelta(seconds=seconds), deadline))
        return _end_attempt(
            lease, JobStatus.WAITING, "waiting", attempt=F("attempt") - 1, admitted=False, checkpoint=state,
            deadline=deadline, run_at=run_at, message=to_storable_text(message),
        )  # fmt: skip


def retry_later(lease: Lease, type: str, message: str) -> bool:
    """Record a temporary error: retry after an increasing delay, or fail once the retries are used up."""
    with transaction.atomic():
        job = lease.rows().first()
        if job is None:
            return False
        kind = registry().get(job.kind)
        if kind is None or job.retries >= kind.max_retries:
            return fail(lease, type, message)
        delay = min(kind.retry_seconds * RETRY_GROWTH**job.retries, LONGEST_RETRY_SECONDS)
        # Jobs that failed together must not retry together.
        delay *= random.uniform(0.75, 1.25)  # noqa: S311
        return _end_attempt(
            lease, JobStatus.WAITING, "retrying",
            {"type": type, "why": to_storable_text(message), "seconds": round(delay, 1)},
            retries=F("retries") + 1, admitted=False, run_at=Now() + timedelta(seconds=delay),
            message=f"{to_storable_text(message, 400)} Trying again automatically.",
        )  # fmt: skip


def wait_for_storage(lease: Lease, type: str, message: str) -> bool:
    """Retry the job soon, or fail it if the storage has been unavailable for longer than ``LONGEST_OUTAGE``.

    If this attempt ran longer than ``BETWEEN_OUTAGES``, the storage worked in between, and a new outage begins now.
    """
    with transaction.atomic():
        job = lease.rows().annotate(now=Now()).first()
        if job is None:
            return False
        assert job.started_at
        went_on = job.now - job.started_at > BETWEEN_OUTAGES
        since = job.now if job.away_since is None or went_on else job.away_since
        if job.now - since > LONGEST_OUTAGE:
            return fail(lease, type, message)
        seconds = random.uniform(*OUTAGE_RETRY_SECONDS)  # noqa: S311 - no secret
        return _end_attempt(
            lease, JobStatus.WAITING, "retrying",
            {"type": type, "why": to_storable_text(message), "seconds": round(seconds, 1)},
            attempt=F("attempt") - 1, admitted=False, away_since=since, run_at=Now() + timedelta(seconds=seconds),
            message=f"{to_storable_text(message, 400)} Trying again automatically.",
        )  # fmt: skip


def _end_attempt(lease: Lease, to: str, name: str, data: dict[str, Any] | None = None, **values: Any) -> bool:
    with transaction.atomic():
        won = transition(
            lease.rows(), TRANSITIONS, to, lease_token=None, lease_until=None, worker="", revision=F("revision") + 1,
            **values,
        )  # fmt: skip
        if won:
            job = record_change(lease.job_id, name, **(data or {}))
            if to == JobStatus.QUEUED:
                wake_workers_on_commit(job)
            admission.admit_after_job_left(job.owner_id, job.lane)
    return bool(won)


def _end_job(lease: Lease, status: str, **values: Any) -> bool:
    with transaction.atomic():
        won = transition(
            lease.rows(), TRANSITIONS, status, lease_token=None, lease_until=None, finished_at=Now(), admitted=False,
            revision=F("revision") + 1, **values,
        )  # fmt: skip
        if won:
            job = record_end(lease.job_id, status)
            admission.admit_after_job_left(job.owner_id, job.lane)
            transaction.on_commit(lambda: _record_outcome(job), robust=True)
    return bool(won)


def _record_outcome(job: Job) -> None:
    level = logging.INFO
    data: dict[str, Any] = {"kind": job.kind, "outcome": job.status}
    if job.status == JobStatus.FAILED:
        error = job.error or {}
        level = logging.WARNING
        data |= {
            "error_type": error.get("type"), "message": error.get("message"), "owner": str(job.owner_id),
            "queued_by_request": request_of(job.pk),
        }  # fmt: skip
    event("processing.complete", level=level, **data)
    metrics.JOB_OUTCOMES.labels(job.kind, job.status).inc()
    if job.started_at and job.finished_at:
        metrics.JOB_SECONDS.labels(job.kind).observe((job.finished_at - job.started_at).total_seconds())
