from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from media_app.videos.models import Video
from vodplatform.accounts.models import User

SERVER = "server"  # actor name in operations for edits by PUT, PATCH or the admin site


class CrdtOperation(models.Model):
    """Edit operation received from a client; never changed, deleted only with its video.

    writer: id of the sending user; no foreign key, so that the operation remains when the account is deleted.
    client_id: the client's own id of the operation. timestamp: time of the edit by the client's clock.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="operations")
    actor = models.CharField(max_length=120)
    counter = models.BigIntegerField()
    writer = models.UUIDField()
    client_id = models.CharField(max_length=64, blank=True, default="")
    operation_type = models.CharField(max_length=32)
    operation_data = models.JSONField()
    vector_clock = models.JSONField()
    timestamp = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "crdt_operations"
        ordering = ["created_at", "timestamp", "actor", "counter"]
        indexes = [models.Index(fields=["video", "created_at"], name="operation_since")]
        constraints = [
            models.UniqueConstraint(fields=["video", "actor", "counter"], name="operation_once"),
            models.CheckConstraint(condition=Q(counter__gte=1), name="operation_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.operation_type} by {self.actor}"


class MergeState(models.Model):
    """Merged state of a video's operations.

    base: the video's field values at its creation. document: :class:`media_app.catalogue.crdt.Document` as JSON.
    """

    video = models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="merge_state")
    document = models.JSONField()
    base = models.JSONField()

    def __str__(self) -> str:
        return str(self.video_id)


class ProcessingReport(models.Model):
    """Latest results of a client's own processing of a video's file."""

    video = models.OneToOneField(Video, on_delete=models.CASCADE, primary_key=True, related_name="processing_report")
    results = models.JSONField()
    reported_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reported_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.video_id)


class ReportReason(models.TextChoices):
    SPAM = "spam"
    VIOLENCE = "violence"
    HATE = "hate"
    SEXUAL = "sexual"
    COPYRIGHT = "copyright"
    MISLEADING = "misleading"
    OTHER = "other"


class VideoReport(models.Model):
    """Report of a video by a user, open until a moderator settles it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="reports")
    reporter = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=16, choices=ReportReason)
    text = models.CharField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    outcome = models.CharField(max_length=1000, blank=True, default="")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["video"], condition=Q(settled_at=None), name="report_open")]
        constraints = [
            models.UniqueConstraint(
                fields=["video", "reporter"], condition=Q(settled_at=None), name="report_open_once_per_user"
            ),
            models.CheckConstraint(condition=Q(reason__in=ReportReason.values), name="report_reason_known"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.video}"


class CatalogueVideo(Video):
    class Meta:
        proxy = True
        verbose_name = "catalogue video"
