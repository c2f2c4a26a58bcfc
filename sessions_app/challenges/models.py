from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Prefetch, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from jobs_app.models import FINISHED, Job, JobStatus, Priority
from media_app.uploads.models import LIVE as UPLOAD_LIVE
from media_app.uploads.models import Upload, UploadStatus
from media_app.videos.models import Rendition, Video
from vodplatform.accounts.models import User

MIN_CLIPS, MAX_CLIPS = 2, 10
MAX_TITLE, MAX_TEXT, MAX_REASON = 200, 300, 1000


class MergeStatus(models.TextChoices):
    INITIATED = "initiated"
    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


UPLOADS_SHARE = 50.0  # progress of a merge in percent when all its clips are uploaded
MICROSECOND = 6
EXPIRED_MESSAGE = "Not all clips were uploaded in time, so the uploaded clips were deleted. Upload all clips again."


class Failure(NamedTuple):
    """The error of a merge. docs/reference/errors.md lists the types."""

    type: str
    message: str
    at: datetime | None


class MergeSessionQuerySet(models.QuerySet["MergeSession"]):
    def visible_to(self, user: User | AnonymousUser) -> MergeSessionQuerySet:
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def with_state(self) -> MergeSessionQuerySet:
        """Load what :attr:`MergeSession.status` and the serializers need."""
        clips = MergeClip.objects.with_upload_state().order_by("index")
        pictures = Prefetch("video__renditions", Rendition.objects.order_by())
        return self.select_related("job", "video", "challenge").prefetch_related(Prefetch("clips", clips), pictures)


class MergeSession(models.Model):
    """A merge of a user's clips into one video. It starts when all clips are uploaded.

    - video: the merged video, which has the same id as the merge.
    - segments: ``{"start", "end"}`` of each clip in the merged video, in seconds.
    - compression_applied: whether picture or sound was encoded again.
    - source_seconds: total length of the clips.
    - expires_at: time until which the user can upload clips, retry a failed merge, or, after deleting the challenge,
      make another challenge from the merged video.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="merges")
    title = models.CharField(max_length=MAX_TITLE, blank=True, default="")
    level_loudness = models.BooleanField(default=False)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    estimated_seconds = models.FloatField(default=0)
    job = models.ForeignKey(Job, on_delete=models.RESTRICT, null=True, related_name="merges")
    video = models.ForeignKey(Video, on_delete=models.SET_NULL, null=True, related_name="merges")
    segments = models.JSONField(default=list)
    compression_applied = models.BooleanField(null=True)
    took_seconds = models.FloatField(null=True)
    source_seconds = models.FloatField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True)
    challenge_deleted_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    objects = MergeSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="merge_by_owner"),
            models.Index(fields=["-completed_at"], condition=Q(completed_at__isnull=False), name="merge_completed"),
            models.Index(fields=["expires_at"], condition=Q(completed_at=None), name="merge_to_expire"),
            models.Index(
                fields=["expires_at"], condition=Q(challenge_deleted_at__isnull=False), name="merge_without_challenge"
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(priority__in=Priority.values), name="merge_priority_known"),
            models.CheckConstraint(
                condition=Q(completed_at=None) | Q(job__isnull=False), name="merge_completed_by_a_job"
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"merge {self.pk}"

    def can_change(self, user: User) -> bool:
        return user.is_admin or self.owner_id == user.pk

    @property
    def status(self) -> MergeStatus:
        """The state of the job or, without a job, of the uploads. Load the merge by ``with_state``."""
        job = self.job
        if job is not None:
            if job.status in FINISHED:
                return MergeStatus(job.status)
            return MergeStatus.PROCESSING if job.started_at else MergeStatus.QUEUED
        states = {clip.state for clip in self.clips.all()}
        for ended in (UploadStatus.FAILED, UploadStatus.CANCELLED, UploadStatus.EXPIRED):
            if ended in states:
                return MergeStatus(ended)
        return MergeStatus.INITIATED if states <= {UploadStatus.INITIATED} else MergeStatus.UPLOADING

    @property
    def progress(self) -> float:
        """Progress in percent. Load the merge by ``with_state``."""
        if self.status == MergeStatus.COMPLETED:
            return 100.0
        if self.job is not None:
            return round(UPLOADS_SHARE + self.job.progress * (100 - UPLOADS_SHARE) / 100, 1)
        clips = self.clips.all()
        total = sum(clip.size for clip in clips)
        arrived = sum(clip.size * clip.upload.percent / 100 for clip in clips if clip.upload)
        return round(UPLOADS_SHARE * arrived / total, 1) if total else 0.0

    @property
    def failure(self) -> Failure | None:
        """The error of a failed or expired merge, or None. Load the merge by ``with_state``."""
        job, status = self.job, self.status
        if job is not None and job.status == JobStatus.FAILED:
            error = job.error or {}
            return Failure(
                error.get("type", "server_error"), error.get("message", "The merge failed."), job.finished_at
            )
        if status not in (MergeStatus.FAILED, MergeStatus.EXPIRED):
            return None
        refused = [clip.upload for clip in self.clips.all() if clip.upload and clip.upload.error_type]
        if refused:
            # Report the clip that failed first. The other clips have "merge_failed" because of it.
            first = min(refused, key=lambda upload: upload.error_type == "merge_failed")
            return Failure(first.error_type, first.error_message, first.updated_at)
        return Failure("upload_expired", EXPIRED_MESSAGE, self.expires_at) if status == MergeStatus.EXPIRED else None

    @property
    def statement_segments(self) -> list[dict[str, Any]]:
        return [
            {
                "statement_index": index,
                "start_time": segment["start"],
                "end_time": segment["end"],
                "duration": round(segment["end"] - segment["start"], MICROSECOND),
            }
            for index, segment in enumerate(self.segments)
        ]

    @property
    def total_duration(self) -> float:
        return float(self.segments[-1]["end"])

    @property
    def is_retryable(self) -> bool:
        """True if the merge's job failed and all its clips are still stored.

        After an error that a retry would repeat, the clips are deleted.
        """
        if self.job is None or self.job.status != JobStatus.FAILED:
            return False
        return all(clip.is_there for clip in self.clips.all())


class MergeClipQuerySet(models.QuerySet["MergeClip"]):
    def with_upload_state(self) -> MergeClipQuerySet:
        """Add ``state``: the upload's status, or "expired" if the upload has expired or its row is deleted."""
        over = Q(upload__status__in=UPLOAD_LIVE, upload__expires_at__lte=Now()) | Q(upload=None)
        return self.select_related("upload").annotate(  # type: ignore[no-redef]
            state=Case(
                When(over, then=Value(UploadStatus.EXPIRED.value)), default=F("upload__status"),
                output_field=CharField(),
            )
        )  # fmt: skip


