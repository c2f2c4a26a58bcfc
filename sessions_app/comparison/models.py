from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Now
from django.utils.functional import cached_property

from jobs_app.models import Job
from media_app.videos.models import Video
from sessions_app.comparison.timeline import MAX_DRIFT_PPM, MAX_RATE, MAX_TIMESTAMP, MIN_RATE, Clock, Placement, Track
from vodplatform.accounts.models import User

SYNC_CONFIG = {"resync_interval_ms": 500, "drift_tolerance_ms": 100}
MIN_VODS, MAX_VODS = 2, 3
MAX_SEARCH_WORDS = 10
WATCH_LEASE = timedelta(seconds=10)  # age of `watched_at` above which the last viewer counts as gone
# Kinds of grants. A grant is written in a video's address as its kind, a dot, and the id of the share or link.
SHARE_GRANT, LINK_GRANT = "share", "link"


class SyncMode(models.TextChoices):
    GLOBAL = "global"
    INDEPENDENT = "independent"


class PlaybackState(models.TextChoices):
    PLAYING = "playing"
    PAUSED = "paused"


class OffsetSource(models.TextChoices):
    MANUAL = "manual"
    TIMER_OCR = "timer_ocr"
    AUDIO = "audio"


class AlignmentMethod(models.TextChoices):
    TIMER_OCR = "timer_ocr"
    AUDIO = "audio"
    AUTO = "auto"


def new_session_id() -> str:
    return f"comp-{secrets.token_hex(12)}"


def default_sync_config() -> dict[str, int]:
    return dict(SYNC_CONFIG)


