"""Uploads: files that clients are sending."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from vodplatform.accounts.models import User


class UploadProtocol(models.TextChoices):
    """Protocol of an upload. ``DIRECT``: chunks sent straight to S3."""

    MULTIPART = "multipart"
    CHUNKS = "chunks"
    TUS = "tus"
    DIRECT = "direct"


class UploadStatus(models.TextChoices):
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
    # A completed upload can be cancelled until a resource owns its bytes.
    S.COMPLETED: frozenset({S.CANCELLED, S.EXPIRED, S.FAILED}),
    S.FAILED: frozenset({S.EXPIRED}),
    S.CANCELLED: frozenset({S.EXPIRED}),
    S.EXPIRED: frozenset(),
}
LIVE = (S.INITIATED, S.UPLOADING)
IN_CHUNKS = (UploadProtocol.CHUNKS, UploadProtocol.DIRECT)


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: User | AnonymousUser) -> UploadQuerySet:
        """Return the user's own uploads; even admins do not see others' uploads."""
        return self.none() if isinstance(user, AnonymousUser) else self.filter(owner=user)

    def with_state(self) -> UploadQuerySet:
        """Annotate ``state``: the status, but "expired" once an unfinished upload has reached its expiry time."""
        is_over = Q(status__in=LIVE, expires_at__lte=Now())
        expired = When(is_over, then=Value(S.EXPIRED.value))
        return self.annotate(state=Case(expired, default=F("status"), output_field=models.CharField()))

    def reserved(self) -> UploadQuerySet:
        """Return uploads that reserve storage. Callers exclude purposes that do not count towards the quota.

        Live uploads reserve storage until they expire, and completed uploads until another record owns their bytes.
        """
        return self.filter(Q(status__in=LIVE, expires_at__gt=Now()) | Q(status=S.COMPLETED, taken_up=False))


class Upload(models.Model):
    """A file that a client is sending.

    size: bytes; for a form, the reserved bytes. offset: durable bytes. parts: parts that S3 confirmed. part_number:
    highest part number ever used. tail_key: stored object with the last ``tail_size`` bytes, too few for a part.
    taken_up: whether another record owns the bytes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="uploads")
    front = models.CharField(max_length=16, choices=UploadProtocol)
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
    sha256 = models.CharField(max_length=64, blank=True, default="", help_text="SHA-256 of the complete file, if known")
    mime_type = models.CharField(max_length=64, blank=True, default="", help_text="type detected from the first bytes")
    key = models.TextField(blank=True, default="")
    multipart_id = models.TextField(blank=True, default="", help_text="id of the multipart upload on S3")
    parts = models.JSONField(default=list)
    part_number = models.PositiveIntegerField(default=0)
    tail_key = models.TextField(blank=True, default="")
    tail_size = models.BigIntegerField(default=0, help_text="bytes")
    is_partial = models.BooleanField(default=False, help_text="whether the upload is one part of a tus concatenation")
    concatenates = models.JSONField(
        default=list, help_text="ids of the uploads that are joined into this one, in order"
    )
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
            models.CheckConstraint(condition=Q(front__in=UploadProtocol.values), name="upload_front_known"),
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
        return -(-self.size // self.chunk_size) if self.chunk_size else 0

    @property
    def shown_status(self) -> str:
        return str(getattr(self, "state", self.status))

    @property
    def percent(self) -> float:
        if not self.size or self.offset >= self.size:
            return 100.0
        return min(99.9, round(100 * self.offset / self.size, 1))

    @property
    def error(self) -> dict[str, str] | None:
        return {"type": self.error_type, "message": self.error_message} if self.error_type else None

    def chunk_numbers(self) -> dict[str, list[int]]:
        if self.front == UploadProtocol.DIRECT:
            arrived = {number - 1 for number, _, _ in self.parts}  # S3 numbers parts from 1
        else:
            arrived = set(self.chunks.values_list("number", flat=True))
        if self.status == S.COMPLETED and not arrived:
            arrived = set(range(self.total_chunks))  # all chunks have arrived; assembly has deleted their rows
        return {
            "uploaded_chunks": sorted(arrived),
            "remaining_chunks": [number for number in range(self.total_chunks) if number not in arrived],
        }

    def length_of(self, number: int) -> int:
        assert self.chunk_size
        return min(self.chunk_size, self.size - number * self.chunk_size)


class UploadChunk(models.Model):
    """A chunk whose bytes are durable."""

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
