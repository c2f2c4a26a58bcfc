"""Operations on merges.

Lock order: job, uploads, session. The completion of an upload locks no job, because the merge has no job yet.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from jobs_app import services as jobs
from jobs_app.models import FINISHED, Job, JobStatus, Priority
from jobs_app.periodic import periodic_task
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads import services as uploads
from media_app.uploads.handlers import handler_named
from media_app.uploads.models import Upload, UploadProtocol, UploadStatus
from media_app.videos.models import UNLISTED, Video, VideoScope
from media_app.videos.services import delete_video
from sessions_app.challenges.models import Challenge, MergeClip, MergeSession, MergeStatus
from vodplatform.accounts.models import User
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records import audit

MERGE_KIND = "merge"
PURPOSE = "clip"
# metadata keys of a checked clip: duration in seconds, work in gigapixels
SECONDS, GIGAPIXELS = "seconds", "gigapixels"
FACTOR = 0.75  # assumed seconds of work per second of video, until enough merges are measured
# Minimum total seconds of the clips of a merge used for estimates. Shorter merges measure mostly start-up time.
MIN_MEASURED_SECONDS = 10.0
MIN_MERGES, MAX_MERGES = 5, 50
FAILED_KEPT_FOR = timedelta(days=7)
BATCH = 200
# errors after which a retry with the same clips would fail again
FINAL_ERRORS = frozenset({
    "clip_unreadable", "no_video", "merge_failed", "malware_found", "not_scanned", "video_too_long", "work_limit",
    "upload_lost", "too_large", "bad_request",
})  # fmt: skip

Clip = Mapping[str, Any]


def start_merge(
    user: User, clips: Sequence[Clip], *, title: str = "", chunk_size: int = uploads.DEFAULT_CHUNK_BYTES,
    level_loudness: bool = False, priority: int = Priority.NORMAL,
) -> MergeSession:  # fmt: skip
    """Start a merge with one upload per clip.

    clips: ``filename, size, duration, mime_type``, as claimed by the client. Raises the errors of
    :func:`media_app.uploads.services.begin_upload`.
    """
    sizes = [clip["size"] for clip in clips]
    kind = handler_named(PURPOSE)
    quota.check_size(user, kind, max(sizes))
    with transaction.atomic():
        idempotency.bind_to_transaction()
        # Reserve storage once: counting the storage takes many queries, and on SQLite all other writes wait.
        quota.reserve(user, sum(sizes), kind, count=len(sizes))
        session = _make(user, [clip["duration"] for clip in clips], title, level_loudness, priority)
        for index, clip in enumerate(clips):
            upload = uploads.begin_upload(
                user, front=UploadProtocol.CHUNKS, purpose=PURPOSE, filename=clip["filename"], size=clip["size"],
                content_type=clip["mime_type"], metadata={}, chunk_size=chunk_size, is_reserved=True,
            )  # fmt: skip
            _add(session, index, upload, clip["duration"])
            Upload.objects.filter(pk=upload.pk).update(expires_at=session.expires_at)
    event("merge.begin", merge=str(session.pk), clips=len(clips))
    return session


def begin_with_uploads(
    user: User, upload_ids: Sequence[uuid.UUID], durations: Sequence[float], *, title: str = "",
    level_loudness: bool = False, priority: int = Priority.NORMAL,
) -> MergeSession:  # fmt: skip
    """Queue a merge of clips that are already uploaded. Raises ``invalid`` for ids of other files."""
    with transaction.atomic():
        idempotency.bind_to_transaction()
        rows = Upload.objects.select_for_update(of=("self",)).filter(pk__in=upload_ids, owner=user, purpose=PURPOSE)
        found = {row.pk: row for row in rows.order_by("pk")}
        for index, upload_id in enumerate(upload_ids):
            row = found.get(upload_id)
            if row is None or row.status != UploadStatus.COMPLETED or row.taken_up:
                sentence = f"Entry {index} is not one of your completed clip uploads."
                raise DomainError("invalid", sentence, errors={"media_file_ids": [sentence]})
            if MergeClip.objects.filter(pk=upload_id).exists():
                sentence = f"Entry {index} belongs to another merge."
                raise DomainError("invalid", sentence, errors={"media_file_ids": [sentence]})
        session = _make(user, durations, title, level_loudness, priority)
        for index, upload_id in enumerate(upload_ids):
            _add(session, index, found[upload_id], durations[index])
        _queue(session)
    event("merge.begin", merge=str(session.pk), clips=len(upload_ids))
    return session


def _make(user: User, durations: Iterable[float], title: str, level_loudness: bool, priority: int) -> MergeSession:
    session = MergeSession.objects.create(
        owner=user, title=title, level_loudness=level_loudness, priority=priority,
        estimated_seconds=estimate(durations), expires_at=Now() + _lifetime(),
    )  # fmt: skip
    session.refresh_from_db()
    return session


def _add(session: MergeSession, index: int, upload: Upload, duration: float) -> None:
    MergeClip.objects.create(
        pk=upload.pk, session=session, index=index, upload=upload, filename=upload.filename, size=upload.size,
        duration=duration, mime_type=upload.content_type,
    )  # fmt: skip


def _lifetime() -> timedelta:
    return timedelta(hours=settings.UPLOAD_TTL_HOURS)


def estimate(durations: Iterable[float]) -> float:
    last = MergeSession.objects.filter(
        completed_at__isnull=False, took_seconds__gt=0, source_seconds__gte=MIN_MEASURED_SECONDS
    )
    shares = last.annotate(share=F("took_seconds") / F("source_seconds")).order_by("-completed_at")
    factors = list(shares.values_list("share", flat=True)[:MAX_MERGES])
    factor = median(factors) if len(factors) >= MIN_MERGES else FACTOR
    total = sum((Decimal(str(duration)) for duration in durations), Decimal(0)) * Decimal(str(factor))
    return float(total.quantize(Decimal("0.01"), ROUND_HALF_UP))


def gigapixels_of_other_clips(upload: Upload) -> float:
    return gigapixels_of(MergeClip.objects.filter(session__clips=upload.pk).exclude(pk=upload.pk))


def gigapixels_of(clips: QuerySet[MergeClip]) -> float:
    clips = clips.select_related("upload")
    return float(sum(clip.upload.metadata.get(GIGAPIXELS, 0.0) for clip in clips if clip.upload))


def clip_completed(upload: Upload) -> None:
    """Queue a merge when its last clip is complete. Call in the transaction that completes the upload."""
    clip = MergeClip.objects.filter(pk=upload.pk).first()
    if clip is None:
        return  # the clip belongs to no merge yet
    session = MergeSession.objects.select_for_update(of=("self",)).get(pk=clip.session_id)
    others = MergeClip.objects.filter(session=session).exclude(upload__status=UploadStatus.COMPLETED)
    if session.job_id is None and not others.exists():
        _queue(session)


def _queue(session: MergeSession) -> None:
    job = jobs.enqueue(MERGE_KIND, session.owner, {"merge_session_id": str(session.pk)}, priority=session.priority)
    MergeSession.objects.filter(pk=session.pk).update(job=job)
    # Lock the uploads only after the commit, to avoid a deadlock: another transaction may hold them and wait for this
    # session.
    transaction.on_commit(lambda: keep_clips(session))


def keep_clips(session: MergeSession) -> None:
    until = Now() + _lifetime()
    with transaction.atomic():
        kept = [
            row.pk for row in _lock_uploads(session.pk) if row.status == UploadStatus.COMPLETED and not row.taken_up
        ]
        Upload.objects.filter(pk__in=kept).update(expires_at=until)
        MergeSession.objects.filter(pk=session.pk).update(expires_at=until)


def _lock_uploads(session_id: uuid.UUID) -> list[Upload]:
    return list(Upload.objects.select_for_update(of=("self",)).filter(clip__session=session_id).order_by("pk"))


def clip_unreadable(upload: Upload, error: DomainError) -> None:
    clip = MergeClip.objects.filter(pk=upload.pk).first()
    uploads.fail(upload, error)
    if clip is not None:
        reason = {"error_type": "merge_failed", "error_message": f"{clip.label} cannot be used."}
        _end_clips(clip.session_id, UploadStatus.FAILED, **reason)


def cancel(session: MergeSession) -> None:
    """Cancel a merge and its clips. Raises ``merge_finished``."""
    job_id = _cancel_uploads(session.pk)
    if job_id is None:
        return
    try:
        jobs.cancel(Job(pk=job_id))
    except DomainError as exc:
        if exc.type.name == "job_not_found":  # deleted by another request
            raise DomainError("merge_not_found") from exc
        raise DomainError("merge_finished", overall_status=str(exc.extra.get("status", ""))) from exc


def _cancel_uploads(session_id: uuid.UUID) -> uuid.UUID | None:
    """Cancel the clips of a merge. If the merge already has a job, only return the job's id."""
    with transaction.atomic():
        _lock_uploads(session_id)
        rows = MergeSession.objects.select_for_update(of=("self",)).filter(pk=session_id)
        if rows.first() is None:
            raise DomainError("merge_not_found")
        found = MergeSession.objects.with_state().get(pk=session_id)
        if found.job_id is not None:
            return found.job_id
        if found.status in (MergeStatus.FAILED, MergeStatus.EXPIRED):
            raise DomainError("merge_finished", overall_status=str(found.status))
        _end_clips(session_id, UploadStatus.CANCELLED)
    return None


