from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connections, models
from django.db.models import Case, Exists, F, Func, OuterRef, Q, Value, When
from django.db.models.functions import Now, StrIndex
from django.db.models.lookups import GreaterThan

from jobs_app.models import LIVE as JOBS_LIVE
from jobs_app.models import Job, JobStatus
from media_app.videos import text_rules
from media_app.videos.search import search_text, terms
from vodplatform.accounts.models import User


class VideoSource(models.TextChoices):
    """Storage of a video's file: a library folder, or the server's own storage."""

    REFERENCE = "reference"
    STORED = "stored"


class VideoScope(models.TextChoices):
    """Place of a video. Videos of published sessions are ``OPEN`` to all signed-in users."""

    LIBRARY = "library"
    CATALOGUE = "catalogue"
    SESSION = "session"
    OPEN = "open"


UNLISTED = (VideoScope.SESSION, VideoScope.OPEN)


class VideoStatus(models.TextChoices):
    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


TRANSITIONS: dict[str, frozenset[str]] = {
    VideoStatus.UPLOADING: frozenset({VideoStatus.PROCESSING, VideoStatus.FAILED}),
    VideoStatus.PROCESSING: frozenset({VideoStatus.READY, VideoStatus.FAILED}),
    VideoStatus.READY: frozenset({VideoStatus.PROCESSING, VideoStatus.FAILED}),
    VideoStatus.FAILED: frozenset({VideoStatus.PROCESSING}),
}
SEARCHED = {"title", "description", "category", "tags"}
MAX_TAGS = text_rules.MAX_TAGS
MAX_TAG_LENGTH = text_rules.MAX_TAG_LENGTH


# Filters for catalogue videos, also used by partial indexes.
IS_PUBLIC = Q(place=VideoScope.CATALOGUE, deleted_at=None, is_hidden=False, status=VideoStatus.READY)
IS_IN_CATALOGUE = Q(place=VideoScope.CATALOGUE, deleted_at=None)
NOT_READY = IS_IN_CATALOGUE & ~Q(status=VideoStatus.READY)
IS_DELETED_FROM_CATALOGUE = Q(place=VideoScope.CATALOGUE, deleted_at__isnull=False)


IN_LIBRARY = Q(place=VideoScope.LIBRARY, deleted_at=None)
IN_BIN = Q(place=VideoScope.LIBRARY, deleted_at__isnull=False)


def catalogue_rule(user: User | AnonymousUser) -> Q:
    """Return the filter of catalogue videos for a user.

    Without ``PUBLIC_CATALOG``, visitors without an account see none.
    """
    if isinstance(user, User) and user.is_admin:
        return Q(place=VideoScope.CATALOGUE)
    if isinstance(user, User) and user.is_moderator:
        return IS_IN_CATALOGUE
    return IS_PUBLIC if isinstance(user, User) or settings.PUBLIC_CATALOG else Q(pk__in=[])


