from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from jobs_app.periodic import periodic_task
from media_app.storage import files as store
from media_app.uploads import assemble
from media_app.uploads import services as uploads
from media_app.uploads.models import Upload
from media_app.videos.models import Rendition, RenditionKind, Video
from media_app.videos.services import delete_video
from sessions_app.prosync.models import ProJob
from sessions_app.prosync.providers import syncso_engine
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records import audit

PRO_KIND = "prosync"
REQUEST_KEY = "pro"  # key in the video upload's metadata that holds the request and its sounds
FAILED_KEPT_FOR = timedelta(days=7)
BATCH = 100


class ReceivedSound(Protocol):
    @property
    def upload(self) -> Upload: ...
    @property
    def seconds(self) -> float: ...
    @property
    def extension(self) -> str: ...
    @property
    def mime_type(self) -> str: ...
    @property
    def peaks(self) -> list[float]: ...


def most_segments(user: User) -> int:
    most = limits_of(user)["max_segments"]
    if not most:
        raise DomainError("tier_required")
    return most


def create_pro_job(user: User, video: Upload, sounds: Mapping[str, ReceivedSound], asked: Mapping[str, Any]) -> ProJob:
    """Create a pro job from inspected uploads. sounds: uploaded sounds by name.

    asked: the request's ``segments``, ``options``, ``name``.
    """
    folder = f"sounds/{video.resource_id}"
    kept = []
    try:
        for number, (ref, sound) in enumerate(sounds.items()):
            target = f"{folder}/{number}/sound.{sound.extension}"
            assemble.finish_multipart_uploads(sound.upload)
            store.move(sound.upload.key, target)
            kept.append({
                "ref": ref, "key": target, "bytes": sound.upload.size, "filename": sound.upload.filename,
                "seconds": sound.seconds, "mime_type": sound.mime_type, "peaks": sound.peaks,
            })  # fmt: skip
        video.metadata |= {REQUEST_KEY: {**asked, "sounds": kept}}
        video.save(update_fields=["metadata"])
        with transaction.atomic():
            for sound in sounds.values():
                uploads.complete(sound.upload)
            uploads.complete(video)
            # The sound files belong to the video now, so their uploads are deleted.
            Upload.objects.filter(pk__in=[sound.upload.pk for sound in sounds.values()]).delete()
            row = ProJob.objects.select_related("job").get(video=video.resource_id)
    except BaseException:
        store.delete_folder(f"{folder}/")
        raise
    event("prosync.begin", job=str(row.pk), segments=len(asked["segments"]), engine=row.engine)
    return row


def create_rows(upload: Upload, take: Callable[[Job], Video]) -> ProJob:
    """Create the rows of a pro job, in the transaction that completes the video's upload."""
    asked = upload.metadata[REQUEST_KEY]
    segments = [{**one, "status": str(JobStatus.QUEUED)} for one in asked["segments"]]
    params = {"upload_id": str(upload.pk), "video_id": str(upload.resource_id)}
    job = jobs.enqueue(PRO_KIND, upload.owner, params, segments=segments)
    video = take(job)
    for number, sound in enumerate(asked["sounds"]):
        folder, _, name = sound["key"].rpartition("/")
        Rendition.objects.create(
            video=video, kind=RenditionKind.SOUND, name=str(number), folder=f"{folder}/", files={"audio": name},
            mime_type=sound["mime_type"], size=sound["bytes"],
        )  # fmt: skip
    Upload.objects.filter(pk=upload.pk).update(metadata={})
    return ProJob.objects.create(
        pk=job.pk, owner=upload.owner, job=job, name=asked.get("name") or video.title, video=video,
        sounds=[_sound_facts(sound) for sound in asked["sounds"]], options=asked["options"],
        engine=settings.PROSYNC_ENGINE,
    )  # fmt: skip


def _sound_facts(sound: Mapping[str, Any]) -> dict[str, Any]:
    return {name: sound[name] for name in ("ref", "filename", "seconds", "peaks")}


def set_segment_status(job_id: uuid.UUID, status: str) -> None:
    """Set the status of all segments, in a transaction that has locked the job."""
    segments = Job.objects.values_list("segments_data", flat=True).get(pk=job_id) or []
    Job.objects.filter(pk=job_id).update(segments_data=[{**one, "status": str(status)} for one in segments])


def wake_job_of_generation(generation_id: str, sent_at: int) -> None:
    """Wake the job of a generation after a webhook.

    sent_at: Unix time in seconds from the webhook's signature header. Raise ``signature_invalid`` if this webhook or a
    later one was received before.
    """
    row = ProJob.objects.filter(generation_id=generation_id).first()
    if row is None:
        return  # the job was deleted, or the generation's id is not stored yet
    if not ProJob.objects.filter(pk=row.pk, notified_at__lt=sent_at).update(notified_at=sent_at):
        raise DomainError("signature_invalid", "This webhook call was already received.")
    jobs.wake_waiting(row.job_id)


def delete(row: ProJob, by: User | None) -> None:
    """Delete a pro job and its files. by: user who deletes it; None if the job expired."""
    with transaction.atomic():
        # All transactions lock the job before the video, to avoid deadlocks.
        Job.objects.select_for_update(of=("self",)).filter(pk=row.job_id).first()
        found = ProJob.objects.select_for_update(of=("self",)).select_related("video").filter(pk=row.pk).first()
        if found is None:
            raise DomainError("job_not_found")
        audit.record("prosync.delete", actor=by, target=found, name=found.name)
        jobs.cancel_all(Job.objects.live().filter(pk=found.job_id))
        found.refresh_from_db()
        syncso_engine.deleted(found)
        video = found.video
        found.delete()
        delete_video(video, by=None)
        jobs.delete(Job(pk=row.job_id))
    event("cleanup", prosync=str(row.pk))


@periodic_task("pro jobs", seconds=300)
def delete_expired() -> int:
    ended = [JobStatus.FAILED, JobStatus.CANCELLED]
    old = ProJob.objects.filter(job__status__in=ended, job__finished_at__lt=Now() - FAILED_KEPT_FOR)
    count = 0
    for row in old[:BATCH]:
        delete(row, None)
        count += 1
    return count