class SessionRole(models.TextChoices):
    """Roles in a session, the most powerful first."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Access:
    """The permissions of an account or visitor in a session.

    Editors may not delete, archive or share the session. grant: suffix of video addresses
    (:mod:`media_app.streaming.grants`).
    """

    role: SessionRole
    can_comment: bool = True
    grant: str = ""

    @property
    def is_owner(self) -> bool:
        return self.role == SessionRole.OWNER

    @property
    def can_edit(self) -> bool:
        return self.role != SessionRole.VIEWER


@dataclass(frozen=True, slots=True)
class LinkVisitor:
    """A visitor of a share link, without an account that may see the session."""

    link_id: UUID
    session_id: str
    visitor_id: UUID
    name: str = ""

    pk = None
    is_authenticated = False  # throttles therefore count requests by network address

    @property
    def username(self) -> str:
        """Return the displayed name. It contains a blank, so it differs from all user names."""
        return f"{self.name} (guest)" if self.name else f"Guest {self.visitor_id.hex[:4]}"


Viewer = User | LinkVisitor


class EventOrigin(models.TextChoices):
    MANUAL = "manual"
    HIGHLIGHTS = "highlights"
    SHOTS = "shots"
    SOUND_PEAKS = "sound_peaks"
    IMPORT = "import"


class ComparisonSessionQuerySet(models.QuerySet["ComparisonSession"]):
    def visible_to(self, user: Viewer | AnonymousUser) -> ComparisonSessionQuerySet:
        if isinstance(user, AnonymousUser):
            return self.none()
        if isinstance(user, LinkVisitor):
            return self.filter(Exists(ShareLink.objects.open().filter(session=OuterRef("pk"), pk=user.link_id)))
        if user.is_admin:
            return self
        return self.filter(Q(owner=user) | Exists(SessionShare.objects.filter(session=OuterRef("pk"), user=user)))

    def with_role(self, user: User) -> ComparisonSessionQuerySet:
        if user.is_admin:
            return self.annotate(role=Value(SessionRole.OWNER), share=Value(None, models.UUIDField()))
        shares = SessionShare.objects.filter(session=OuterRef("pk"), user=user)
        role = Coalesce(Subquery(shares.values("role")), Value(SessionRole.OWNER))
        return self.annotate(role=role, share=Subquery(shares.values("share_id")))

    def with_mentions(self, user: User) -> ComparisonSessionQuerySet:
        rows = Mention.objects.filter(event__session=OuterRef("pk"), user=user).order_by()
        counts = rows.values("event__session").annotate(count=Count("pk")).values("count")
        return self.annotate(mentions=Coalesce(Subquery(counts), 0))

    def found_by(self, words: str) -> ComparisonSessionQuerySet:
        found = self
        for word in words.split()[:MAX_SEARCH_WORDS]:
            vods = ComparisonVod.objects.filter(session=OuterRef("pk"), name__icontains=word)
            found = found.filter(Q(name__icontains=word) | Exists(vods))
        return found

    def comparing(self, videos: set[UUID]) -> ComparisonSessionQuerySet:
        """Return the sessions that compare exactly these videos, in any order."""
        same = Count("vods__video", filter=Q(vods__video__in=videos), distinct=True)
        return self.alias(vod_count=Count("vods"), same=same).filter(vod_count=len(videos), same=len(videos))

    def at_database_time(self) -> ComparisonSessionQuerySet:
        return self.annotate(db_now=Now())


class ComparisonSession(models.Model):
    """Two or three VODs on one shared clock.

    ``global_time`` and the VODs' ``position`` are the state at ``anchored_at``; :meth:`clock` computes the present.
    Every change sets ``anchored_at`` and increments ``revision``.

    watched_at: latest time at which a viewer watched the playing clock. None if the clock is paused, or if no viewer
    who may edit has watched the clock since it was started.
    """

    session_id = models.CharField(primary_key=True, max_length=40, default=new_session_id, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="comparisons")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    sync_mode = models.CharField(max_length=16, choices=SyncMode, default=SyncMode.GLOBAL)
    global_time = models.FloatField(default=0.0)
    playback_state = models.CharField(max_length=16, choices=PlaybackState, default=PlaybackState.PAUSED)
    rate = models.FloatField(default=1.0)
    anchored_at = models.DateTimeField(db_default=Now())
    ui_state = models.JSONField(default=dict)
    sync_config = models.JSONField(default=default_sync_config)
    auto_sync_result = models.JSONField(null=True, blank=True)
    revision = models.PositiveBigIntegerField(default=1)
    events_revision = models.PositiveBigIntegerField(db_default=0)
    events_bytes = models.PositiveBigIntegerField(db_default=0)
    archived_at = models.DateTimeField(null=True, blank=True)
    watched_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = ComparisonSessionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-session_id"]
        indexes = [models.Index(fields=["owner", "-created_at"], name="comparison_owner")]
        constraints = [
            models.CheckConstraint(condition=Q(sync_mode__in=SyncMode.values), name="comparison_mode_known"),
            models.CheckConstraint(condition=Q(playback_state__in=PlaybackState.values), name="comparison_state_known"),
            models.CheckConstraint(condition=Q(rate__gte=MIN_RATE, rate__lte=MAX_RATE), name="comparison_rate_range"),
            models.CheckConstraint(
                condition=Q(global_time__gte=-2 * MAX_TIMESTAMP, global_time__lte=2 * MAX_TIMESTAMP),
                name="comparison_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def access_of(self, user: Viewer) -> Access | None:
        """Return the permissions of ``user``; None if the session is hidden."""
        if isinstance(user, LinkVisitor):
            link = self.links.open().filter(pk=user.link_id).first()
            return link.access if link else None
        if user.is_admin or self.owner_id == user.pk:
            return Access(SessionRole.OWNER)
        share = self.shares.filter(user=user).first()
        return share.access if share else None

    def can_change(self, user: Viewer) -> bool:
        access = self.access_of(user)
        return access is not None and access.can_edit

    @property
    def is_aligned(self) -> bool:
        return self.auto_sync_result is not None or self.vods.exclude(offset=0.0).exists()

    def now(self) -> datetime:
        """Return the database's time."""
        known: datetime | None = getattr(self, "db_now", None)
        moments = ComparisonSession.objects.filter(pk=self.pk).annotate(moment=Now()).values_list("moment", flat=True)
        return known or moments.get()

    def is_abandoned(self, now: datetime) -> bool:
        return self.watched_at is not None and now - self.watched_at > WATCH_LEASE

    def clock(self, vods: list[ComparisonVod], now: datetime) -> Clock:
        """Return the clock at ``now`` (database time); paused at ``watched_at`` if the last viewer has left."""
        anchored = Clock(
            tracks=tuple(
                Track(vod.placement, vod.video.duration, vod.position, vod.own_playing, vod.own_rate) for vod in vods
            ),
            global_time=self.global_time,
            rate=self.rate,
            playing=self.playback_state == PlaybackState.PLAYING,
        )
        if self.watched_at is not None and self.is_abandoned(now):
            return self.clock(vods, self.watched_at).paused()
        return anchored.after((now - self.anchored_at).total_seconds())


