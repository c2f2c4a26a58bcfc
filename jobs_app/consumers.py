"""WebSockets that send the state of one job, or of the newest jobs, at once and after each change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from jobs_app.events import ALL_JOBS_GROUP, group_name, owners_group_name
from jobs_app.models import Job
from jobs_app.serializers import JobSerializer
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import WatchConsumer

LISTED = 50


class JobConsumer(WatchConsumer):
    def snapshot(self, user: User) -> tuple[str, dict[str, Any]] | None:
        try:
            job_id = UUID(self.route["job_id"])
        except ValueError:
            return None
        job = Job.objects.visible_to(user).select_related("owner").filter(pk=job_id).first()
        if job is None:
            return None
        return group_name(job.pk), {"type": "job", "revision": job.revision, "job": JobSerializer.show(job)}


class JobListConsumer(WatchConsumer):
    """WebSocket of the newest jobs that a user may see.

    :class:`WatchConsumer` checks each minute whether the ``revision`` of the list has changed. The ``revision`` is the
    current time, so the list is sent again each minute, even if no job has changed.
    """

    def snapshot(self, user: User) -> tuple[str, dict[str, Any]] | None:
        jobs = Job.objects.visible_to(user)
        newest = list(jobs.select_related("owner").annotate(looked_at=Now())[:LISTED])
        revision = int(newest[0].looked_at.timestamp() * 1000) if newest else self.revision + 1  # type: ignore[attr-defined]
        group = ALL_JOBS_GROUP if user.is_admin else owners_group_name(user.pk)
        message = {"type": "jobs", "revision": revision, "jobs": [JobSerializer.show(job) for job in newest]}
        return group, {**message, "total": jobs.count()}

    async def watch_message(self, event: dict[str, Any]) -> None:
        await self.send_json(event["message"])
