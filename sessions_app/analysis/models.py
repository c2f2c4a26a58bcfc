"""Analysis sessions: request and results. The state comes from the job."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import BooleanField, Case, Prefetch, Q, Value, When
from django.db.models.functions import Now

from jobs_app.models import FINISHED, Job, JobStatus
from media_app.videos.models import Rendition, Video, VideoScope
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError

if TYPE_CHECKING:
    from datetime import datetime


class AnalysisType(models.TextChoices):
    HIGHLIGHTS = "highlights"
    WORKOUT = "workout"


class SessionStatus(models.TextChoices):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


SESSION_COLUMNS = (
    "owner", "analysis_type", "name", "params", "warnings", "video", "job", "reel_job", "thumbnails", "created_at",
    "expires_at", "expired_at",
)  # fmt: skip
JOB_COLUMNS = ("kind", "status", "progress", "seconds_left", "message", "error", "started_at", "finished_at")
VIDEO_COLUMNS = ("place", "status", "deleted_at", "is_hidden", "duration", "width", "height", "mime_type")
RENDITION_COLUMNS = ("video", "kind", "name", "files")


# Filter for expired analyses. If ``expires_at`` is None, an analysis expires when its video is deleted.
IS_DUE = Q(expires_at__lte=Now()) | Q(expires_at=None, video=None)


class AnalysisSessionQuerySet(models.QuerySet["AnalysisSession"]):
    def visible_to(self, user: User | AnonymousUser) -> AnalysisSessionQuerySet:
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def with_video(self) -> AnalysisSessionQuerySet:
        return self.filter(expired_at=None, video__isnull=False, video__deleted_at=None)

    def over(self) -> AnalysisSessionQuerySet:
        """Return expired sessions whose files are not deleted yet."""
        return self.filter(IS_DUE, expired_at=None)

    def with_state(self) -> AnalysisSessionQuerySet:
        """Load what :attr:`AnalysisSession.status` and the serializers need, without results, in two queries."""
        return (
            self.select_related("job", "reel_job", "video")
            .prefetch_related(Prefetch("video__renditions", Rendition.objects.order_by().only(*RENDITION_COLUMNS)))
            .only(
                *SESSION_COLUMNS, *(f"job__{name}" for name in JOB_COLUMNS),
                *(f"video__{name}" for name in VIDEO_COLUMNS), "reel_job__status",
            )
            .annotate(  # type: ignore[no-redef]
                is_over=Case(
                    When(Q(expired_at__isnull=False) | IS_DUE, then=Value(True)),
                    default=Value(False), output_field=BooleanField(),
                ),
            )
        )  # fmt: skip

    def in_status(self, status: str) -> AnalysisSessionQuerySet:
        over = Q(expired_at__isnull=False) | IS_DUE
        if status == SessionStatus.EXPIRED:
            return self.filter(over)
        by_job = {
            SessionStatus.QUEUED: Q(job__status__in=LIVE, job__started_at=None),
            SessionStatus.PROCESSING: Q(job__status__in=LIVE, job__started_at__isnull=False),
            SessionStatus.CANCELLED: Q(job=None) | Q(job__status=JobStatus.CANCELLED),
        }
        return self.filter(~over, by_job.get(SessionStatus(status), Q(job__status=status)))


LIVE = frozenset(JobStatus) - FINISHED


class AnalysisSession(models.Model):
    """An analysis of one video. A video uploaded only for the analysis is deleted with it.

    warnings: sentences for the user. data: results in the API's format, without URLs of files. thumbnails: storage
    keys. reel_job: latest job that cut a reel from the user's moments. expires_at: time to delete the files, None to
    keep them. expired_at: time at which the files were deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="analyses")
    analysis_type = models.CharField(max_length=16, choices=AnalysisType)
    name = models.CharField(max_length=255)
    params = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    video = models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="analyses")
    job = models.ForeignKey(Job, on_delete=models.RESTRICT, null=True, related_name="analyses")
    reel_job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, blank=True, related_name="reels")
    data = models.JSONField(null=True, blank=True)
    thumbnails = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True, blank=True)

    objects = AnalysisSessionQuerySet.as_manager()
    if TYPE_CHECKING:
        is_over: bool  # set by AnalysisSessionQuerySet.with_state

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="analysis_by_owner"),
            models.Index(fields=["expires_at"], condition=Q(expired_at=None), name="analysis_to_expire"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(analysis_type__in=AnalysisType.values), name="analysis_type_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def can_change(self, user: User) -> bool:
        return user.is_admin or self.owner_id == user.pk

    @property
    def status(self) -> SessionStatus:
        """The analysis's state. It is "processing" even while a started job waits or is paused."""
        if self.is_over:
            return SessionStatus.EXPIRED
        if self.job is None:
            return SessionStatus.CANCELLED
        if self.job.status in LIVE:
            return SessionStatus.PROCESSING if self.job.started_at else SessionStatus.QUEUED
        return SessionStatus(self.job.status)

    @property
    def owns_video(self) -> bool:
        """True if the video was uploaded for this analysis only."""
        return self.video is not None and self.video.place == VideoScope.SESSION

    @property
    def rendition_name(self) -> str:
        return self.pk.hex[:16]

    @property
    def failure(self) -> dict[str, str] | None:
        """The error's ``type`` and ``message``, or None if the analysis has not failed."""
        if self.status != SessionStatus.FAILED:
            return None
        error = (self.job.error if self.job else None) or {}
        return {
            "type": str(error.get("type", "server_error")),
            "message": str(error.get("message", "The analysis failed.")),
        }

    @property
    def progress(self) -> float:
        """Progress in percent, to one decimal."""
        if self.status == SessionStatus.COMPLETED:
            return 100.0
        return round(self.job.progress, 1) if self.job else 0.0

    @property
    def updated_at(self) -> datetime:
        moments = [self.created_at, self.expired_at]
        if self.job is not None:
            moments += [self.job.started_at, self.job.finished_at]
        return max(moment for moment in moments if moment is not None)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the running job ends."""
        job = self.job
        if job is None or job.status != JobStatus.PROCESSING or self.is_over or job.seconds_left is None:
            return None
        return round(job.seconds_left, 1)

    def check_ready(self) -> None:
        """Raise ``session_expired``, ``analysis_failed`` or ``results_not_ready`` if there are no results."""
        status, name = self.status, str(self.pk)
        if status == SessionStatus.EXPIRED:
            raise DomainError("session_expired", sessionId=name)
        if failure := self.failure:
            raise DomainError("analysis_failed", sessionId=name, message=failure["message"], reason=failure["type"])
        if status != SessionStatus.COMPLETED:
            raise DomainError("results_not_ready", sessionId=name, status=str(status), progress=self.progress)
