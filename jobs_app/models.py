"""Database rows of background jobs."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from vodplatform.accounts.models import User


class JobStatus(models.TextChoices):
    QUEUED = "queued"
    PROCESSING = "processing"
    WAITING = "waiting"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


S = JobStatus
TRANSITIONS: dict[str, frozenset[str]] = {
    S.QUEUED: frozenset({S.PROCESSING, S.PAUSED, S.CANCELLED, S.FAILED}),
    S.PROCESSING: frozenset({S.QUEUED, S.WAITING, S.PAUSED, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.WAITING: frozenset({S.QUEUED, S.PAUSED, S.CANCELLED, S.FAILED}),
    S.PAUSED: frozenset({S.QUEUED, S.CANCELLED}),
    S.COMPLETED: frozenset({S.EXPIRED}),
    S.FAILED: frozenset({S.QUEUED, S.EXPIRED}),
    S.CANCELLED: frozenset({S.QUEUED, S.EXPIRED}),
    S.EXPIRED: frozenset(),
}
LIVE = frozenset({S.QUEUED, S.PROCESSING, S.WAITING, S.PAUSED})
FINISHED = frozenset(S) - LIVE
CRASHES_BEFORE_ALONE = 2
NEWS_AGE = timedelta(days=7)  # age after which an unseen end of a job is no longer news


class Priority(models.IntegerChoices):
    LOW = -10
    NORMAL = 0
    HIGH = 10


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User | AnonymousUser) -> JobQuerySet:
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def cleared_by(self, user: User, *, is_cleared: bool = True) -> JobQuerySet:
        """Return the jobs that ``user`` has cleared from their list, or all others."""
        if user.jobs_cleared_at is None:
            return self.none() if is_cleared else self
        cleared = Q(status__in=FINISHED, finished_at__lte=user.jobs_cleared_at)
        return self.filter(cleared if is_cleared else ~cleared)

    def unseen_by(self, user: User) -> JobQuerySet:
        """Return the user's jobs that completed or failed lately and that the user has not seen, newest first."""
        ended = self.filter(owner=user, status__in=(S.COMPLETED, S.FAILED), finished_at__gt=Now() - NEWS_AGE)
        if user.jobs_seen_at is not None:
            ended = ended.filter(finished_at__gt=user.jobs_seen_at)
        return ended.order_by("-finished_at", "-id")

    def live(self) -> JobQuerySet:
        return self.filter(status__in=LIVE)

    def admitted_in(self, lane: str) -> JobQuerySet:
        """Return the jobs that count towards their owners' limits in ``lane``."""
        return self.filter(lane=lane, admitted=True)

    def claimable(self, lane: str) -> JobQuerySet:
        queued = self.filter(lane=lane, status=JobStatus.QUEUED, admitted=True)
        return queued.order_by("-priority", "turn", "created_at", "id")

    def due(self) -> JobQuerySet:
        return self.filter(status=JobStatus.WAITING, run_at__lte=Now())

    def lease_expired(self) -> JobQuerySet:
        return self.filter(status=JobStatus.PROCESSING, lease_until__lt=Now())


