"""Pro jobs: a video some of whose speech is replaced. The segments stand in the job's own row."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Prefetch, Q
from django.db.models.functions import Now

from jobs_app.models import FINISHED, Job, JobStatus
from media_app.videos.models import Rendition, RenditionKind, Video
from vodplatform.accounts.models import User


class Engine(models.TextChoices):
    """What replaces the speech: this machine, or sync.so."""

    LOCAL = "local"
    SYNCSO = "syncso"


class ProJobQuerySet(models.QuerySet["ProJob"]):
    def visible_to(self, user: User | AnonymousUser) -> ProJobQuerySet:
        """The owner's; an admin's are all."""
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def of_the_same_video(self, job_id: uuid.UUID) -> ProJobQuerySet:
        """The others of these that were made of the very file that the job ``job_id`` of these was made of."""
        files = self.filter(pk=job_id).exclude(video__sha256="").values("video__sha256")
        return self.filter(video__sha256__in=files).exclude(pk=job_id)

    def with_state(self) -> ProJobQuerySet:
        """With what the serializers read, in two queries."""
        made = Rendition.objects.order_by("kind", "name")
        return self.select_related("job", "video").prefetch_related(Prefetch("video__renditions", made))


class ProJob(models.Model):
    """One request to replace the speech of segments of one video. Its id is its job's.

    video: what was sent, on no shelf; its renditions are the files of the sounds, by their numbers, and the result.
    sounds: ``ref`` (their names), ``filename``, ``seconds`` and ``peaks`` (0 to 1) of each, in their order.
    options: as :class:`sessions_app.prosync.segments.Options` has them. outcome: what was done, once it is.

    Of the provider: generation_id: its name for the generation, "" until it has answered; generations: how many were
    begun, since a failed one is followed by another; notified_at: signing time (Unix seconds) of the last webhook that
    was accepted; asked: the exact request, stored before it is sent, so that a retry repeats it with the same
    idempotency key and the same signed addresses.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="pro_jobs")
    job = models.OneToOneField(Job, on_delete=models.RESTRICT, related_name="pro")
    name = models.CharField(max_length=255)
    video = models.ForeignKey(Video, on_delete=models.RESTRICT, related_name="pro_jobs")
    sounds = models.JSONField(default=list)
    options = models.JSONField(default=dict)
    engine = models.CharField(max_length=16, choices=Engine)
    generation_id = models.CharField(max_length=100, blank=True, default="")
    generations = models.PositiveIntegerField(default=1)
    notified_at = models.BigIntegerField(default=0)
    asked = models.JSONField(null=True, blank=True)
    outcome = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ProJobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "-created_at", "-id"], name="pro_by_owner"),
            models.Index(fields=["generation_id"], condition=~Q(generation_id=""), name="pro_by_generation"),
        ]
        constraints = [models.CheckConstraint(condition=Q(engine__in=Engine.values), name="pro_engine_known")]

    def __str__(self) -> str:
        return self.name

    def can_change(self, user: User) -> bool:
        """Whether ``user`` may delete it."""
        return user.is_admin or self.owner_id == user.pk

    @property
    def is_over(self) -> bool:
        """Whether its job has ended, in whatever way."""
        return self.job.status in FINISHED

    @property
    def segments(self) -> list[dict[str, Any]]:
        """As they are shown: each with the status it has come to."""
        own: list[dict[str, Any]] = self.job.segments_data or []
        if self.job.status == JobStatus.COMPLETED:
            return [{**one, "status": str(JobStatus.COMPLETED)} for one in own]
        ended = self.job.status if self.is_over else None
        # What an attempt had come to counts for nothing once the job has failed: there is no result.
        return [{**one, "status": str(ended or one["status"])} for one in own]

    @property
    def sound_files(self) -> dict[str, Rendition]:
        """The files of the sounds by their names."""
        made = {row.name: row for row in self.video.renditions.all() if row.kind == RenditionKind.SOUND}
        return {sound["ref"]: made[str(number)] for number, sound in enumerate(self.sounds) if str(number) in made}

    @property
    def result(self) -> Rendition | None:
        """The video with the new speech, once there is one."""
        return next((row for row in self.video.renditions.all() if row.kind == RenditionKind.DUB), None)
