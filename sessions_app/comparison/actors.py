"""Background jobs of comparisons."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from jobs_app import outputs
from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed
from jobs_app.kinds import JobHooks, JobSummary
from jobs_app.models import Job
from media_app.storage import files as store
from media_app.uploads import quota
from media_app.videos.child_inputs import open_child_inputs
from media_app.videos.ingest import checking, make_poster, map_storage_errors
from media_app.videos.models import Video
from media_app.videos.services import check_file, is_local, local_playable_path
from sessions_app.analysis.pipeline_runner import run_answering, run_pipeline
from sessions_app.comparison.alignment.services import ALIGN_KIND, refuse_interrupted, run_aligner
from sessions_app.comparison.events.auto_detect import DETECT_KIND, highlight_params, known_highlights, write_found
from sessions_app.comparison.export import services as exports
from sessions_app.comparison.models import Alignment, AlignmentMethod, ComparisonSession, EventOrigin
from sessions_app.comparison.samples import services as samples
from sessions_app.comparison.serializers import (
    AlignmentResultSerializer,
    DetectionResultSerializer,
    ExportResultSerializer,
    SampleResultSerializer,
)
from sessions_app.comparison.services import lock_session
from vodplatform.accounts.models import User
from vodplatform.core.errors import DomainError
from vodplatform.core.files import untrusted_files
from vodplatform.core.files.storage import StoreUnavailable
from vodplatform.core.logs import event
from vodplatform.core.processes.process import Access, ChildError

EXPORTER = [sys.executable, "-m", "sessions_app.comparison.export.child"]
# The time limit of an export is the sum of three parts: base seconds; seconds per gigapixel of the source and output
# frames in the exported span; seconds per gigapixel of the complete sources, because a video without a keyframe index
# is read from its start.
MIN_EXPORT_SECONDS, SECONDS_PER_GIGAPIXEL, SECONDS_PER_SOURCE_GIGAPIXEL = 180.0, 60.0, 10.0
EXPORTED_PERCENT = 98.0
ANALYSED_PERCENT = 99.0
SENSES = {
    AlignmentMethod.TIMER_OCR: "timer",
    AlignmentMethod.AUDIO: "sound",
    AlignmentMethod.AUTO: "timer and sound",
}


class AlignmentJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        if not _may_change_session(job):
            return False
        try:
            for item in job.params["videos"]:
                check_file(Video.objects.get(pk=item["video_id"]))
        except (Video.DoesNotExist, FileNotFoundError):
            return False
        return True

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        rows = Alignment.objects.filter(job__in=jobs).select_related("session")
        sessions = {row.job_id: row.session for row in rows}
        found = {}
        for job in jobs:
            senses = SENSES[job.params.get("method", AlignmentMethod.TIMER_OCR)]
            detail = f"{senses}, {len(job.params['videos'])} VODs"
            session = sessions.get(job.pk)
            if session is None:
                found[job.pk] = JobSummary("Alignment of a deleted comparison", detail)
            else:
                title = f"Align {session.name or 'a comparison'}"
                found[job.pk] = JobSummary(title, detail, f"/compare/{session.session_id}?setup", in_use=True)
        return found

    def shown_result(self, job: Job) -> Any:
        """Return the result without ``evidence``, which contains storage keys."""
        if not job.result:
            return job.result
        left = {
            name: [
                {key: value for key, value in found.items() if key != "evidence"} for found in job.result[name] or []
            ]
            for name in ("proposals", "refused")
            if name in job.result
        }
        return job.result | left


@job_actor(
    ALIGN_KIND,
    queue="align",
    label="Alignment",
    icon="compare",
    hooks=AlignmentJobs(),
    result=AlignmentResultSerializer,
)
def align_vods(context: JobContext) -> dict[str, Any]:
    params = context.params
    videos = [_video(item) for item in params["videos"]]
    with context.scratch() as folder:
        try:
            with open_child_inputs(videos, viewer=context.owner) as files:
                request = {
                    "op": "align",
                    "method": params.get("method", AlignmentMethod.TIMER_OCR),
                    "videos": [
                        {"vod_id": item["vod_id"], "path": path}
                        for item, path in zip(params["videos"], files.paths, strict=True)
                    ],
                    "roi": params["roi"],
                    "game": params["game"],
                    "reader": params["reader"],
                    "evidence_dir": str(folder),
                }
                result = run_aligner(
                    request, lambda argv, **more: context.run_child(argv, ranged=files.ranged, **more).messages
                )
        except StoreUnavailable:
            raise
        except DomainError as exc:
            raise JobFailed(exc.type.name, exc.message) from exc
        except FileNotFoundError as exc:
            lost = [
                item["vod_id"]
                for item, video in zip(params["videos"], videos, strict=True)
                if video.location == str(exc)
            ]
            if not lost:
                raise
            raise JobFailed("vod_file_not_found", f"{', '.join(lost)}: the file no longer exists.") from exc
        refuse_interrupted(
            result, {item["vod_id"]: video for item, video in zip(params["videos"], videos, strict=True)}
        )
        for found in [*result["proposals"], *(result.get("refused") or [])]:
            for item in found.get("evidence", []):
                name = item.pop("file")
                item["key"] = context.store(name, untrusted_files.read(folder, name))
        _make_posters(context, [video for video in videos if is_local(video)], folder)
    return result


def _make_posters(context: JobContext, videos: Sequence[Video], folder: Path) -> None:
    """Create missing posters of library videos. Log failures and continue."""
    for number, video in enumerate(videos):
        own = folder / f"poster-{number}"
        own.mkdir()
        try:
            with map_storage_errors():
                path = local_playable_path(video, own, viewer=context.owner)
                make_poster(context, video, path, own, share=(ANALYSED_PERCENT, 100))
        except (JobFailed, ChildError, StoreUnavailable, IntegrityError) as exc:
            event("poster.left", video=str(video.pk), reason=str(exc))


def _video(item: dict[str, str]) -> Video:
    try:
        return Video.objects.get(pk=item["video_id"])
    except Video.DoesNotExist as exc:
        raise JobFailed("vod_file_not_found", f"{item['vod_id']}: the file no longer exists.") from exc


def _path(context: JobContext, item: dict[str, str], folder: Path, viewer: User) -> Path:
    try:
        return local_playable_path(_video(item), folder, checking(context), viewer=viewer)
    except FileNotFoundError as exc:
        raise JobFailed("vod_file_not_found", f"{item['vod_id']}: the file no longer exists.") from exc


class DetectionJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        return _may_change_session(job)

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        return _subjects(jobs, "Find events in", lambda job: ", ".join(job.params["kinds"]).replace("_", " "))


@job_actor(
    DETECT_KIND,
    queue="analysis",
    label="Event detection",
    icon="flag",
    hooks=DetectionJobs(),
    result=DetectionResultSerializer,
)
def detect_events(context: JobContext) -> dict[str, Any]:
    params, found = context.params, dict(context.saved or {})
    session = find_session(context)
    for number, item in enumerate(params["videos"]):
        if item["vod_id"] in found:
            continue
        step = ANALYSED_PERCENT / len(params["videos"])
        found[item["vod_id"]] = _detect_in_video(context, session, item, (number * step, (number + 1) * step))
        context.checkpoint(found)
    try:
        with transaction.atomic():
            lock_session(session)  # avoid deadlocks: deletions also lock the session before the job
            with context.lock_lease():
                return {"session_id": session.pk, "found": write_found(session, context.owner, found)}
    except DomainError as exc:
        raise JobFailed(exc.type.name, exc.message) from exc


def _detect_in_video(
    context: JobContext, session: ComparisonSession, item: dict[str, str], share: tuple[float, float]
) -> dict[str, Any]:
    kinds = list(context.params["kinds"])
    found: dict[str, Any] = {}
    with context.scratch() as folder, map_storage_errors():
        path = _path(context, item, folder, session.owner)
        video = Video.objects.get(pk=item["video_id"])
        if EventOrigin.HIGHLIGHTS in kinds:
            known = known_highlights(video, [context.owner, session.owner])
            if known is not None:
                kinds.remove(EventOrigin.HIGHLIGHTS)
                found[EventOrigin.HIGHLIGHTS] = known
        if kinds:
            out = folder / "made"
            out.mkdir()
            request = {"op": "marks", "params": {**highlight_params(), "kinds": kinds}}
            found |= run_pipeline(context, request, path, out, video.duration, share=share)["data"]
    return found


class ExportJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        return _may_change_session(job)

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        return _subjects(jobs, "Export of", lambda job: job.params["layout"].replace("_", " "))

    def shown_result(self, job: Job) -> Any:
        return exports.shown_result(job)


@job_actor(
    exports.EXPORT_KIND,
    queue="render",
    label="Export of a comparison",
    icon="film",
    hooks=ExportJobs(),
    result=ExportResultSerializer,
)
def export_video(context: JobContext) -> dict[str, Any]:
    params = context.params
    session = find_session(context)
    with context.scratch() as folder, map_storage_errors():
        context.progress(0, "Fetching the videos")
        work = folder / "work"
        work.mkdir()
        items = dict(enumerate(params["videos"]))
        paths = {
            number: str(_path(context, items[number], folder, session.owner))
            for number in exports.needed_videos(params)
        }
        request = exports.request_for(session, params, paths, work, quota.free_quota_bytes(context.owner))
        made = _exported(context, request, list(paths.values()))
        find_session(context)  # the owner may have lost the right to edit meanwhile
        path = untrusted_files.move_out(work, exports.NAME)
        size = path.stat().st_size
        try:
            quota.check_room(context.owner, size)
        except DomainError as exc:
            raise JobFailed(exc.type.name, exc.message) from exc
        key = f"{outputs.prefix_of(context.job_id)}/{context.lease.token.hex}/{exports.NAME}"
        context.has_stored = True
        store.put_file(key, path, "video/mp4", checking(context))
    return {"session_id": session.pk, "key": key, "size": size, **made}


def _exported(context: JobContext, request: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    try:
        exports.check_drawings((one["begin"], one["end"]) for one in request["captions"] if "strokes" in one)
    except DomainError as exc:
        raise JobFailed(exc.type.name, exc.message) from exc
    seconds = export_seconds(context.params)
    access = Access(reads=paths, writes=[Path(request["folder"])])
    broke = "The export failed or took too long. Try a shorter part."
    return run_answering(
        context, EXPORTER, request, seconds=seconds, share=(0, EXPORTED_PERCENT), access=access, broke=broke
    )


def export_seconds(params: Mapping[str, Any]) -> float:
    if "gigapixels" not in params:  # the job was queued by an older release, which stored no gigapixels
        return 900 + SECONDS_PER_GIGAPIXEL * float(params["end"] - params["start"])
    return (
        MIN_EXPORT_SECONDS
        + SECONDS_PER_GIGAPIXEL * float(params["gigapixels"])
        + SECONDS_PER_SOURCE_GIGAPIXEL * float(params["source_gigapixels"])
    )


@job_actor(
    samples.SAMPLE_KIND,
    queue="render",
    label="Sample comparison",
    icon="compare",
    hooks=samples.SampleJobs(),
    result=SampleResultSerializer,
)
def make_sample(context: JobContext) -> dict[str, Any]:
    return samples.make_sample(context)


def find_session(context: JobContext) -> ComparisonSession:
    """Return a job's session.

    Raises :class:`JobFailed` if the session was deleted, or the job's owner may no longer edit it.
    """
    session = ComparisonSession.objects.select_related("owner").filter(pk=context.params["session_id"]).first()
    if session is None:
        raise JobFailed("session_not_found", "The comparison has been deleted.")
    if not session.can_change(context.owner):
        raise JobFailed("session_not_found", "You can no longer change this comparison.")
    return session


def _may_change_session(job: Job) -> bool:
    session = ComparisonSession.objects.filter(pk=job.params["session_id"]).first()
    return session is not None and session.can_change(job.owner)


def _subjects(jobs: Sequence[Job], verb: str, detail: Callable[[Job], str]) -> dict[UUID, JobSummary]:
    """Return the jobs' summaries, without the names of sessions that the job's owner can no longer open."""
    sessions: dict[tuple[UUID, str], ComparisonSession] = {}
    for owner in User.objects.filter(pk__in={job.owner_id for job in jobs}):
        wanted = {job.params["session_id"] for job in jobs if job.owner_id == owner.pk}
        rows = ComparisonSession.objects.visible_to(owner).only("name").filter(pk__in=wanted)
        sessions |= {(owner.pk, row.pk): row for row in rows}
    found = {}
    for job in jobs:
        session = sessions.get((job.owner_id, job.params["session_id"]))
        title = f"{verb} {session.name or 'a comparison'}" if session else f"{verb} an unavailable comparison"
        found[job.pk] = JobSummary(title, detail(job), f"/compare/{session.pk}" if session else "")
    return found
