"""Videos: what the program knows of a file, and who may see it."""

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
    """Where the bytes are: a file in a library root, used in place, or a file in our own storage."""

    REFERENCE = "reference"
    STORED = "stored"


class Place(models.TextChoices):
    """On which shelf a video stands: its owner's private one, everybody's, or none.

    What was sent for one session only is on no shelf: whoever may see the session is shown it, and it goes with it.
    It is open while that session is published: whoever has signed in may watch it by its id.
    """

    LIBRARY = "library"
    CATALOGUE = "catalogue"
    SESSION = "session"
    OPEN = "open"


OFF_SHELF = (Place.SESSION, Place.OPEN)


class VideoStatus(models.TextChoices):
    """Where a video is; :data:`TRANSITIONS` has the arrows. A file used in place is ready from the first."""

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


# Of the catalogue: what anybody may see, what its moderators may, what of that is not ready, and what was taken out.
# Partial indexes stand on these very terms.
SHOWN = Q(place=Place.CATALOGUE, deleted_at=None, is_hidden=False, status=VideoStatus.READY)
PRESENT = Q(place=Place.CATALOGUE, deleted_at=None)
NOT_READY = PRESENT & ~Q(status=VideoStatus.READY)
TAKEN_OUT = Q(place=Place.CATALOGUE, deleted_at__isnull=False)


# Videos in their owner's library, and videos that the owner has moved to the bin. For a library video, `deleted_at`
# means that it is in the bin.
IN_LIBRARY = Q(place=Place.LIBRARY, deleted_at=None)
IN_BIN = Q(place=Place.LIBRARY, deleted_at__isnull=False)


def catalogue_rule(user: User | AnonymousUser) -> Q:
    """Which rows of the catalogue a user may see: admins all, moderators what is not deleted, others what is shown."""
    if isinstance(user, User) and user.is_admin:
        return Q(place=Place.CATALOGUE)
    if isinstance(user, User) and user.is_moderator:
        return PRESENT
    return SHOWN if isinstance(user, User) or settings.PUBLIC_CATALOG else Q(pk__in=[])


class VideoQuerySet(models.QuerySet["Video"]):
    def visible_to(self, user: User | AnonymousUser) -> VideoQuerySet:
        """The user's own, and of the catalogue what :meth:`in_catalogue` says; an admin's are all. Nothing in a bin."""
        if isinstance(user, User) and user.is_admin:
            return self.exclude(IN_BIN)
        if isinstance(user, AnonymousUser):
            return self.in_catalogue(user)
        return self.filter(Q(owner=user) & IN_LIBRARY | catalogue_rule(user))

    def watchable_by(self, user: User | AnonymousUser) -> VideoQuerySet:
        """Those, and what stands on no shelf: one's own, and what is open."""
        if isinstance(user, AnonymousUser) or user.is_admin:
            return self.visible_to(user)
        own = Q(owner=user) & (IN_LIBRARY | Q(place__in=OFF_SHELF))
        return self.filter(own | Q(place=Place.OPEN) | catalogue_rule(user))

    def private(self) -> VideoQuerySet:
        """Return the videos of private libraries, without those in the bin."""
        return self.filter(IN_LIBRARY)

    def in_bin(self) -> VideoQuerySet:
        """Return the videos that their owners have moved to the bin."""
        return self.filter(IN_BIN)

    def in_catalogue(self, user: User | AnonymousUser) -> VideoQuerySet:
        """What of the catalogue a user may see."""
        return self.filter(catalogue_rule(user))

    def tagged(self, tag: str) -> VideoQuerySet:
        """Those that carry exactly this tag."""
        if connections[self.db].vendor == "postgresql":
            return self.filter(tags__contains=[tag])
        there = Func(
            F("tags"), Value(tag, models.TextField()), template="EXISTS (SELECT 1 FROM json_each(%(expressions)s))",
            arg_joiner=") WHERE value = (", output_field=models.BooleanField(),
        )  # fmt: skip
        return self.annotate(is_tagged=there).filter(is_tagged=True)

    def most_used_tags(self, count: int) -> dict[str, int]:
        """Return the most frequent tags of these videos with the number of videos. The database does the counting."""
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
        """Those in which every term of a search occurs, inside of words too: in what is written about them, or in
        their captions and chapters. For as few videos as one person has."""
        if not (wanted := terms(text)):
            return self.none()
        found = self
        for term in wanted:
            # LIKE compares each letter with the whole term, which takes seconds in long captions.
            is_there = GreaterThan(StrIndex("search_text", Value(term)), 0)
            said = TextTrack.objects.filter(is_there, video=OuterRef("pk"))
            found = found.filter(Q(is_there) | Exists(said))
        return found

    def with_state(self) -> VideoQuerySet:
        """Each with its ``state``: what ``status`` says, but failed where the job that takes the file in has, and
        processing where that is tried again."""
        return self.select_related("job").annotate(  # type: ignore[no-redef]
            state=Case(
                When(_HAS_FAILED, then=Value(VideoStatus.FAILED.value)),
                When(_IS_TRIED_AGAIN, then=Value(VideoStatus.PROCESSING.value)),
                default=F("status"),
            )
        )

    def in_state(self, state: str) -> VideoQuerySet:
        """Those of which :meth:`with_state` says so; in terms that a database can plan with."""
        if state == VideoStatus.PROCESSING:
            return self.filter(Q(status=VideoStatus.PROCESSING) & _IS_TAKEN_IN | _IS_TRIED_AGAIN)
        if state == VideoStatus.FAILED:
            return self.filter(_HAS_FAILED | Q(status=VideoStatus.FAILED) & ~_IS_TRIED_AGAIN)
        return self.filter(status=state)