def _end_clips(session_id: uuid.UUID, status: str, **values: Any) -> None:
    for upload in Upload.objects.filter(clip__session=session_id).order_by("pk"):
        uploads.end_upload(upload, status, **values)


def cancel_clip(upload: Upload) -> None:
    """Cancel a clip's upload, and the clip's merge. Raises ``upload_finished``."""
    clip = MergeClip.objects.filter(pk=upload.pk).select_related("session").first()
    if clip is None:
        uploads.end_upload(upload, UploadStatus.CANCELLED)
        return
    try:
        cancel(clip.session)
    except DomainError as exc:
        if exc.type.name != "merge_finished":
            raise
        raise DomainError("upload_finished", status=upload.status) from exc


def retry(session: MergeSession) -> None:
    """Retry a merge with high priority after a temporary failure. Raises ``merge_not_retryable``."""
    if not session.is_retryable or session.job is None:
        raise DomainError("merge_not_retryable", overall_status=str(session.status))
    try:
        with transaction.atomic():
            jobs.retry(session.job, priority=Priority.HIGH)
            keep_clips(session)
    except DomainError as exc:
        if exc.type.name != "not_retryable":
            raise
        raise DomainError("merge_not_retryable", **exc.extra) from exc


def clean_up_after_job(job: Job) -> None:
    """Delete the clips of an ended merge, unless a retry may need them."""
    session = MergeSession.objects.filter(pk=job.params.get("merge_session_id")).select_related("video").first()
    if session is None:
        return
    is_final = str((job.error or {}).get("type", "")) in FINAL_ERRORS
    if job.status == JobStatus.FAILED and not is_final:
        return
    if job.status != JobStatus.COMPLETED:
        status = UploadStatus.CANCELLED if job.status == JobStatus.CANCELLED else UploadStatus.FAILED
        _end_clips(session.pk, status, **_reason(job))
        if session.video is not None:  # the merge was completed just before it was cancelled
            delete_video(session.video, by=None)
            MergeSession.objects.filter(pk=session.pk).update(completed_at=None, segments=[], compression_applied=None)
        transaction.on_commit(lambda: _delete_files(session.pk))
    taken = list(Upload.objects.filter(clip__session=session, taken_up=True).values_list("pk", flat=True))
    transaction.on_commit(lambda: _drop(taken))


