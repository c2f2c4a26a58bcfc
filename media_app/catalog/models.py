"""Videos: what the program knows of a file, and who may see it."""

from __future__ import annotations

import uuid
from fractions import Fraction

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

from vodplatform.accounts.models import User


class VideoSource(models.TextChoices):
    """Where the bytes are: a file in a library root, used in place, or a file in our own storage."""

    REFERENCE = "reference"
    STORED = "stored"


class VideoQuerySet(models.QuerySet["Video"]):
    def visible_to(self, user: User | AnonymousUser) -> VideoQuerySet:
        """The owner's videos; an admin's are all."""
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)


class Video(models.Model):
    """One video file and the facts that the probe found in it.

    Frame rate is a fraction (29.97 is 30000/1001); width and height are as displayed, rotation applied.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="videos")
    title = models.CharField(max_length=255)
    source = models.CharField(max_length=16, choices=VideoSource)
    location = models.TextField(help_text="An absolute path with symlinks resolved, or a key of the storage.")
    file_size = models.BigIntegerField()
    modified_ns = models.BigIntegerField(default=0)
    mime_type = models.CharField(max_length=64)
    duration = models.FloatField(help_text="seconds")
    fps_numerator = models.PositiveIntegerField()
    fps_denominator = models.PositiveIntegerField()
    is_variable_frame_rate = models.BooleanField(default=False)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    codec = models.CharField(max_length=32)
    audio_tracks = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = VideoQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint("owner", "location", "file_size", "modified_ns", name="video_once_per_owner"),
            models.CheckConstraint(condition=Q(source__in=VideoSource.values), name="video_source_known"),
            models.CheckConstraint(condition=Q(duration__gte=0), name="video_duration_positive"),
            models.CheckConstraint(condition=Q(fps_denominator__gt=0), name="video_fps_a_fraction"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def fps(self) -> Fraction:
        """Frames a second; the mean where the rate varies."""
        return Fraction(self.fps_numerator, self.fps_denominator)

    @property
    def resolution(self) -> str:
        """``1920x1080``, as displayed."""
        return f"{self.width}x{self.height}"