class VideoQuerySet(models.QuerySet["Video"]):
    def visible_to(self, user: User | AnonymousUser) -> VideoQuerySet:
        """Return the user's library and the visible catalogue videos; for admins all videos. Bins are excluded."""
        if isinstance(user, User) and user.is_admin:
            return self.exclude(IN_BIN)
        if isinstance(user, AnonymousUser):
            return self.in_catalogue(user)
        return self.filter(Q(owner=user) & IN_LIBRARY | catalogue_rule(user))

    def watchable_by(self, user: User | AnonymousUser) -> VideoQuerySet:
        """Return the videos of :meth:`visible_to`, the user's own session videos, and those of published sessions."""
        if isinstance(user, AnonymousUser) or user.is_admin:
            return self.visible_to(user)
        own = Q(owner=user) & (IN_LIBRARY | Q(place__in=UNLISTED))
        return self.filter(own | Q(place=VideoScope.OPEN) | catalogue_rule(user))

    def private(self) -> VideoQuerySet:
        return self.filter(IN_LIBRARY)

    def in_bin(self) -> VideoQuerySet:
        return self.filter(IN_BIN)

    def in_catalogue(self, user: User | AnonymousUser) -> VideoQuerySet:
        return self.filter(catalogue_rule(user))

    def tagged(self, tag: str) -> VideoQuerySet:
        if connections[self.db].vendor == "postgresql":
            return self.filter(tags__contains=[tag])
        there = Func(
            F("tags"), Value(tag, models.TextField()), template="EXISTS (SELECT 1 FROM json_each(%(expressions)s))",
            arg_joiner=") WHERE value = (", output_field=models.BooleanField(),
        )  # fmt: skip
        return self.annotate(is_tagged=there).filter(is_tagged=True)

    def most_used_tags(self, count: int) -> dict[str, int]:
        connection = connections[self.db]
        parts = (
            "jsonb_array_elements_text(kept.tags) AS tag(value)"
            if connection.vendor == "postgresql"
            else "json_each(kept.tags) AS tag"
        )
        rows, values = self.order_by().values("tags").query.sql_with_params()
        counted = f"SELECT tag.value, COUNT(*) FROM ({rows}) AS kept, {parts} GROUP BY 1"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(f"{counted} ORDER BY 2 DESC, 1 LIMIT %s", [*values, count])
            return dict(cursor.fetchall())

    def containing(self, text: str) -> VideoQuerySet:
        if not (wanted := terms(text)):
            return self.none()
        found = self
        for term in wanted:
            # Do not use LIKE, which takes seconds in long captions on SQLite.
            is_there = GreaterThan(StrIndex("search_text", Value(term)), 0)
            said = TextTrack.objects.filter(is_there, video=OuterRef("pk"))
            found = found.filter(Q(is_there) | Exists(said))
        return found

    def with_state(self) -> VideoQuerySet:
        """Annotate ``state``: ``status``, corrected by the ingest job.

        A processing video without a live or completed job is failed; a failed video whose job waits for a retry is
        processing.
        """
        return self.select_related("job").annotate(  # type: ignore[no-redef]
            state=Case(
                When(_HAS_FAILED, then=Value(VideoStatus.FAILED.value)),
                When(_INGEST_WILL_BE_RETRIED, then=Value(VideoStatus.PROCESSING.value)),
                default=F("status"),
            )
        )

    def in_state(self, state: str) -> VideoQuerySet:
        if state == VideoStatus.PROCESSING:
            return self.filter(Q(status=VideoStatus.PROCESSING) & _INGEST_IS_ALIVE | _INGEST_WILL_BE_RETRIED)
        if state == VideoStatus.FAILED:
            return self.filter(_HAS_FAILED | Q(status=VideoStatus.FAILED) & ~_INGEST_WILL_BE_RETRIED)
        return self.filter(status=state)


_INGEST_IS_ALIVE = Q(job__status__in=[*JOBS_LIVE, JobStatus.COMPLETED])
_HAS_FAILED = Q(status=VideoStatus.PROCESSING) & (Q(job=None) | ~_INGEST_IS_ALIVE)
# Failed videos whose job waits for a retry. Running jobs are excluded: they write the status themselves.
_INGEST_WILL_BE_RETRIED = Q(status=VideoStatus.FAILED, job__status__in=JOBS_LIVE - {JobStatus.PROCESSING})