def _reason(job: Job) -> dict[str, str]:
    if job.status != JobStatus.FAILED:
        return {}
    return {"error_type": "merge_failed", "error_message": str((job.error or {}).get("message", ""))}


def _drop(upload_ids: Iterable[uuid.UUID]) -> None:
    for upload_id in upload_ids:
        uploads.try_delete_bytes(upload_id)


def _delete_files(session_id: uuid.UUID) -> None:
    try:
        store.delete_folder(f"videos/{session_id}/")
    except store.StoreUnavailable as exc:
        event("video.left", video=str(session_id), reason=exc.reason)


def delete(session: MergeSession, by: User | None) -> None:
    """Delete a merge with its video and clips. Raises ``merge_in_use`` (409)."""
    with contextlib.suppress(DomainError):
        # Cancel the merge before deleting it. Otherwise, its job or its last upload could complete meanwhile.
        cancel(session)
    with transaction.atomic():
        row = _locked(session.pk)
        if row is None:
            raise DomainError("merge_not_found")
        there = Challenge.objects.filter(merge=row).values_list("pk", flat=True).first()
        if there is not None:
            raise DomainError("merge_in_use", challenge_id=str(there))
        audit.record("merge.delete", actor=by, target=row, title=row.title)
        _remove(row)


def _locked(session_id: uuid.UUID) -> MergeSession | None:
    Job.objects.select_for_update(of=("self",)).filter(merges=session_id).first()
    _lock_uploads(session_id)
    return MergeSession.objects.select_for_update(of=("self",)).filter(pk=session_id).first()


