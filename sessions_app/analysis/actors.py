"""The jobs of analyses: ingest, run the pipeline, store the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed
from jobs_app.kinds import JobHooks, JobSummary, label_of
from jobs_app.models import Job
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.uploads.models import Upload
from media_app.videos.ingest import (
    check_budget,
    checking,
    ingest,
    locked_for_write,
    make_poster,
    make_ready,
    map_storage_errors,
)
from media_app.videos.models import Rendition, RenditionKind, Video, VideoScope, VideoStatus
from media_app.videos.services import local_playable_path
from sessions_app.analysis import services
from sessions_app.analysis.models import AnalysisSession, AnalysisType
from sessions_app.analysis.pipeline_runner import run_pipeline, vision_config
from sessions_app.analysis.reels import with_reel
from sessions_app.analysis.serializers import AnalysisResultSerializer
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files

TAKEN_IN_PERCENT, POSTER_PERCENT, ANALYSED_PERCENT = 8.0, 10.0, 97.0
DELETED = "The analysis has been deleted."
RENDITIONS = {"reel": RenditionKind.REEL, "preview": RenditionKind.PREVIEW}
THUMBNAIL = "thumb-"
NO_ROOM = (
    "Your storage is full, so the reel or preview was not saved. Delete some videos, then analyse the video again."
)


class AnalysisJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        session_id = job.params["session_id"]
        return AnalysisSession.objects.with_video().filter(pk=session_id).exists()

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        rows = AnalysisSession.objects.filter(job__in=jobs).only("pk", "name", "job_id")
        sessions = {row.job_id: row for row in rows}
        found = {}
        for job in jobs:
            session = sessions.get(job.pk)
            if session is None:
                found[job.pk] = JobSummary(f"{label_of(job.kind)} of a deleted analysis")
            else:
                title = f"{label_of(job.kind)} of {session.name}"
                found[job.pk] = JobSummary(title, "", f"/analysis/{session.pk}", in_use=True)
        return found

    def ended(self, job: Job) -> None:
        services.clean_up_after_job(job)


class ReelJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        return AnalysisSession.objects.with_video().filter(reel_job=job).exists()

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        wanted = {job.params["session_id"] for job in jobs}
        sessions = AnalysisSession.objects.only("name").in_bulk(wanted)
        found = {}
        for job in jobs:
            session = sessions.get(UUID(job.params["session_id"]))
            title = f"Reel of {session.name if session else 'a deleted analysis'}"
            found[job.pk] = JobSummary(title, "", f"/analysis/{session.pk}" if session else "")
        return found


@job_actor(
    AnalysisType.HIGHLIGHTS.value, queue="analysis", label="Highlights", icon="star", pausable=True,
    hooks=AnalysisJobs(), result=AnalysisResultSerializer,
)  # fmt: skip
def find_highlights(context: JobContext) -> dict[str, Any]:
    return _analyse(context)


@job_actor(
    AnalysisType.WORKOUT.value, queue="analysis", label="Workout", icon="rep", pausable=True,
    hooks=AnalysisJobs(), result=AnalysisResultSerializer,
)  # fmt: skip
def count_workout(context: JobContext) -> dict[str, Any]:
    return _analyse(context)


@job_actor(
    services.REEL_KIND, queue="analysis", label="Highlight reel", icon="star", hooks=ReelJobs(),
    result=AnalysisResultSerializer,
)  # fmt: skip
def cut_reel(context: JobContext) -> dict[str, Any]:
    session = _session(context, with_results=True)
    video, moments = session.video, context.params["moments"]
    edits = context.params.get("edits", [])
    if video is None or session.data is None:
        raise JobFailed("not_found", "The video or the results of its analysis no longer exist.")
    with context.scratch() as folder, map_storage_errors():
        path = _path(context, video, folder)
        out = folder / "made"
        out.mkdir()
        request = {"op": "reel", "params": {"moments": moments, "edits": edits}}
        found = run_pipeline(context, request, path, out, video.duration, share=(POSTER_PERCENT, ANALYSED_PERCENT))
        context.progress(ANALYSED_PERCENT, "Saving the reel")
        try:
            quota.check_room(context.owner, _video_bytes(out, found["files"]))
        except DomainError as exc:
            raise JobFailed(exc.type.name, exc.message) from exc
        files = {role: untrusted_files.move_out(out, name) for role, name in found["files"].items()}
        data = with_reel(session.data, moments, found["data"]["placed"], edits)
        pictures = [f"{THUMBNAIL}{one['part']}" for one in found["data"]["placed"]]
        _keep_rendition(context, session, video, RenditionKind.REEL, files, columns=lambda folder: {
            "data": data, "thumbnails": [f"{folder}{files[role].name}" if role in files else "" for role in pictures]
        })  # fmt: skip
    return {"session_id": str(session.pk), "summary": data["summary"]}


def _analyse(context: JobContext) -> dict[str, Any]:
    session = _session(context)
    video = session.video
    if video is None:
        raise JobFailed("not_found", "The video file no longer exists. Upload it again.")
    with context.scratch() as folder, map_storage_errors():
        path = _path(context, video, folder)
        if video.place == VideoScope.SESSION:
            make_poster(context, video, path, folder, share=(TAKEN_IN_PERCENT, POSTER_PERCENT))
        out = folder / "made"
        out.mkdir()
        found = _run(context, session, path, out, video.duration)
        context.progress(ANALYSED_PERCENT, "Saving the results")
        warnings = list(session.warnings)
        try:
            quota.check_room(context.owner, _video_bytes(out, found["files"]))
        except DomainError:
            warnings.append(NO_ROOM)
            found["files"] = {role: name for role, name in found["files"].items() if role not in RENDITIONS}
        thumbnails = _keep_files(context, session, video, out, found["files"])
    with context.lock_lease():
        made = {"data": found["data"], "thumbnails": thumbnails, "warnings": warnings}
        if not AnalysisSession.objects.filter(pk=session.pk).update(**made):
            raise JobFailed("session_not_found", DELETED)
    # List the thumbnails in the job's result: the cleanup of job files deletes all files that the result does not list.
    return {"session_id": str(session.pk), "summary": found["data"].get("summary", ""), "pictures": thumbnails}


def _video_bytes(out: Path, files: dict[str, str]) -> int:
    return sum((out / name).lstat().st_size for role, name in files.items() if role in RENDITIONS)


def _session(context: JobContext, *, with_results: bool = False) -> AnalysisSession:
    rows = AnalysisSession.objects.select_related("video")
    rows = rows if with_results else rows.defer("data")
    session = rows.filter(pk=context.params["session_id"]).first()
    if session is None:
        raise JobFailed("session_not_found", DELETED)
    return session


def _path(context: JobContext, video: Video, folder: Path) -> Path:
    if video.status == VideoStatus.READY:
        return local_playable_path(video, folder, checking(context), viewer=context.owner)
    upload_id = context.params.get("upload_id")
    upload = Upload.objects.filter(pk=upload_id).first() if upload_id else None
    # A truncated file is analysed as far as possible.
    taken = ingest(context, video, upload, folder, needs_end=False)
    if not taken.facts["width"]:
        raise JobFailed("no_video", "This file contains no video. Choose a video file to analyse.")
    check_budget(context, taken.facts)
    with locked_for_write(context, video, upload.purpose if upload else ""):
        make_ready(video, taken.columns)
    video.refresh_from_db()
    return taken.path


def _run(context: JobContext, session: AnalysisSession, path: Path, out: Path, duration: float) -> dict[str, Any]:
    request = {
        "op": session.analysis_type,
        "params": session.params,
        "vision": vision_config(),
        "saved": context.saved or None,
    }
    return run_pipeline(context, request, path, out, duration, share=(POSTER_PERCENT, ANALYSED_PERCENT))


def _keep_files(
    context: JobContext, session: AnalysisSession, video: Video, out: Path, files: dict[str, str]
) -> list[str]:
    for role, kind in RENDITIONS.items():
        if name := files.get(role):
            _keep_rendition(context, session, video, kind, {role: untrusted_files.move_out(out, name)})
    count = len([role for role in files if role.startswith(THUMBNAIL)])
    pictures = [files.get(f"{THUMBNAIL}{number}", "") for number in range(count)]
    return [context.store(name, untrusted_files.read(out, name)) if name else "" for name in pictures]


def _keep_rendition(
    context: JobContext, session: AnalysisSession, video: Video, kind: str, files: dict[str, Path],
    *, columns: Callable[[str], dict[str, Any]] = lambda folder: {},
) -> None:  # fmt: skip
    """Store files as the session's rendition, and delete the previous rendition."""
    target = f"renditions/{video.pk}/{context.lease.token.hex}/{kind}/"
    for role, path in files.items():
        mime_type = "video/mp4" if role in RENDITIONS else "image/jpeg"
        store.put_file(f"{target}{path.name}", path, mime_type, checking(context))
    names = {"video" if role in RENDITIONS else role: path.name for role, path in files.items()}
    with locked_for_write(context, video, ""):
        rows = Rendition.with_lost.filter(video=video, kind=kind, name=session.rendition_name)
        before = rows.values_list("folder", flat=True).first()
        row = {
            "folder": target, "files": names, "mime_type": "video/mp4", "lost_at": None,
            "size": sum(store.size(f"{target}{name}") for name in names.values()),
        }  # fmt: skip
        # A new row of a rendition gets a new URL, so browsers do not show the cached file.
        rows.delete()
        Rendition.objects.create(video=video, kind=kind, name=session.rendition_name, **row)
        told = columns(target)
        if told and not AnalysisSession.objects.filter(pk=session.pk, expired_at=None).update(**told):
            raise JobFailed("session_not_found", DELETED)
    if before and before != target:
        store.delete_folder(before)
