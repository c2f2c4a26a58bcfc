"""The maintenance of the queues: jobs of dead workers, waiting jobs that are due, lost messages, and old jobs.

Each worker process does it every few seconds, in a thread beside its jobs.
"""

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
from jobs_app.heartbeat import keeper
from jobs_app.kinds import registry
from jobs_app.models import FINISHED, Job, JobStatus
from jobs_app.runner import room
from vodplatform.core.errors import DomainError
from vodplatform.core.models import ProcessKind
from vodplatform.core.processes.process import kill_orphans
from vodplatform.core.records import process_registry

logger = logging.getLogger("vodplatform.jobs")
STRAY_SECONDS = 60.0
HOST_SECONDS = 60.0
PURGE_BATCH = 10_000
DUE_BATCH = 500


def take_over_expired() -> int:
    """Take over the jobs of workers that are gone; returns how many.

    Those of a kind that this program does not know are left to who does: how often one may crash stands there.

    Who had to wait for the database was not alone in that: the living renew their leases first, and the next call sees
    who has not.
    """
    count, began = 0, time.monotonic()
    for job in [job for job in Job.objects.lease_expired() if job.kind in registry()]:
        assert job.lease_token
        lease = leases.Lease(job.pk, job.lease_token)
        with transaction.atomic():
            # Renewed since it was listed: then it is not ours to take. Locked, so that it is not renewed from here on.
            is_over = lease.rows().filter(lease_until__lt=Now()).select_for_update().first() is not None
            if time.monotonic() - began > settings.JOB_RENEW_SECONDS / 2:
                break
            if is_over:
                count += leases.record_crash(lease, "the worker was not heard of any more")
        began = time.monotonic()
    return count


def wake_due() -> int:
    """Queue the waiting jobs whose time has come; returns how many."""
    return sum(
        services.queue_due(job_id) for job_id in list(Job.objects.due().values_list("pk", flat=True)[:DUE_BATCH])
    )


def unclaimable_jobs() -> list[str]:
    """``kind in lane`` of queued jobs that this program never claims, because another release or other settings did."""
    queued = Job.objects.filter(status=JobStatus.QUEUED).order_by().values_list("kind", "lane").distinct()
    known = registry()
    return sorted(f"{kind} in {lane}" for kind, lane in queued if kind not in known or lane not in settings.JOB_LANES)


class NobodyTakesJobs(Exception):
    """Jobs wait in a lane that no living worker takes; the message names the lanes."""


def ask_workers() -> None:
    """For ``/health``: raises :class:`NobodyTakesJobs` where jobs wait in a lane that no living worker takes."""
    try:
        waiting = Job.objects.filter(status=JobStatus.QUEUED, admitted=True).order_by()
        old = waiting.filter(created_at__lt=Now() - timedelta(seconds=process_registry.GONE_SECONDS))
        lanes = set(old.values_list("lane", flat=True).distinct())
        taken = {lane for queues in process_registry.present().values_list("queues", flat=True) for lane in queues}
        if left := sorted(lanes - taken):
            raise NobodyTakesJobs(", ".join(left))
    finally:
        connection.close()  # asked in a thread of its own


def jobs_to_run(queues: Collection[str] | None = None) -> list[Job]:
    """The next job of each queue that has an admitted queued job and a free slot: its message may have been lost.

    ``queues``: these only.
    """
    lanes = [lane for lane in settings.JOB_LANES if queues is None or lane in queues]
    return [job for lane in lanes if (job := leases.next_claimable(lane))]


def purge() -> int:
    """Delete finished jobs that are old enough and shown by nothing; returns how many."""
    age = timedelta(days=settings.JOB_RETENTION_DAYS)
    old = Job.objects.filter(status__in=FINISHED, finished_at__lt=Now() - age).order_by("finished_at")
    for relation in Job._meta.related_objects:
        if relation.on_delete is RESTRICT:  # what a session shows stays with it
            old = old.filter(**{f"{relation.name}__isnull": True})
    count = 0
    for job_id in list(old.values_list("pk", flat=True)[:PURGE_BATCH]):
        try:
            services.delete(Job(pk=job_id))
            count += 1
        except DomainError:  # a session shows it, or it has just been retried
            continue
    return count


class Sweep:
    """Each call is one sweep; what is due more seldom is left out until it is.

    ``queues``: those that this process takes jobs from; None for all. Jobs of others are not woken, so that no
    messages pile up where nobody takes them.
    """

    def __init__(self, queues: Collection[str] | None = None) -> None:
        self.queues = queues
        self._next_admission = self._next_stray = self._next_host = 0.0
        self._last_owner: uuid.UUID | None = None

    def __call__(self) -> None:
        """Take over what dead workers left, wake what is due, and send again for jobs whose message was lost."""
        # After an outage every lease has run out: the living renew theirs first.
        if keeper.is_database_stable():
            take_over_expired()
        wake_due()
        now = time.monotonic()
        if now >= self._next_admission:
            self._next_admission = now + settings.JOB_ADMISSION_SECONDS
            self._tell()
            self._last_owner = admission.admit_all(self._last_owner)
            if settings.HOST_CHORE and now >= self._next_host:
                self._next_host = now + HOST_SECONDS
                periodic.begin("host", import_string(settings.HOST_CHORE))
            periodic.begin_due()
        if now >= self._next_stray:
            self._next_stray = now + STRAY_SECONDS
            kill_orphans()
        for job in jobs_to_run(self.queues):
            messages.send(job)

    def _tell(self) -> None:
        taken = settings.JOB_LANES if self.queues is None else self.queues
        # While a release is being installed, its table may not exist yet.
        with contextlib.suppress(DatabaseError):
            process_registry.tell(ProcessKind.WORKER, queues=taken, max_jobs=room.max_jobs or 0, jobs=room.running)


class Sweeper:
    """The thread that sweeps: apart from the one that renews leases, since a broker that hangs may hold it up."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, queues: Collection[str] | None = None) -> None:
        """Begin; harmless when it runs already. ``queues`` as in :class:`Sweep`."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, args=(Sweep(queues),), name="sweep", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop sweeping once the current sweep has ended."""
        self._stop.set()

    def join(self, seconds: float) -> bool:
        """Wait for the thread's end, so long at most; whether it has ended."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self, sweep: Sweep) -> None:
        while not self._stop.is_set():
            try:
                sweep()
            except DatabaseError as exc:
                keeper.mark_database_trouble()
                logger.warning("sweep", extra={"data": {"exception": repr(exc)}})
                connection.close()
            except Exception:  # without this thread lost messages stay lost
                logger.exception("error")
                connection.close()
            self._stop.wait(settings.JOB_SWEEP_SECONDS)
        connection.close()


sweeper = Sweeper()
