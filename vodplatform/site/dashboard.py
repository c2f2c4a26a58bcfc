"""The figures on the first page of the Django admin."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse

from jobs_app.models import Job, JobStatus
from media_app.videos.models import Video
from vodplatform.accounts.models import User
from vodplatform.core.files import disk
from vodplatform.core.formatting import counted, size
from vodplatform.core.models import ProcessKind
from vodplatform.core.records.process_registry import living_processes
from vodplatform.site.moderation import open_count

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its label and link. is_bad: whether an operator or moderator should act on it."""

    label: str
    value: str
    note: str
    href: str
    is_bad: bool = False


def add_figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    user = cast(User, request.user)
    reports = open_count(user)
    figures = [Figure("Open reports", str(reports), "Videos and challenges", reverse("moderation"), reports > 0)]
    if user.is_admin:
        figures += [*_jobs(), _hosts(), *_space()]
    return {**context, "figures": figures}


def _jobs() -> list[Figure]:
    failed = Q(status=JobStatus.FAILED, finished_at__gt=Now() - DAY)
    found = Job.objects.aggregate(
        failed=Count("pk", filter=failed),
        running=Count("pk", filter=Q(status=JobStatus.PROCESSING)),
        queued=Count("pk", filter=Q(status=JobStatus.QUEUED)),
    )
    address = reverse("admin:jobs_job_changelist")
    return [
        Figure(
            "Failed jobs", str(found["failed"]), "In the last 24 hours", f"{address}?status__exact=failed",
            found["failed"] > 0,
        ),
        Figure(
            "Running jobs", str(found["running"]), f"{found['queued']} queued", f"{address}?status__exact=processing"
        ),
    ]  # fmt: skip


def _hosts() -> Figure:
    found = list(living_processes().values_list("kind", "host"))
    kinds = [kind for kind, _ in found]
    workers = kinds.count(ProcessKind.WORKER)
    note = f"{counted(kinds.count(ProcessKind.WEB), 'web process')}, {counted(workers, 'worker')}"
    hosts = len({host for _, host in found})
    return Figure("Hosts", str(hosts), note, reverse("admin:base_runningprocess_changelist"), workers == 0)


def _space() -> list[Figure]:
    found = shutil.disk_usage(settings.DATA_DIR)
    videos = Video.objects.aggregate(count=Count("pk"), size=Sum("file_size"))
    return [
        Figure(
            "Free disk space", size(found.free), f"Of {size(found.total)} on this host", "/health", not disk.has_room()
        ),
        Figure(
            "Videos", size(videos["size"] or 0), counted(videos["count"], "video"),
            reverse("admin:catalog_video_changelist"),
        ),
    ]  # fmt: skip
