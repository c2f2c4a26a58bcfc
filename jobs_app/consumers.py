"""``ws/jobs/{id}/``: the present state of one job, then every change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs_app.models import Job, job_state
from jobs_app.services import group_name
from vodplatform.accounts.models import User
from vodplatform.accounts.realtime import WatchConsumer


class JobConsumer(WatchConsumer):
    def snapshot(self, user: User) -> tuple[str, dict[str, Any]] | None:
        try:
            job_id = UUID(self.route["job_id"])
        except ValueError:
            return None
        job = Job.objects.visible_to(user).filter(pk=job_id).first()
        if job is None:
            return None
        return group_name(job.pk), {"type": "job", "revision": job.revision, "job": job_state(job)}
