"""What follows a written row: its event, and the message to whoever watches. Changes no job itself."""

from __future__ import annotations

import uuid
from typing import Any

from jobs_app.kinds import registry
from jobs_app.models import Job, JobEvent
from jobs_app.serializers import JobSerializer
from vodplatform.core import logs
from vodplatform.core.web.publish import publish_gone_on_commit, publish_on_commit

EVERYBODYS_JOBS = "jobs.all"


def group_name(job_id: uuid.UUID | str) -> str:
    """The realtime group of one job."""
    return f"job.{job_id}"


def owners_group_name(owner_id: uuid.UUID | str) -> str:
    """The realtime group of all jobs of one user."""
    return f"jobs.of.{owner_id}"


def reload_job(job_id: uuid.UUID) -> Job:
    """The row as it is now, with its owner. Raises ``Job.DoesNotExist``."""
    return Job.objects.select_related("owner").get(pk=job_id)


def request_data() -> dict[str, str]:
    """Return the data of an event that a request causes: the request's id, or nothing outside of requests."""
    request_id = logs.request_id.get()
    return {"request_id": request_id} if request_id else {}


def request_of(job_id: uuid.UUID) -> str:
    """Return the id of the last request that queued the job, or an empty string."""
    events = JobEvent.objects.filter(job=job_id, name__in=("queued", "retried")).order_by("id")
    data = events.values_list("data", flat=True).last() or {}
    return str(data.get("request_id", ""))


def record_event(job: Job, name: str, **data: Any) -> None:
    """Write the event and tell who watches, for a row that has just been written and read again."""
    JobEvent.objects.create(job=job, name=name, attempt=job.attempt, data=data)
    publish(job)


def record_change(job_id: uuid.UUID, name: str, **data: Any) -> Job:
    """Reload a job whose row has just been written, and record the event ``name`` of it."""
    job = reload_job(job_id)
    record_event(job, name, **data)
    return job


def record_end(job_id: uuid.UUID, name: str) -> Job:
    """:func:`record_change` for a job that has ended; what its kind does then is in the same transaction."""
    job = record_change(job_id, name)
    if job.kind in registry():
        registry()[job.kind].hooks.ended(job)
    return job


def publish(job: Job) -> None:
    """Tell who watches the job, its owner's jobs or all jobs, once this transaction commits."""
    publish_on_commit(
        (group_name(job.pk), owners_group_name(job.owner_id), EVERYBODYS_JOBS),
        {"type": "job", "revision": job.revision, "job": JobSerializer.show(job)},
    )


def publish_gone(job_id: uuid.UUID, owner_id: uuid.UUID) -> None:
    """Tell them that the job is no more."""
    publish_gone_on_commit(group_name(job_id))
    publish_on_commit((owners_group_name(owner_id), EVERYBODYS_JOBS), {"type": "gone", "id": str(job_id)})
