"""Maintenance of the job queues, by a thread of each worker process."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import RESTRICT
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from jobs_app import admission, leases, messages, periodic, services
from jobs_app.heartbeat import lease_renewer
from jobs_app.kinds import registry
from jobs_app.models import FINISHED, Job, JobStatus
from jobs_app.runner import running_jobs
from vodplatform.core.errors import DomainError
from vodplatform.core.models import ProcessKind
from vodplatform.core.processes.process import kill_orphans
from vodplatform.core.records import process_registry

logger = logging.getLogger("vodplatform.jobs")
STRAY_SECONDS = 60.0
HOST_SECONDS = 60.0
PURGE_BATCH = 10_000
DUE_BATCH = 500


def recover_expired_jobs() -> int:
    """Requeue or fail the jobs of dead workers; return how many.

    Stops after a slow query: a slow database may have kept living workers from renewing their leases.
    """
    count, began = 0, time.monotonic()
    for job in [job for job in Job.objects.lease_expired() if job.kind in registry()]:
        assert job.lease_token
        lease = leases.Lease(job.pk, job.lease_token)
        with transaction.atomic():
            # The lease may have been renewed since the query. The lock on the job's row prevents later renewals.
            is_over = lease.rows().filter(lease_until__lt=Now()).select_for_update().first() is not None
            if time.monotonic() - began > settings.JOB_RENEW_SECONDS / 2:
                break
            if is_over:
                count += leases.record_crash(lease, "the worker stopped responding")
        began = time.monotonic()
    return count


def wake_due() -> int:
    return sum(
        services.queue_due(job_id) for job_id in list(Job.objects.due().values_list("pk", flat=True)[:DUE_BATCH])
    )


def unclaimable_jobs() -> list[str]:
    queued = Job.objects.filter(status=JobStatus.QUEUED).order_by().values_list("kind", "lane").distinct()
    known = registry()
    return sorted(f"{kind} in {lane}" for kind, lane in queued if kind not in known or lane not in settings.JOB_LANES)


class LaneWithoutWorker(Exception):
    """Error: jobs wait in lanes that no living worker serves. The message names the lanes."""


def check_workers() -> None:
    try:
        waiting = Job.objects.filter(status=JobStatus.QUEUED, admitted=True).order_by()
        old = waiting.filter(created_at__lt=Now() - timedelta(seconds=process_registry.GONE_SECONDS))
        lanes = set(old.values_list("lane", flat=True).distinct())
        taken = {
            lane for queues in process_registry.living_processes().values_list("queues", flat=True) for lane in queues
        }
        if left := sorted(lanes - taken):
            raise LaneWithoutWorker(", ".join(left))
    finally:
        connection.close()


def jobs_to_run(queues: Collection[str] | None = None) -> list[Job]:
    """Return the job that each lane can start next, if any. The caller wakes workers for these jobs."""
    lanes = [lane for lane in settings.JOB_LANES if queues is None or lane in queues]
    return [job for lane in lanes if (job := leases.next_claimable(lane))]


def purge() -> int:
    """Delete old finished jobs, except those that a session shows; return how many."""
    age = timedelta(days=settings.JOB_RETENTION_DAYS)
    old = Job.objects.filter(status__in=FINISHED, finished_at__lt=Now() - age).order_by("finished_at")
    for relation in Job._meta.related_objects:
        if relation.on_delete is RESTRICT:
            old = old.filter(**{f"{relation.name}__isnull": True})
    count = 0
    for job_id in list(old.values_list("pk", flat=True)[:PURGE_BATCH]):
        try:
            services.delete(Job(pk=job_id))
            count += 1
        except DomainError:
            continue
    return count


class Sweep:
    """The periodic maintenance of a worker process.

    queues: the lanes that this process serves; it wakes workers only for jobs in these lanes. None means all lanes.
    """

    def __init__(self, queues: Collection[str] | None = None) -> None:
        self.queues = queues
        self._next_admission = self._next_stray = self._next_host = 0.0
        self._last_owner: uuid.UUID | None = None

    def __call__(self) -> None:
        # After a database outage, all leases have expired. Wait until living workers have renewed theirs.
        if lease_renewer.is_database_stable():
            recover_expired_jobs()
        wake_due()
        now = time.monotonic()
        if now >= self._next_admission:
            self._next_admission = now + settings.JOB_ADMISSION_SECONDS
            self._tell()
            self._last_owner = admission.admit_all(self._last_owner)
            if settings.HOST_CHORE and now >= self._next_host:
                self._next_host = now + HOST_SECONDS
                periodic.run_in_thread("host", import_string(settings.HOST_CHORE))
            periodic.start_due()
        if now >= self._next_stray:
            self._next_stray = now + STRAY_SECONDS
            kill_orphans()
        for job in jobs_to_run(self.queues):
            messages.wake_workers(job)

    def _tell(self) -> None:
        taken = settings.JOB_LANES if self.queues is None else self.queues
        with contextlib.suppress(DatabaseError):
            process_registry.report_process(
                ProcessKind.WORKER, queues=taken, max_jobs=running_jobs.max_jobs or 0, jobs=running_jobs.running
            )


class Sweeper:
    """The maintenance thread. Calls of the broker may block it, so another thread renews leases."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, queues: Collection[str] | None = None) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, args=(Sweep(queues),), name="sweep", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def join(self, seconds: float) -> bool:
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self, sweep: Sweep) -> None:
        while not self._stop.is_set():
            try:
                sweep()
            except DatabaseError as exc:
                lease_renewer.mark_database_trouble()
                logger.warning("sweep", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:
                logger.exception("error")
                connection.close()
            self._stop.wait(settings.JOB_SWEEP_SECONDS)
        connection.close()


sweeper = Sweeper()