_IS_TAKEN_IN = Q(job__status__in=[*JOBS_LIVE, JobStatus.COMPLETED])
_HAS_FAILED = Q(status=VideoStatus.PROCESSING) & (Q(job=None) | ~_IS_TAKEN_IN)
# While it runs the row tells: an attempt begins by saying that it does, and may end by saying why not.
_IS_TRIED_AGAIN = Q(status=VideoStatus.FAILED, job__status__in=JOBS_LIVE - {JobStatus.PROCESSING})


class Video(models.Model):
    """One video file and the facts that the probe found in it.

    Frame rate is a fraction (29.97 is 30000/1001); width and height are as displayed, rotation applied.

    Of a catalogue video title, description, category, tags, is_featured, version, vector_clock and last_modified_by
    are what :mod:`media_app.catalogue` made of everybody's operations: written there alone. owner: who created it.
    search_text: all its words as :func:`media_app.videos.search.search_text` puts them; whoever writes words by an
    UPDATE writes it too. view_count: of whole minutes.
    reviewed_at: when a moderator first looked at it. deleted_at: when it was taken out of the catalogue or moved to the
    bin of its owner's library; both can be undone. recording: how the file was recorded
    (:class:`media_app.av.recording.Recording`), if a note is made of it or if it has reasons for a normalised copy.
    Everything is then read from the copy, and the facts are the copy's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.RESTRICT, related_name="videos")
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    tags = models.JSONField(default=list)
    place = models.CharField(max_length=16, choices=Place, default=Place.LIBRARY)
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
    job = models.ForeignKey(Job, on_delete=models.SET_NULL, null=True, related_name="+", help_text="takes the file in")
    source = models.CharField(max_length=16, choices=VideoSource)
    location = models.TextField(help_text="An absolute path with symlinks resolved, or a key of the storage.")
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
        state: str  # of VideoQuerySet.with_state

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="video_by_owner"),
            models.Index(fields=["-created_at", "-id"], condition=SHOWN, name="video_shown"),
            models.Index(fields=["-created_at", "-id"], condition=PRESENT, name="video_in_catalogue"),
            # The last two columns are asked for by those who see less.
            models.Index(
                fields=["category", "-created_at", "-id", "status", "is_hidden"], condition=PRESENT,
                name="video_by_category",
            ),
            # Those of a few rows begin with a column that is the same in all: SQLite knows nothing of how many rows
            # an index has, and takes the one that a condition with an equals sign fits.
            models.Index(
                fields=["place", "-created_at", "-id", "status", "is_hidden"],
                condition=PRESENT & Q(is_featured=True), name="video_featured",
            ),
            models.Index(
                fields=["place", "-created_at", "-id"], condition=PRESENT & Q(is_hidden=True), name="video_hidden"
            ),
            models.Index(
                fields=["place", "-created_at", "-id", "status", "job"], condition=NOT_READY, name="video_not_ready"
            ),
            models.Index(fields=["place", "-created_at", "-id"], condition=TAKEN_OUT, name="video_deleted"),
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
            models.CheckConstraint(condition=Q(place__in=Place.values), name="video_place_known"),
            models.CheckConstraint(condition=Q(view_count__gte=0, version__gte=1), name="video_counts_positive"),
            models.CheckConstraint(condition=Q(source__in=VideoSource.values), name="video_source_known"),
            models.CheckConstraint(condition=Q(status__in=VideoStatus.values), name="video_status_known"),
            models.CheckConstraint(condition=Q(duration__gte=0), name="video_duration_positive"),
            models.CheckConstraint(condition=Q(fps_denominator__gt=0), name="video_fps_a_fraction"),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Written with its words, whatever a caller writes of them, is what it is found by."""
        fields = kwargs.get("update_fields")
        if fields is None or SEARCHED & set(fields):
            self.search_text = search_text(self.title, self.description, self.category, self.tags)
            if fields is not None:
                kwargs["update_fields"] = {*fields, "search_text"}
        super().save(*args, **kwargs)

    def can_change(self, user: User) -> bool:
        """Its owner and admins; of the catalogue its moderators."""
        if self.place == Place.CATALOGUE:
            return user.is_moderator
        return user.is_admin or user.pk == self.owner_id

    @property
    def purge_at(self) -> datetime | None:
        """The time at which a video in the bin is deleted for good; None outside the bin."""
        if self.place != Place.LIBRARY or self.deleted_at is None:
            return None
        return self.deleted_at + timedelta(days=settings.BIN_DAYS)

    @property
    def fps(self) -> Fraction:
        """Frames a second; the mean where the rate varies."""
        return Fraction(self.fps_numerator, self.fps_denominator)

    @property
    def resolution(self) -> str:
        """``1920x1080``, as displayed."""
        return f"{self.width}x{self.height}"


