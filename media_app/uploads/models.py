"""Uploads: what has come of a file so far, by which door, and until when. What becomes of it is not told here."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from vodplatform.accounts.models import User


class UploadFront(models.TextChoices):
    """By which door the bytes come: one form, numbered chunks, the tus protocol, or chunks straight to S3."""

    MULTIPART = "multipart"
    CHUNKS = "chunks"
    TUS = "tus"
    DIRECT = "direct"


class UploadStatus(models.TextChoices):
    """Where an upload is; :data:`TRANSITIONS` has the arrows."""

    INITIATED = "initiated"
    UPLOADING = "uploading"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


S = UploadStatus
_ENDS = {S.COMPLETED, S.FAILED, S.CANCELLED, S.EXPIRED}
TRANSITIONS: dict[str, frozenset[str]] = {
    S.INITIATED: frozenset({S.UPLOADING, *_ENDS}),
    S.UPLOADING: frozenset(_ENDS),
    # Its bytes belong to nobody until they are taken up: a finished clip of a merge may still be given up.
    S.COMPLETED: frozenset({S.CANCELLED, S.EXPIRED, S.FAILED}),
    S.FAILED: frozenset({S.EXPIRED}),
    S.CANCELLED: frozenset({S.EXPIRED}),
    S.EXPIRED: frozenset(),
}
LIVE = (S.INITIATED, S.UPLOADING)
IN_CHUNKS = (UploadFront.CHUNKS, UploadFront.DIRECT)


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: User | AnonymousUser) -> UploadQuerySet:
        """The owner's uploads; nobody else's, an admin's neither: what is under way is not finished to be looked at."""
        return self.none() if isinstance(user, AnonymousUser) else self.filter(owner=user)

    def with_state(self) -> UploadQuerySet:
        """Each with its ``state``: its status, but expired where its time is over and no sweep has come by yet."""
        is_over = Q(status__in=LIVE, expires_at__lte=Now())
        expired = When(is_over, then=Value(S.EXPIRED.value))
        return self.annotate(state=Case(expired, default=F("status"), output_field=models.CharField()))

    def reserved(self) -> UploadQuerySet:
        """Those whose bytes take room that no finished file accounts for yet; the sweep's delay counts for nobody."""
        return self.filter(Q(status__in=LIVE, expires_at__gt=Now()) | Q(status=S.COMPLETED, taken_up=False))


class Upload(models.Model):
    """One file on its way in.

    size: bytes; for a form, whose parts do not say, what is reserved. offset: bytes that are durable. key: where
    the whole will be, or where a part lies that another upload will join. On S3: parts are those confirmed so far,
    part_number is the last one that anybody may have written, the tail is what is too little for a part.
    resource_id: the id of what it becomes. taken_up: something else answers for the bytes now.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="uploads")
    front = models.CharField(max_length=16, choices=UploadFront)
    purpose = models.CharField(max_length=16)
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=127, blank=True, default="")
    metadata = models.JSONField(default=dict)
    size = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    chunk_size = models.BigIntegerField(null=True)
    status = models.CharField(max_length=16, choices=UploadStatus, default=UploadStatus.INITIATED)
    error_type = models.CharField(max_length=64, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="of the whole, where it is known")
    mime_type = models.CharField(max_length=64, blank=True, default="", help_text="as the first bytes tell")
    key = models.TextField(blank=True, default="")
    multipart_id = models.TextField(blank=True, default="", help_text="the upload's name on S3")
    parts = models.JSONField(default=list)
    part_number = models.PositiveIntegerField(default=0)
    tail_key = models.TextField(blank=True, default="")
    tail_size = models.BigIntegerField(default=0, help_text="bytes")
    is_partial = models.BooleanField(default=False, help_text="a part of a tus concatenation")
    concatenates = models.JSONField(default=list, help_text="ids of the uploads that this one joins, in order")
    resource_id = models.UUIDField(default=uuid.uuid4, editable=False)
    taken_up = models.BooleanField(default=False)
    lock_token = models.UUIDField(null=True)
    lock_until = models.DateTimeField(null=True)
    lock_wanted = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="upload_by_owner"),
            models.Index(fields=["expires_at"], condition=~Q(status="expired"), name="upload_to_expire"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(front__in=UploadFront.values), name="upload_front_known"),
            models.CheckConstraint(condition=Q(status__in=UploadStatus.values), name="upload_status_known"),
            models.CheckConstraint(condition=Q(size__gte=0), name="upload_size_positive"),
            models.CheckConstraint(condition=Q(offset__gte=0) & Q(offset__lte=F("size")), name="upload_offset_within"),
            models.CheckConstraint(
                condition=Q(front__in=IN_CHUNKS, chunk_size__gt=0) | (~Q(front__in=IN_CHUNKS) & Q(chunk_size=None)),
                name="upload_chunked_or_not",
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def total_chunks(self) -> int:
        """How many chunks the whole has; 0 where it comes otherwise."""
        return -(-self.size // self.chunk_size) if self.chunk_size else 0

    @property
    def shown_status(self) -> str:
        """Its ``state``, where it was read ``with_state``, and otherwise its status."""
        return str(getattr(self, "state", self.status))

    @property
    def percent(self) -> float:
        """How much of it has arrived, 0 to 100; 100 only when all has."""
        if not self.size or self.offset >= self.size:
            return 100.0
        return min(99.9, round(100 * self.offset / self.size, 1))

    @property
    def error(self) -> dict[str, str] | None:
        """Why it failed."""
        return {"type": self.error_type, "message": self.error_message} if self.error_type else None

    def chunk_numbers(self) -> dict[str, list[int]]:
        """The numbers of the chunks that are durable (``uploaded_chunks``) and of the others (``remaining_chunks``)."""
        if self.front == UploadFront.DIRECT:
            arrived = {number - 1 for number, _, _ in self.parts}  # S3 counts from 1
        else:
            arrived = set(self.chunks.values_list("number", flat=True))
        if self.status == S.COMPLETED and not arrived:
            arrived = set(range(self.total_chunks))  # joined to one file, and the chunks deleted
        return {
            "uploaded_chunks": sorted(arrived),
            "remaining_chunks": [number for number in range(self.total_chunks) if number not in arrived],
        }

    def length_of(self, number: int) -> int:
        """Bytes of the chunk with this number, from 0; the last is shorter."""
        assert self.chunk_size
        return min(self.chunk_size, self.size - number * self.chunk_size)


class UploadChunk(models.Model):
    """A chunk that has arrived whole and is durable: its row comes after its bytes. size: bytes."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    key = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint("upload", "number", name="upload_chunk_once")]

    def __str__(self) -> str:
        return f"{self.upload_id}/{self.number}"
