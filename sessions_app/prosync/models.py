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
from vodplatform.core.pauses import PausedIterable


class Engine(models.TextChoices):
    LOCAL = "local"
    SYNCSO = "syncso"


class ProJobQuerySet(models.QuerySet["ProJob"]):
    def visible_to(self, user: User | AnonymousUser) -> ProJobQuerySet:
        if isinstance(user, AnonymousUser):
            return self.none()
        return self if user.is_admin else self.filter(owner=user)

    def of_the_same_video(self, job_id: uuid.UUID) -> ProJobQuerySet:
        files = self.filter(pk=job_id).exclude(video__sha256="").values("video__sha256")
        return self.filter(video__sha256__in=files).exclude(pk=job_id)

    def with_state(self) -> ProJobQuerySet:
        made = Rendition.objects.order_by("kind", "name")
        rows = self.select_related("job", "video").prefetch_related(Prefetch("video__renditions", made))
        rows._iterable_class = PausedIterable  # lets other requests run while long lists are decoded
        return rows


class ProJob(models.Model):
    """A request to replace speech in a video. It has the same id as its job.

    - video: the uploaded video, which is in no library. The result and the sounds are its renditions. The name of a
      sound's rendition is the sound's index.
    - sounds: ``ref`` (name), ``filename``, ``seconds`` and ``peaks`` (0 to 1) of each sound.
    - outcome: report on the result.

    Only an external provider needs these fields:

    - generation_id: the provider's id of the latest generation, or "".
    - generations: number of the current generation, from 1.
    - notified_at: Unix time of the last accepted webhook, in seconds.
    - asked: the exact request that was sent, for retries.
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
        return user.is_admin or self.owner_id == user.pk

    @property
    def is_over(self) -> bool:
        return self.job.status in FINISHED

    @property
    def segments(self) -> list[dict[str, Any]]:
        own: list[dict[str, Any]] = self.job.segments_data or []
        if self.job.status == JobStatus.COMPLETED:
            return [{**one, "status": str(JobStatus.COMPLETED)} for one in own]
        ended = self.job.status if self.is_over else None
        # A failed or cancelled job has no result, so its segments get the job's status.
        return [{**one, "status": str(ended or one["status"])} for one in own]

    @property
    def sound_files(self) -> dict[str, Rendition]:
        made = {row.name: row for row in self.video.renditions.all() if row.kind == RenditionKind.SOUND}
        return {sound["ref"]: made[str(number)] for number, sound in enumerate(self.sounds) if str(number) in made}

    @property
    def result(self) -> Rendition | None:
        return next((row for row in self.video.renditions.all() if row.kind == RenditionKind.DUB), None)