class Job(models.Model):
    """A background job and its progress. All times come from the database's clock.

    - attempt: number of starts, except those ended by a shutdown, pause, wait, outage or yield.
    - lease_token: id of the current attempt, the only one that can write.
    - admitted: whether the job counts towards its owner's limit and may be claimed.
    - turn: position by start-time fair queueing (Goyal, Vin and Cheng 1996).
    - run_at, deadline: when a waiting job continues, and when it fails.
    - away_since: start of the current storage outage.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=64)
    lane = models.CharField(max_length=32)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="jobs")
    status = models.CharField(max_length=16, choices=JobStatus, default=JobStatus.QUEUED)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    progress = models.FloatField(default=0.0)
    message = models.CharField(max_length=500, blank=True, default="")
    params = models.JSONField(default=dict)
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveIntegerField(default=3, help_text="Number of crashes after which the job fails.")
    crashes = models.PositiveIntegerField(default=0)
    retries = models.PositiveIntegerField(default=0, help_text="Number of automatic retries after temporary errors.")
    admitted = models.BooleanField(default=True)
    turn = models.BigIntegerField(default=0)
    is_short = models.BooleanField(default=False, db_default=False)
    seconds_left = models.FloatField(null=True, blank=True)
    run_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    away_since = models.DateTimeField(null=True, blank=True)
    checkpoint = models.JSONField(null=True, blank=True)
    is_pro_job = models.BooleanField(default=False)
    segments_data = models.JSONField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=100, blank=True, default="")
    revision = models.PositiveBigIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "video_jobs"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                "lane", F("priority").desc(), "turn", "created_at", "id",
                name="job_claim", condition=Q(status="queued", admitted=True),
            ),
            models.Index(
                "owner", "lane", F("priority").desc(), "created_at", "id",
                name="job_admission", condition=Q(status="queued", admitted=False),
            ),
            models.Index("owner", "lane", name="job_admitted", condition=Q(admitted=True)),
            models.Index("owner", "lane", F("turn").desc(), name="job_own_turn"),
            models.Index("lane", F("turn").desc(), name="job_claimed_turn", condition=Q(attempt__gt=0)),
            models.Index(fields=["-created_at", "-id"], name="job_newest"),
            models.Index("lane", name="job_processing", condition=Q(status="processing")),
            models.Index("run_at", name="job_due", condition=Q(status="waiting")),
            models.Index(
                "finished_at", name="job_finished",
                condition=Q(status__in=["completed", "failed", "cancelled", "expired"]),
            ),
            models.Index(fields=["owner", "-created_at"], name="job_owner"),
            models.Index(fields=["is_pro_job"], name="idx_video_jobs_is_pro_job"),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(condition=Q(status__in=JobStatus.values), name="job_status_known"),
            models.CheckConstraint(condition=Q(progress__gte=0, progress__lte=100), name="job_progress_percent"),
            models.CheckConstraint(
                condition=Q(status="processing", lease_token__isnull=False, lease_until__isnull=False)
                | (~Q(status="processing") & Q(lease_token__isnull=True)),
                name="job_lease_while_processing",
            ),
            models.CheckConstraint(
                condition=Q(admitted=False) | Q(status__in=["queued", "processing"]), name="job_place_while_it_may_run"
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting") | Q(run_at__isnull=False), name="job_waits_for_a_moment"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def runs_alone(self) -> bool:
        return self.crashes >= CRASHES_BEFORE_ALONE

    def can_change(self, user: User) -> bool:
        return user.is_admin or self.owner_id == user.id


class JobEvent(models.Model):
    """An event in a job's history. A trigger forbids changes."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    name = models.CharField(max_length=32)
    attempt = models.PositiveIntegerField(default=0)
    data = models.JSONField(default=dict)

    class Meta:
        db_table = "jobs_event"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} of {self.job_id}"


class JobPace(models.Model):
    """The progress of one recent job over time, for estimates of jobs of the same kind.

    curve: 21 numbers, the share of the total time (0 to 1) that had passed at each 5 % of the work.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=64)
    curve = models.JSONField()

    class Meta:
        db_table = "job_pace"
        indexes = [models.Index("kind", F("id").desc(), name="job_pace_newest")]

    def __str__(self) -> str:
        return self.kind


class Chore(models.Model):
    """A periodic task, run by one worker at a time, and when it is due."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "jobs_chore"

    def __str__(self) -> str:
        return self.name


def lease_duration() -> timedelta:
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


class LaneLimit(models.Model):
    """An admin's limit on the concurrent jobs of a lane, over all hosts.

    limit: maximum number of jobs; None if only the number of workers limits them.
    """

    lane = models.CharField(max_length=32, primary_key=True)
    limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Maximum number of running jobs; empty for as many as the workers can run.",
    )

    class Meta:
        db_table = "job_lane_limits"

    def __str__(self) -> str:
        return self.lane