def _remove(row: MergeSession) -> None:
    job_id = row.job_id
    if job_id is not None:
        jobs.cancel_all(Job.objects.filter(pk=job_id).exclude(status__in=FINISHED))
    row.refresh_from_db()
    _end_clips(row.pk, UploadStatus.CANCELLED)
    ids = list(Upload.objects.filter(clip__session=row.pk).values_list("pk", flat=True))
    if row.video is not None:
        delete_video(row.video, by=None)
    row.delete()
    if job_id is not None:
        jobs.delete(Job(pk=job_id))
    transaction.on_commit(lambda: _drop(ids))


def remove_with_challenge(session_id: uuid.UUID) -> None:
    """Delete a merge and its video, in the transaction that deletes the merge's challenge."""
    row = _locked(session_id)
    if row is not None:
        _remove(row)


def keep_without_challenge(session_id: uuid.UUID) -> None:
    """Keep a merge for a while after its challenge is deleted, so that a new challenge can use it. The caller's
    transaction deletes the challenge."""
    rows = MergeSession.objects.filter(pk=session_id)
    rows.update(challenge_deleted_at=Now(), expires_at=Now() + _lifetime())
    Video.objects.filter(merges=session_id, place__in=UNLISTED).update(place=VideoScope.SESSION, updated_at=Now())


@periodic_task("merges", seconds=300)
def expire() -> int:
    """Delete unfinished merges a week after they expire, and expired merges whose challenge was deleted.

    Return the number deleted.
    """
    # Delete clips of completed merges that could not be deleted earlier.
    left = Upload.objects.filter(purpose=PURPOSE, taken_up=True).exclude(key="")
    _drop(list(left.values_list("pk", flat=True)[:BATCH]))
    old = Q(completed_at=None, expires_at__lt=Now() - FAILED_KEPT_FOR)
    old &= Q(job=None) | Q(job__status__in=[JobStatus.FAILED, JobStatus.CANCELLED])
    unused = Q(challenge_deleted_at__isnull=False, challenge=None, expires_at__lt=Now())
    count = 0
    due = MergeSession.objects.filter(old | unused)
    for pk in list(due.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            row = _locked(pk)
            if row is not None and due.filter(pk=pk).exists():
                _remove(row)
                count += 1
    return count


def store_result(session_id: uuid.UUID, **values: Any) -> bool:
    rows = MergeSession.objects.filter(pk=session_id)
    if not rows.update(completed_at=Now(), **values):
        return False
    Upload.objects.filter(clip__session=session_id, status=UploadStatus.COMPLETED).update(
        taken_up=True, updated_at=Now(), offset=F("size")
    )
    return True