class ComparisonVod(models.Model):
    session = models.ForeignKey(ComparisonSession, on_delete=models.CASCADE, related_name="vods")
    ordinal = models.PositiveSmallIntegerField()
    vod_id = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    path = models.TextField(
        blank=True, default="", help_text="Path as sent by the client; empty if the client sent an id."
    )
    video = models.ForeignKey(Video, on_delete=models.RESTRICT, related_name="comparison_vods")
    offset = models.FloatField(default=0.0)
    offset_source = models.CharField(max_length=16, choices=OffsetSource, default=OffsetSource.MANUAL)
    offset_confidence = models.FloatField(default=1.0)
    drift_ppm = models.FloatField(db_default=0.0, help_text="Drift: how much faster the VOD's clock runs, in ppm.")
    drift_anchor = models.FloatField(
        db_default=0.0,
        help_text="Time on the shared clock at which the offset holds exactly; at other times, the drift is added.",
    )
    position = models.FloatField(default=0.0, help_text="Position at anchored_at; may lie outside the video.")
    own_playing = models.BooleanField(null=True, help_text="Whether the VOD plays in independent mode.")
    own_rate = models.FloatField(null=True, help_text="Speed of the video in independent mode.")

    class Meta:
        ordering = ["ordinal"]
        constraints = [
            models.UniqueConstraint("session", "vod_id", name="comparison_vod_once"),
            models.UniqueConstraint("session", "ordinal", name="comparison_vod_ordinal"),
            models.CheckConstraint(condition=Q(ordinal__lte=2), name="comparison_vod_at_most_three"),
            models.CheckConstraint(condition=Q(offset_source__in=OffsetSource.values), name="comparison_vod_source"),
            models.CheckConstraint(
                condition=Q(offset_confidence__gte=0, offset_confidence__lte=1), name="comparison_vod_confidence"
            ),
            models.CheckConstraint(
                condition=Q(offset__gte=-MAX_TIMESTAMP, offset__lte=MAX_TIMESTAMP), name="comparison_vod_offset"
            ),
            models.CheckConstraint(
                condition=Q(own_rate=None) | Q(own_rate__gte=MIN_RATE, own_rate__lte=MAX_RATE),
                name="comparison_vod_own_rate",
            ),
            models.CheckConstraint(
                condition=Q(drift_ppm__gte=-MAX_DRIFT_PPM, drift_ppm__lte=MAX_DRIFT_PPM), name="comparison_vod_drift"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def placement(self) -> Placement:
        return Placement(self.offset, self.drift_ppm, self.drift_anchor)


class OffsetChange(models.Model):
    """A change of a VOD's offset or drift. A database trigger prevents updates."""

    session = models.ForeignKey(ComparisonSession, on_delete=models.CASCADE, related_name="offset_changes")
    vod = models.ForeignKey(ComparisonVod, on_delete=models.CASCADE, related_name="offset_changes")
    at = models.DateTimeField(db_default=Now())
    old_offset = models.FloatField()
    new_offset = models.FloatField()
    old_drift_ppm = models.FloatField(null=True, help_text="Empty in rows without a recorded drift.")
    new_drift_ppm = models.FloatField(null=True)
    new_drift_anchor = models.FloatField(
        null=True, help_text="Global time at which the offset is exact; empty if no drift was recorded."
    )
    source = models.CharField(max_length=16, choices=OffsetSource)
    confidence = models.FloatField(null=True)
    changed_by = models.CharField(max_length=36, help_text="Id of the user; kept if the user is deleted.")
    changed_by_name = models.CharField(max_length=150)

    class Meta:
        db_table = "comparison_offset_change"
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(source__in=OffsetSource.values), name="offset_change_source"),
            models.CheckConstraint(
                condition=Q(source="manual", confidence__isnull=True)
                | (~Q(source="manual") & Q(confidence__gte=0, confidence__lte=1)),
                name="offset_change_confidence",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.vod}: {self.old_offset:+.3f} to {self.new_offset:+.3f}"


class Alignment(models.Model):
    """A run of the aligner. Its job holds the state and the proposals."""

    session = models.ForeignKey(ComparisonSession, on_delete=models.CASCADE, related_name="alignments")
    job = models.OneToOneField(Job, on_delete=models.RESTRICT, related_name="alignment")
    method = models.CharField(max_length=16, choices=AlignmentMethod)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.method} of {self.session}"

    @property
    def result(self) -> dict[str, Any]:
        return self.job.result or {}

    def reference(self, vods: list[ComparisonVod]) -> Placement:
        """Return the placement of the reference VOD. The proposed offsets are relative to it."""
        found = (vod.placement for vod in vods if vod.vod_id == self.result.get("reference"))
        return next(found, Placement())

    def proposed_placements(self, vods: list[ComparisonVod]) -> list[Placement]:
        reference = self.reference(vods)
        return [
            reference.then(Placement(found["offset"], found.get("drift_ppm") or 0.0, found.get("drift_anchor", 0.0)))
            for found in self.result.get("proposals", [])
        ]