class Video(models.Model):
    """A video file, with the facts that the probe measured. width, height: displayed pixels.

    recording: :class:`media_app.av.copy_reasons.Recording`, if the file has faults. deleted_at: time of removal from
    the catalogue, or of the move to the bin. An UPDATE of text fields must also write search_text. In the catalogue,
    only :mod:`media_app.catalogue` writes text fields, is_featured, version, vector_clock and last_modified_by.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.RESTRICT, related_name="videos")
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    tags = models.JSONField(default=list)
    place = models.CharField(max_length=16, choices=VideoScope, default=VideoScope.LIBRARY)
    category = models.CharField(max_length=100, blank=True, default="")
    is_featured = models.BooleanField(default=False)
    is_hidden = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    view_count = models.BigIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    vector_clock = models.JSONField(default=dict)
    last_modified_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    search_text = models.TextField(blank=True, default="")
    status = models.CharField(max_length=16, choices=VideoStatus, default=VideoStatus.READY)
    error_type = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="+", help_text="job that processes the file"
    )
    source = models.CharField(max_length=16, choices=VideoSource)
    location = models.TextField(help_text="Absolute path with symlinks resolved, or key in the storage.")
    file_size = models.BigIntegerField()
    modified_ns = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    mime_type = models.CharField(max_length=64)
    duration = models.FloatField(default=0, help_text="seconds")
    fps_numerator = models.PositiveIntegerField(default=0)
    fps_denominator = models.PositiveIntegerField(default=1)
    is_variable_frame_rate = models.BooleanField(default=False)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    codec = models.CharField(max_length=32, blank=True, default="")
    audio_tracks = models.JSONField(default=list)
    recording = models.JSONField(default=dict, db_default={}, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = VideoQuerySet.as_manager()
    if TYPE_CHECKING:
        state: str

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="video_by_owner"),
            models.Index(fields=["-created_at", "-id"], condition=IS_PUBLIC, name="video_shown"),
            models.Index(fields=["-created_at", "-id"], condition=IS_IN_CATALOGUE, name="video_in_catalogue"),
            # The index contains ``status`` and ``is_hidden``, so that the database can skip videos that a user may not
            # see without reading their rows.
            models.Index(
                fields=["category", "-created_at", "-id", "status", "is_hidden"], condition=IS_IN_CATALOGUE,
                name="video_by_category",
            ),
            # The next indexes begin with ``place``, although it is constant in them: SQLite prefers indexes whose
            # first column is compared by ``=``.
            models.Index(
                fields=["place", "-created_at", "-id", "status", "is_hidden"],
                condition=IS_IN_CATALOGUE & Q(is_featured=True), name="video_featured",
            ),
            models.Index(
                fields=["place", "-created_at", "-id"], condition=IS_IN_CATALOGUE & Q(is_hidden=True),
                name="video_hidden",
            ),
            models.Index(
                fields=["place", "-created_at", "-id", "status", "job"], condition=NOT_READY, name="video_not_ready"
            ),
            models.Index(
                fields=["place", "-created_at", "-id"], condition=IS_DELETED_FROM_CATALOGUE, name="video_deleted"
            ),
            models.Index(fields=["owner", "deleted_at"], condition=IN_BIN, name="video_in_bin"),
        ]  # fmt: skip
        constraints = [
            models.UniqueConstraint(
                "owner",
                "location",
                "file_size",
                "modified_ns",
                name="video_once_per_owner",
                condition=Q(source=VideoSource.REFERENCE),
            ),
            models.CheckConstraint(condition=Q(place__in=VideoScope.values), name="video_place_known"),
            models.CheckConstraint(condition=Q(view_count__gte=0, version__gte=1), name="video_counts_positive"),
            models.CheckConstraint(condition=Q(source__in=VideoSource.values), name="video_source_known"),
            models.CheckConstraint(condition=Q(status__in=VideoStatus.values), name="video_status_known"),
            models.CheckConstraint(condition=Q(duration__gte=0), name="video_duration_positive"),
            models.CheckConstraint(condition=Q(fps_denominator__gt=0), name="video_fps_a_fraction"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        if fields is None or SEARCHED & set(fields):
            self.search_text = search_text(self.title, self.description, self.category, self.tags)
            if fields is not None:
                kwargs["update_fields"] = {*fields, "search_text"}
        super().save(*args, **kwargs)

    @property
    def needs_copy(self) -> bool:
        """Return whether faults of the file require a normalised copy."""
        return bool(self.recording.get("reasons"))

    def can_change(self, user: User) -> bool:
        if self.place == VideoScope.CATALOGUE:
            return user.is_moderator
        return user.is_admin or user.pk == self.owner_id

    @property
    def purge_at(self) -> datetime | None:
        """Time of final deletion; None outside the bin."""
        if self.place != VideoScope.LIBRARY or self.deleted_at is None:
            return None
        return self.deleted_at + timedelta(days=settings.BIN_DAYS)

    @property
    def fps(self) -> Fraction:
        return Fraction(self.fps_numerator, self.fps_denominator)

    @property
    def resolution(self) -> str:
        return f"{self.width}x{self.height}"


class RenditionKind(models.TextChoices):
    POSTER = "poster"
    SPRITE = "sprite"
    PEAKS = "peaks"
    HLS = "hls"
    PROXY = "proxy"
    SILENT = "silent"
    NORMALIZED = "normalized"
    THUMBNAIL = "thumbnail"
    REEL = "reel"
    PREVIEW = "preview"
    SOUND = "sound"
    DUB = "dub"


class RenditionManager(models.Manager["Rendition"]):
    def get_queryset(self) -> models.QuerySet[Rendition]:
        return super().get_queryset().filter(lost_at=None)


class Rendition(models.Model):
    """Files derived from a video, in a folder of the store. The files never change.

    name: variant, such as ``720`` for HLS. files: file names by role. codecs: RFC 6381 names. bit_rate: peak bits per
    second. size: bytes. lost_at: time since which a file is missing; the rendition is then hidden.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="renditions")
    kind = models.CharField(max_length=16, choices=RenditionKind)
    name = models.CharField(max_length=16, blank=True, default="")
    folder = models.TextField()
    files = models.JSONField(default=dict)
    mime_type = models.CharField(max_length=64, blank=True, default="")
    codecs = models.CharField(max_length=128, blank=True, default="")
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    bit_rate = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    lost_at = models.DateTimeField(null=True, blank=True)

    objects = RenditionManager()
    with_lost = models.Manager["Rendition"]()

    class Meta:
        ordering = ["kind", "-height", "name"]
        constraints = [
            models.UniqueConstraint("video", "kind", "name", name="rendition_once"),
            models.CheckConstraint(condition=Q(kind__in=RenditionKind.values), name="rendition_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()

    def key_of(self, role: str) -> str:
        return f"{self.folder}{self.files[role]}"


class TrackKind(models.TextChoices):
    CAPTIONS = "captions"
    CHAPTERS = "chapters"


class TextTrack(models.Model):
    """Captions or chapters of a video, as WebVTT. language: BCP 47 tag, ``und`` if unknown."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="text_tracks")
    kind = models.CharField(max_length=16, choices=TrackKind)
    language = models.CharField(max_length=35)
    label = models.CharField(max_length=100, blank=True, default="")
    content = models.TextField()
    cue_count = models.PositiveIntegerField()
    search_text = models.TextField(blank=True, default="")
    size = models.PositiveIntegerField(db_default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["kind", "language"]
        constraints = [
            models.UniqueConstraint("video", "kind", "language", name="text_track_once"),
            models.CheckConstraint(condition=Q(kind__in=TrackKind.values), name="text_track_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.language}"


class VideoView(models.Model):
    """A viewer's view of a catalogue video in one hour.

    viewer: user id, or an irreversible digest of an IP address.
    """

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="+")
    viewer = models.CharField(max_length=64)
    hour = models.DateTimeField()
    is_counted = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["video", "viewer", "hour"], name="view_once_an_hour")]
        indexes = [models.Index(fields=["video"], condition=Q(is_counted=False), name="view_to_count")]

    def __str__(self) -> str:
        return f"{self.viewer} at {self.hour}"
