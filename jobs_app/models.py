"""Background work as rows: the row is the truth, the broker only wakes workers.

It knows nothing of videos but two columns of pro jobs, which its index needs.
"""

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
    """Where a job is; :data:`TRANSITIONS` has the arrows between them."""

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


class Priority(models.IntegerChoices):
    """Which of the waiting jobs of a lane goes first."""

    LOW = -10
    NORMAL = 0
    HIGH = 10


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User | AnonymousUser) -> JobQuerySet:
        """The owner's jobs; an admin's are all."""
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def live(self) -> JobQuerySet:
        """Those that have not ended."""
        return self.filter(status__in=LIVE)

    def admitted_in(self, lane: str) -> JobQuerySet:
        """Those that hold one of their owner's places in ``lane``: running, or next to run."""
        return self.filter(lane=lane, admitted=True)

    def claimable(self, lane: str) -> JobQuerySet:
        """The admitted queued jobs of ``lane``, the best first: by priority, then users in turn, then age."""
        queued = self.filter(lane=lane, status=JobStatus.QUEUED, admitted=True)
        return queued.order_by("-priority", "turn", "created_at", "id")

    def due(self) -> JobQuerySet:
        """Waiting jobs whose time has come, by the database's clock."""
        return self.filter(status=JobStatus.WAITING, run_at__lte=Now())

    def lease_expired(self) -> JobQuerySet:
        """Those whose worker has not been heard of for a whole lease, by the database's clock."""
        return self.filter(status=JobStatus.PROCESSING, lease_until__lt=Now())


class Job(models.Model):
    """One piece of background work and how far it is.

    ``attempt`` counts how often a worker took it; a deploy, a pause or a wait gives the attempt back.
    ``lease_token`` names the present attempt: every write of a worker carries it, so one that lost its lease
    writes nothing. ``admitted``: holds one of its owner's places in the lane; only such a job can be claimed,
    which keeps the claim as quick with 100 000 queued as with ten. ``turn`` orders the users of a lane (start-time
    fair queueing with jobs of one size, after Goyal, Vin and Cheng 1996).
    ``is_short``: may take the short place of its lane (:mod:`jobs_app.queues`). ``run_at``: when a waiting job goes on.
    ``deadline``: when it gives up. ``checkpoint``: what it needs to go on after a pause or a wait. ``away_since``: the
    first attempt of those in a row that found the storage away.

    ``seconds_left``: remaining time of the running attempt when its progress was last written; null if unknown.

    ``is_pro_job``, ``segments_data``: of a job on segments of a video, each with its ``status``; whose kind it is
    knows what they mean. On PostgreSQL a GIN index finds jobs by what their segments hold.
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
    max_attempts = models.PositiveIntegerField(default=3, help_text="crashes after which it fails")
    crashes = models.PositiveIntegerField(default=0)
    retries = models.PositiveIntegerField(default=0, help_text="automatic ones, after transient faults")
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
        """Whether it has not ended."""
        return self.status in LIVE

    @property
    def runs_alone(self) -> bool:
        """Whether it has taken its worker down so often that nothing may run beside it."""
        return self.crashes >= CRASHES_BEFORE_ALONE

    def can_change(self, user: User) -> bool:
        """Whether ``user`` may cancel, pause, retry or delete it."""
        return user.is_admin or self.owner_id == user.id


class JobEvent(models.Model):
    """What happened to a job, and when; never changed (a trigger holds that), gone only with its job."""

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
    """The time of a job over its progress; one row for each of the last jobs of a kind.

    curve: the share of the time that had passed at each twentieth of the reported percentage, 21 numbers from 0 to 1.
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
    """Something that one process of all does now and then, and when it is due again."""

    name = models.CharField(max_length=64, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "jobs_chore"

    def __str__(self) -> str:
        return self.name


def lease_duration() -> timedelta:
    """How long a lease lasts without being renewed."""
    return timedelta(seconds=settings.JOB_LEASE_SECONDS)


class LaneLimit(models.Model):
    """How many jobs of a lane run at once on all hosts together, where admins want another number than the settings'
    for each host.

    limit: None for as many as the hosts take.
    """

    lane = models.CharField(max_length=32, primary_key=True)
    limit = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: as many as the workers take."
    )

    class Meta:
        db_table = "job_lane_limits"

    def __str__(self) -> str:
        return self.lane
