"""What nobody asks for and has to happen: taking over from dead workers, waking what is due, and cleaning up."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import RESTRICT
from django.db.models.functions import Now

from jobs_app import leases, services
from jobs_app.kinds import registry
from jobs_app.models import FINISHED, Job, JobStatus
from vodplatform.base.errors import DomainError
from vodplatform.base.records import running

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
        old = waiting.filter(created_at__lt=Now() - timedelta(seconds=running.GONE_SECONDS))
        lanes = set(old.values_list("lane", flat=True).distinct())
        taken = {lane for queues in running.present().values_list("queues", flat=True) for lane in queues}
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
