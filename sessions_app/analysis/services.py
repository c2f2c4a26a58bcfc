"""Operations on analyses that change several rows, files or jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from jobs_app import services as jobs
from jobs_app.models import Job, JobStatus
from jobs_app.periodic import periodic_task
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads.models import Upload
from media_app.videos import work_limit
from media_app.videos.models import Rendition, RenditionKind, Video, VideoStatus
from media_app.videos.services import Use, UseKind, delete_video
from sessions_app.analysis.models import AnalysisSession, AnalysisType
from sessions_app.analysis.reels import check_moments, edits_of, in_order_of_time
from vodplatform.accounts.models import User
from vodplatform.accounts.plans import limits_of
from vodplatform.core.api import idempotency
from vodplatform.core.errors import DomainError
from vodplatform.core.logs import event
from vodplatform.core.records import audit

REEL_KIND = "highlight_reel"
RENDITION_KINDS = (RenditionKind.REEL, RenditionKind.PREVIEW)
USES_SHOWN = 100
EXPIRED_KEPT_FOR = timedelta(days=7)
BATCH = 2000

# assumed seconds of work per second of video, until enough analyses are measured
FACTORS = {AnalysisType.HIGHLIGHTS: 0.1, AnalysisType.WORKOUT: 0.5}
MIN_MEASURED_SECONDS = 10.0  # minimum seconds of a video for estimates; start-up time dominates shorter analyses
MIN_DONE, MAX_DONE = 5, 50

Asked = Mapping[str, Any]


def begin_for_upload(upload: Upload, asked: Asked, take: Callable[[Job], Video]) -> AnalysisSession:
    """Start the analysis of a completed upload."""
    with transaction.atomic():
        params = {name: str(upload.resource_id) for name in ("session_id", "video_id")} | {"upload_id": str(upload.pk)}
        job = jobs.enqueue(asked["analysis_type"], upload.owner, params)
        video = take(job)
        return _begin(upload.resource_id, upload.owner, asked, video, job)


def begin_for_video(user: User, video: Video, asked: Asked) -> AnalysisSession:
    """Start the analysis of a library video. Raises ``video_not_ready``, ``work_limit``, ``storage_full``."""
    if video.status != VideoStatus.READY:
        raise DomainError("video_not_ready")
    work_limit.check(user, video)
    quota.check_room(user, 1)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        session_id = uuid.uuid4()
        params = {"session_id": str(session_id), "video_id": str(video.pk)}
        job = jobs.enqueue(asked["analysis_type"], user, params, is_limited=True)
        return _begin(session_id, user, asked, video, job)


def _begin(session_id: uuid.UUID, owner: User, asked: Asked, video: Video, job: Job) -> AnalysisSession:
    return AnalysisSession.objects.create(
        pk=session_id, owner=owner, analysis_type=asked["analysis_type"], name=asked.get("name") or video.title,
        params=asked["params"], warnings=asked["warnings"], video=video, job=job,
        expires_at=_end(),
    )  # fmt: skip


def _end() -> Any:
    return Now() + timedelta(hours=settings.SESSION_TTL_HOURS)


def set_kept(session: AnalysisSession, is_kept: bool) -> None:
    """Keep an analysis as long as its video, or only for the default time.

    Raises ``session_expired`` (410), ``not_keepable`` (409) if the video was uploaded for this analysis, and
    ``session_limit`` (409).
    """
    with transaction.atomic():
        row = _locked(session.pk)
        if row is None or row.expired_at is not None or session.is_over:
            raise DomainError("session_expired", sessionId=str(session.pk))
        if row.video is None or row.owns_video:
            raise DomainError("not_keepable", sessionId=str(session.pk))
        if is_kept and row.expires_at is not None:
            quota.lock_user(row.owner)
            limit = limits_of(row.owner)["max_sessions"]
            if AnalysisSession.objects.filter(owner=row.owner, expires_at=None, expired_at=None).count() >= limit:
                sentence = (
                    f"You already keep {limit} analyses, which is the limit of your plan. Delete one of them first."
                )
                raise DomainError("session_limit", sentence, limit=limit)
        AnalysisSession.objects.filter(pk=row.pk).update(expires_at=None if is_kept else _end())


def cut_reel(session: AnalysisSession, given: Sequence[dict[str, Any]], *, keeps_order: bool = False) -> Job:
    """Queue a new reel of moments that the user chose.

    session: loaded with results. keeps_order: keep the given order; otherwise, use the order of time. Raises
    ``invalid`` (400), ``job_live`` (409) during another cut, ``video_not_ready``, ``work_limit``, ``storage_full``, and
    the errors of :meth:`AnalysisSession.check_ready`.
    """
    session.check_ready()
    if session.analysis_type != AnalysisType.HIGHLIGHTS:
        sentence = "This analysis has no reel. Only highlight analyses have one."
        raise DomainError("invalid", sentence, errors={"moments": [sentence]})
    given = given if keeps_order else in_order_of_time(given)
    moments = check_moments(given, session.data["duration"] if session.data else 0.0)
    with transaction.atomic():
        idempotency.bind_to_transaction()
        row = _locked(session.pk)
        if row is None or row.expired_at is not None:
            raise DomainError("session_expired", sessionId=str(session.pk))
        if row.reel_job is not None and row.reel_job.is_live:
            raise DomainError("job_live", status=row.reel_job.status, job_id=str(row.reel_job.pk))
        if row.video is None or row.video.status != VideoStatus.READY or row.video.deleted_at is not None:
            raise DomainError("video_not_ready")
        work_limit.check(row.owner, row.video)
        quota.check_room(row.owner, 1)
        ids = {"session_id": str(row.pk), "video_id": str(row.video.pk)}
        params = {**ids, "moments": moments, "edits": edits_of(given)}
        job = jobs.enqueue(REEL_KIND, row.owner, params, is_limited=True)
        AnalysisSession.objects.filter(pk=row.pk).update(reel_job=job)
    return job


def work_factors() -> dict[str, float]:
    factors = {}
    for kind, guess in FACTORS.items():
        done = AnalysisSession.objects.filter(
            analysis_type=kind, job__status=JobStatus.COMPLETED, job__started_at__isnull=False,
            video__duration__gte=MIN_MEASURED_SECONDS,
        ).select_related("job", "video").defer("data")  # fmt: skip
        shares = [
            (row.job.finished_at - row.job.started_at).total_seconds() / row.video.duration
            for row in done.order_by("-job__finished_at")[:MAX_DONE]
            if row.video and row.job and row.job.started_at and row.job.finished_at
        ]
        factors[str(kind)] = round(median(shares), 4) if len(shares) >= MIN_DONE else guess
    return factors


def cancel(session: AnalysisSession) -> None:
    """Cancel the analysis. Raises ``job_finished`` (409), ``session_expired`` (410)."""
    if session.is_over:
        raise DomainError("session_expired", sessionId=str(session.pk))
    if session.job is None or session.job.status == JobStatus.CANCELLED:
        return
    try:
        jobs.cancel(session.job)
    except DomainError as exc:
        if exc.type.name == "job_not_found":  # another request has deleted the analysis
            raise DomainError("session_not_found") from exc
        raise DomainError(exc.type.name, exc.message, sessionId=str(session.pk), **exc.extra) from exc


def clean_up(session: AnalysisSession, by: User | None) -> None:
    with transaction.atomic():
        row = _locked(session.pk)
        if row is None:
            raise DomainError("session_not_found")
        audit.record("analysis.delete", actor=by, target=row, name=row.name)
        _drop(row)
        row.delete()
        _drop_jobs(row.job_id, row.reel_job_id)
        transaction.on_commit(lambda: event("cleanup", analysis=str(session.pk)))


@periodic_task("analyses", seconds=60)
def expire() -> int:
    """Delete the files of expired analyses, and later their rows. Return the number of analyses that lost files."""
    count = 0
    for pk in list(AnalysisSession.objects.over().order_by("expires_at").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            row = _locked(pk)
            if row is None or row.expired_at is not None:
                continue
            job_ids = row.job_id, row.reel_job_id
            _drop(row)
            AnalysisSession.objects.filter(pk=pk).update(
                expired_at=Now(), job=None, reel_job=None, video=None, data=None, thumbnails=[], params={}, warnings=[]
            )
            _drop_jobs(*job_ids)
            count += 1
    AnalysisSession.objects.filter(expired_at__lt=Now() - EXPIRED_KEPT_FOR).delete()
    return count


def clean_up_after_job(job: Job) -> None:
    if job.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        return
    for row in AnalysisSession.objects.filter(job=job).select_related("video"):
        delete_files(row)


def delete_files(row: AnalysisSession) -> None:
    if row.video is None:
        return
    if row.owns_video:
        delete_video(row.video, by=None)
        return
    made = Rendition.with_lost.filter(video=row.video, kind__in=RENDITION_KINDS, name=row.rendition_name)
    folders = list(made.values_list("folder", flat=True))
    made.delete()
    transaction.on_commit(lambda: _delete_folders(folders))


def _locked(session_id: uuid.UUID) -> AnalysisSession | None:
    """Return the locked session. Lock order: jobs, session, video."""
    named = AnalysisSession.objects.filter(pk=session_id).values_list("job_id", "reel_job_id").first() or ()
    # A session's analysis job is never replaced, and every writer locks it first. So this lock excludes other writers.
    list(Job.objects.select_for_update().filter(pk__in=[pk for pk in named if pk]).order_by("pk"))
    rows = AnalysisSession.objects.select_for_update(of=("self",)).select_related("job", "reel_job", "video")
    return rows.filter(pk=session_id).first()


def _drop(row: AnalysisSession) -> None:
    live = [job.pk for job in (row.job, row.reel_job) if job is not None and job.is_live]
    if live:
        jobs.cancel_all(Job.objects.filter(pk__in=live))
        row.refresh_from_db()
    delete_files(row)


def _drop_jobs(*job_ids: uuid.UUID | None) -> None:
    for job_id in job_ids:
        if job_id is not None:
            jobs.delete(Job(pk=job_id))


def _delete_folders(folders: list[str]) -> None:
    """Delete folders. If the store does not answer, the periodic cleanup deletes the remaining folders later."""
    try:
        for folder in folders:
            store.delete_folder(folder)
    except store.StoreUnavailable as exc:
        event("video.left", reason=exc.reason)


def analyses_of_videos(sender: object, videos: Sequence[Video], viewer: User, **_: Any) -> list[Use]:
    rows = AnalysisSession.objects.filter(owner=viewer, video__in=videos, expired_at=None).order_by("-created_at")
    return [Use(UseKind.ANALYSIS, row.name, f"/analysis/{row.pk}") for row in rows[:USES_SHOWN]]