class MergeClip(models.Model):
    """A clip of a merge. id: id of the clip's upload, to which statements refer.

    size, duration, mime_type: claims of the client, used only for estimates.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    session = models.ForeignKey(MergeSession, on_delete=models.CASCADE, related_name="clips")
    index = models.PositiveSmallIntegerField()
    upload = models.OneToOneField(Upload, on_delete=models.SET_NULL, null=True, related_name="clip")
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    duration = models.FloatField()
    mime_type = models.CharField(max_length=127, blank=True, default="")

    objects = MergeClipQuerySet.as_manager()
    if TYPE_CHECKING:
        state: str  # set by MergeClipQuerySet.with_upload_state

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(fields=["session", "index"], name="clip_index_once"),
            models.CheckConstraint(condition=Q(size__gte=0, duration__gte=0), name="clip_claims_positive"),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def label(self) -> str:
        return f"Clip {self.index + 1} ({self.filename})"

    @property
    def is_there(self) -> bool:
        """True if all bytes of the clip are stored but not merged yet."""
        upload = self.upload
        return upload is not None and upload.status == UploadStatus.COMPLETED and not upload.taken_up


class ChallengeStatus(models.TextChoices):
    DRAFT = "draft"
    PUBLISHED = "published"
    WITHHELD = "withheld"


PUBLISHED = Q(published_at__isnull=False, withheld_at=None)


@dataclass(frozen=True, slots=True)
class Guest:
    """A player without an account. guest_id: id from a cookie; None until the guest's first guess."""

    guest_id: uuid.UUID | None
    # attributes of ``User`` that are read for every player, so ``Guest`` needs them, too
    pk: None = None
    is_moderator: bool = False