class SessionShare(models.Model):
    share_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ComparisonSession, on_delete=models.CASCADE, related_name="shares")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="comparison_shares")
    role = models.CharField(max_length=16, choices=SessionRole, default=SessionRole.VIEWER)
    can_comment = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["created_at", "share_id"]
        constraints = [
            models.UniqueConstraint("session", "user", name="share_once"),
            models.CheckConstraint(
                condition=Q(role__in=[SessionRole.EDITOR, SessionRole.VIEWER]), name="share_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role}"

    @property
    def access(self) -> Access:
        role = SessionRole(self.role)
        return Access(role, self.can_comment or role == SessionRole.EDITOR, f"{SHARE_GRANT}.{self.share_id}")


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open(self) -> ShareLinkQuerySet:
        return self.filter(expires_at__gt=Now(), session__owner__is_active=True)


class ShareLink(models.Model):
    """A share link, by which visitors watch a session without an account. digest: SHA-256 of the link's secret."""

    link_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ComparisonSession, on_delete=models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True)
    password = models.CharField(max_length=128, blank=True, default="")
    can_comment = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(db_index=True)

    url = ""  # address of the link; set only on the newly created object

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "link_id"]

    def __str__(self) -> str:
        return f"link until {self.expires_at:%Y-%m-%d %H:%M}"

    @property
    def has_password(self) -> bool:
        return bool(self.password)

    @property
    def access(self) -> Access:
        return Access(SessionRole.VIEWER, self.can_comment, f"{LINK_GRANT}.{self.link_id}")


class SessionEvent(models.Model):
    """A moment or a time span that a user or a detector marked.

    - time, end: seconds from the VOD's start. For an event without a VOD, seconds of the shared clock.
    - drawing: strokes, with positions as fractions (0 to 1) of the frame's size.
    - created_by_name: remains if the account is deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(ComparisonSession, on_delete=models.CASCADE, related_name="events")
    vod = models.ForeignKey(ComparisonVod, on_delete=models.CASCADE, null=True, related_name="events")
    time = models.FloatField()
    end = models.FloatField(null=True)
    kind = models.CharField(max_length=40)
    label = models.CharField(max_length=200, blank=True, default="")
    body = models.TextField(blank=True, default="")
    color = models.CharField(max_length=7, blank=True, default="")
    drawing = models.JSONField(null=True)
    origin = models.CharField(max_length=16, choices=EventOrigin, default=EventOrigin.MANUAL)
    confidence = models.FloatField(null=True)
    resolved = models.BooleanField(default=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="comparison_events")
    visitor_id = models.UUIDField(
        null=True, help_text="Id of the visitor who wrote this, if the author has no account."
    )
    created_by_name = models.CharField(max_length=150)
    size = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["session", "created_at", "id"], name="event_of_session"),
            models.Index(fields=["session", "size"], name="event_size"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(time__gte=0, time__lte=MAX_TIMESTAMP)
                | Q(vod=None, time__gte=-2 * MAX_TIMESTAMP, time__lte=MAX_TIMESTAMP),
                name="event_time",
            ),
            models.CheckConstraint(condition=Q(end=None) | Q(end__gt=models.F("time")), name="event_end_after_time"),
            models.CheckConstraint(condition=Q(origin__in=EventOrigin.values), name="event_origin_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.time:.3f}"

    @cached_property
    def thread(self) -> list[EventReply]:
        return list(self.replies.all())


class EventReply(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.ForeignKey(SessionEvent, on_delete=models.CASCADE, related_name="replies")
    body = models.TextField()
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="event_replies")
    visitor_id = models.UUIDField(
        null=True, help_text="Id of the visitor who wrote this, if the author has no account."
    )
    created_by_name = models.CharField(max_length=150)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.body[:50]


class Mention(models.Model):
    """An unseen ``@`` mention of a user in an event's text or replies."""

    event = models.ForeignKey(SessionEvent, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="comparison_mentions")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "comparison_mention"
        constraints = [models.UniqueConstraint("event", "user", name="mention_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.event}"