class RenditionKind(models.TextChoices):
    """What ingest makes of a video, what is made on demand (proxy, silent), a picture that somebody gave, what sessions
    made of it (their name is the beginning of the session's id), and sounds that are to replace its own."""

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
    """Those whose files are there, as far as is known."""

    def get_queryset(self) -> models.QuerySet[Rendition]:
        return super().get_queryset().filter(lost_at=None)


class Rendition(models.Model):
    """Something made of a video: files in a folder of the store that are never changed.

    name: which of several (the rung of an HLS ladder: ``source``, ``720``). folder: a key that ends with ``/``.
    files: names in the folder by their role. codecs: RFC 6381. bit_rate: bits a second, the peak. size: bytes.
    lost_at: since when a file of it is missing; it is shown nowhere then, and again should the file come back.
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
        """The key of the file that has this role. Raises ``KeyError``."""
        return f"{self.folder}{self.files[role]}"


class TrackKind(models.TextChoices):
    """What a text track says of each span of its video."""

    CAPTIONS = "captions"
    CHAPTERS = "chapters"


class TextTrack(models.Model):
    """Captions or chapters of a video: one of each kind and language.

    language: BCP 47, ``und`` where nobody has said. label: as menus name it, may be empty. content: WebVTT, its cues in
    order. search_text: its words as :func:`media_app.videos.search.folded` puts them. size: bytes of both texts.
    Written by :mod:`media_app.videos.text_tracks` alone.
    """

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
    """That somebody watched a catalogue video within an hour; counted once, and gone a day later.

    viewer: a user's id, else a keyed digest of an address that nobody can turn back. hour: its beginning.
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
