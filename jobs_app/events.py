"""Log events and realtime messages about changed jobs."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from jobs_app.kinds import registry
from jobs_app.models import Job, JobEvent
from jobs_app.serializers import JobSerializer
from vodplatform.core import logs
from vodplatform.core.web.publish import publish_gone_on_commit, publish_on_commit

ALL_JOBS_GROUP = "jobs.all"


def group_name(job_id: uuid.UUID | str) -> str:
    return f"job.{job_id}"


def owners_group_name(owner_id: uuid.UUID | str) -> str:
    return f"jobs.of.{owner_id}"


def reload_job(job_id: uuid.UUID) -> Job:
    return Job.objects.select_related("owner").get(pk=job_id)


def request_data() -> dict[str, str]:
    request_id = logs.request_id.get()
    return {"request_id": request_id} if request_id else {}


def request_of(job_id: uuid.UUID) -> str:
    events = JobEvent.objects.filter(job=job_id, name__in=("queued", "retried")).order_by("id")
    data = events.values_list("data", flat=True).last() or {}
    return str(data.get("request_id", ""))


def record_event(job: Job, name: str, **data: Any) -> None:
    JobEvent.objects.create(job=job, name=name, attempt=job.attempt, data=data)
    publish(job)


def record_change(job_id: uuid.UUID, name: str, **data: Any) -> Job:
    job = reload_job(job_id)
    record_event(job, name, **data)
    return job


def record_end(job_id: uuid.UUID, name: str) -> Job:
    job = record_change(job_id, name)
    if job.kind in registry():
        registry()[job.kind].hooks.ended(job)
    return job


def record_ends(keys: Sequence[uuid.UUID], name: str) -> None:
    """Do what :func:`record_end` does for several jobs."""
    jobs = list(Job.objects.select_related("owner").filter(pk__in=keys))
    JobEvent.objects.bulk_create([JobEvent(job=job, name=name, attempt=job.attempt) for job in jobs])
    for job in jobs:
        publish(job)
        if job.kind in registry():
            registry()[job.kind].hooks.ended(job)


def publish(job: Job) -> None:
    publish_on_commit(
        (group_name(job.pk), owners_group_name(job.owner_id), ALL_JOBS_GROUP),
        {"type": "job", "revision": job.revision, "job": JobSerializer.show(job)},
    )


def publish_gone(job_id: uuid.UUID, owner_id: uuid.UUID) -> None:
    publish_gone_on_commit(group_name(job_id))
    publish_on_commit((owners_group_name(owner_id), ALL_JOBS_GROUP), {"type": "gone", "id": str(job_id)})