class ChallengeQuerySet(models.QuerySet["Challenge"]):
    def visible_to(self, user: User | AnonymousUser) -> ChallengeQuerySet:
        if isinstance(user, AnonymousUser):
            return self.none()
        if user.is_admin:
            return self
        seen = Q(owner=user) | PUBLISHED
        if user.is_moderator:
            seen |= Exists(ChallengeReport.objects.filter(challenge=OuterRef("pk"))) | Q(withheld_at__isnull=False)
        return self.filter(seen)

    def published(self) -> ChallengeQuerySet:
        return self.filter(PUBLISHED)

    def in_status(self, status: str) -> ChallengeQuerySet:
        found = {
            ChallengeStatus.PUBLISHED: PUBLISHED,
            ChallengeStatus.WITHHELD: Q(withheld_at__isnull=False),
            ChallengeStatus.DRAFT: Q(published_at=None, withheld_at=None),
        }
        return self.filter(found[ChallengeStatus(status)])

    def shown_to(self, user: User | Guest) -> ChallengeQuerySet:
        mine = Prefetch("guesses", Guess.objects.of(user), to_attr="own_guesses")
        counted = Guess.objects.filter(challenge=OuterRef("pk")).order_by().values("challenge")
        count = Coalesce(Subquery(counted.annotate(count=Count("pk")).values("count")), 0)
        pictures = Prefetch("merge__video__renditions", Rendition.objects.order_by())
        rows = self.select_related("owner", "merge__video").prefetch_related(mine, pictures)  # type: ignore[no-redef]
        return rows.annotate(guess_count=count)  # type: ignore[no-redef]


class Challenge(models.Model):
    """A video with statements of one user, one of which is a lie.

    statements: ``[{"media_file_id", "text"}]`` in the order of the segments. lie_index: revealed only to the owner, and
    to players after their guess. withheld_at: time at which a moderator took the challenge down. withheld_because:
    reason shown to the owner.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="challenges")
    merge = models.OneToOneField(MergeSession, on_delete=models.RESTRICT, related_name="challenge")
    title = models.CharField(max_length=MAX_TITLE)
    statements = models.JSONField(default=list)
    lie_index = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True, blank=True)
    guests_may_play = models.BooleanField(db_default=False)
    withheld_at = models.DateTimeField(null=True, blank=True)
    withheld_because = models.CharField(max_length=MAX_REASON, blank=True, default="", db_default="")
    withheld_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")

    objects = ChallengeQuerySet.as_manager()
    if TYPE_CHECKING:
        # ChallengeQuerySet.shown_to sets both attributes.
        guess_count: int
        own_guesses: list[Guess]

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="challenge_by_owner"),
            models.Index(fields=["-created_at", "-id"], condition=PUBLISHED, name="challenge_published"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(lie_index__lt=MAX_CLIPS), name="challenge_lie_within"),
        ]

    def __str__(self) -> str:
        return self.title

    def can_change(self, user: User) -> bool:
        return user.is_admin or self.owner_id == user.pk

    @property
    def status(self) -> ChallengeStatus:
        if self.withheld_at is not None:
            return ChallengeStatus.WITHHELD
        return ChallengeStatus.DRAFT if self.published_at is None else ChallengeStatus.PUBLISHED

    @property
    def own_guess(self) -> Guess | None:
        return self.own_guesses[0] if self.own_guesses else None

    def tells_lie_to(self, user: User | Guest) -> bool:
        """Return whether ``user`` may know the lie. Load the challenge by ``shown_to(user)``."""
        return self.owner_id == user.pk or self.own_guess is not None

    @property
    def since(self) -> datetime:
        return self.withheld_at or self.published_at or self.created_at


class GuessQuerySet(models.QuerySet["Guess"]):
    def of(self, player: User | Guest) -> GuessQuerySet:
        if isinstance(player, Guest):
            return self.filter(guest=player.guest_id) if player.guest_id else self.none()
        return self.filter(player=player)


class Guess(models.Model):
    """A player's only guess in a challenge, never changed.

    guest: id from the cookie of a guest.
    """

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="guesses")
    player = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="guesses")
    guest = models.UUIDField(null=True)
    statement_index = models.PositiveSmallIntegerField()
    is_correct = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "guesses"
        constraints = [
            models.UniqueConstraint(fields=["challenge", "player"], name="guess_once"),
            models.UniqueConstraint(fields=["challenge", "guest"], name="guess_once_as_guest"),
            models.CheckConstraint(
                condition=Q(player=None, guest__isnull=False) | Q(player__isnull=False, guest=None), name="guess_by_one"
            ),
            models.CheckConstraint(condition=Q(statement_index__lt=MAX_CLIPS), name="guess_within"),
        ]
        indexes = [models.Index(fields=["player", "is_correct"], name="guess_score")]

    objects = GuessQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.player_id or 'a guest'} on {self.challenge_id}"


class ChallengeReport(models.Model):
    """A report of a challenge. outcome: the moderator's text."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="reports")
    reporter = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=MAX_REASON)
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=MAX_REASON, blank=True, default="")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["challenge"], condition=Q(settled_at=None), name="challenge_report_open")]
        constraints = [
            models.UniqueConstraint(
                fields=["challenge", "reporter"], condition=Q(settled_at=None), name="challenge_report_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"report on {self.challenge}"
