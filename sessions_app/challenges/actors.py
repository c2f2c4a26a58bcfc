"""The job of a merge: it fetches, scans and joins the clips, then stores the video."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed, LeaseLost, TransientFault
from jobs_app.kinds import JobHooks, JobSummary
from jobs_app.models import Job
from media_app.storage import files as store
from media_app.uploads import assemble
from media_app.uploads.models import Upload
from media_app.videos import work_limit
from media_app.videos.ingest import (
    MACHINE_FAULTS,
    await_scanner,
    checking,
    facts_of,
    limits,
    make_poster,
    map_storage_errors,
    plan_rungs,
    raise_if_machine_fault,
    scan_file,
)
from media_app.videos.models import TRANSITIONS, RenditionKind, Video, VideoScope, VideoSource, VideoStatus
from media_app.videos.services import columns_of, delete_other_files, local_playable_path
from media_app.videos.upload_handlers import key_of
from sessions_app.challenges import merges
from sessions_app.challenges.models import MergeClip, MergeSession
from sessions_app.challenges.serializers import MergeResultSerializer
from vodplatform.accounts.plans import limits_of
from vodplatform.core.files import untrusted_files
from vodplatform.core.metrics import MERGE_SECONDS
from vodplatform.core.processes.process import Access, ChildError
from vodplatform.core.records.transitions import create_in_state

WORK = [sys.executable, "-m", "media_app.av.merge"]
# seconds added to the merge process's time limit per second of video
WORK_SECONDS_PER_SECOND = 20.0
SLOW_BYTES = 125_000  # assumed bytes per second of a clip whose duration was not measured
FETCHED_PERCENT, MERGED_PERCENT, STORED_PERCENT = 8.0, 92.0, 97.0
NAME = "merged.mp4"
LOST = "{clip} no longer exists. Upload the clips again."
GONE = "The merge has been deleted."
MEDIA_ERRORS = ("vod_unreadable", "vod_codec_unsupported", "video_too_long")


class MergeJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        session = MergeSession.objects.with_state().filter(pk=job.params["merge_session_id"]).first()
        return session is not None and all(clip.is_there for clip in session.clips.all())

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        rows = MergeSession.objects.filter(job__in=jobs).select_related("challenge").prefetch_related("clips")
        sessions = {row.job_id: row for row in rows}
        found = {}
        for job in jobs:
            session = sessions.get(job.pk)
            if session is None:
                found[job.pk] = JobSummary("Merge whose clips were deleted")
                continue
            challenge = getattr(session, "challenge", None)
            address = f"/challenges/{challenge.pk}" if challenge else f"/challenges/new?merge={session.pk}"
            count = f"{len(session.clips.all())} clips"
            title = f"Merge of {session.title or 'clips'}"
            found[job.pk] = JobSummary(title, count, address, in_use=True)
        return found

    def ended(self, job: Job) -> None:
        merges.clean_up_after_job(job)


@job_actor(
    merges.MERGE_KIND, queue="merge", label="Merge", icon="layers", hooks=MergeJobs(), result=MergeResultSerializer
)
def merge_clips(context: JobContext) -> dict[str, Any]:
    session = MergeSession.objects.with_state().filter(pk=context.params["merge_session_id"]).first()
    if session is None:
        raise JobFailed("merge_not_found", GONE)
    with context.scratch() as folder, map_storage_errors():
        # If a previous attempt of the job was killed after it had stored the video, only poster and renditions are
        # missing.
        if session.video is None:
            begun = time.monotonic()
            _check_budget(context, session)
            paths = _bring(context, session, folder)
            _check_budget(context, session)
            found = _join(context, session, paths, folder)
            context.progress(MERGED_PERCENT, "Saving the video")
            _keep(context, session, folder, found, begun)
            MERGE_SECONDS.labels(found["picture"]).observe(time.monotonic() - begun)
            session.refresh_from_db()
        _draw(context, session, folder)
    return {
        "merge_session_id": str(session.pk),
        "segments": session.segments,
        "compression_applied": session.compression_applied,
    }


def _check_budget(context: JobContext, session: MergeSession) -> None:
    """Check the plan's limit for all clips together, because parallel uploads are checked separately."""
    if merges.gigapixels_of(session.clips.all()) > limits_of(context.owner)["max_video_gigapixels"]:
        raise JobFailed(
            "work_limit",
            "Together, the clips are too long or their resolution is too high for your plan. Use fewer or shorter "
            "clips.",
        )


def _bring(context: JobContext, session: MergeSession, folder: Path) -> list[Path]:
    merges.keep_clips(session)
    await_scanner(context)
    clips = list(session.clips.all())
    paths = []
    for number, clip in enumerate(clips):
        if clip.upload is None or not clip.is_there:
            raise JobFailed("upload_lost", LOST.format(clip=clip.label))
        path = folder / f"clip-{number}"

        def report(share: float, number: int = number) -> None:
            context.check()
            context.progress(FETCHED_PERCENT * (number + share) / len(clips), "Assembling the uploaded clips")

        try:
            assemble.assemble_to_file(clip.upload, path, folder, report)
        except FileNotFoundError as exc:
            raise JobFailed("upload_lost", LOST.format(clip=clip.label)) from exc
        try:
            scan_file(context, path)
        except JobFailed as exc:
            raise JobFailed(exc.type, f"{clip.label}: {exc}") from exc
        _measure_clip(context, clip, path)
        paths.append(path)
    return paths


def _measure_clip(context: JobContext, clip: MergeClip, path: Path) -> None:
    upload = clip.upload
    if upload is None or merges.GIGAPIXELS in upload.metadata:
        return
    try:
        facts = facts_of(context, path)
    except TransientFault:  # retry the merge: the clip is not at fault
        raise
    except JobFailed as exc:
        raise JobFailed("no_video" if exc.type == "no_video" else "clip_unreadable", f"{clip.label}: {exc}") from exc
    measured = {merges.SECONDS: facts["duration"], merges.GIGAPIXELS: work_limit.gigapixels(facts)}
    upload.metadata |= measured
    Upload.objects.filter(pk=upload.pk).update(metadata=upload.metadata)


def _join(context: JobContext, session: MergeSession, paths: Sequence[Path], folder: Path) -> dict[str, Any]:
    clips: list[MergeClip] = list(session.clips.all())
    work = folder / "work"
    work.mkdir()
    request = {
        "clips": [{"path": str(path), "name": clip.filename} for path, clip in zip(paths, clips, strict=True)],
        "target": str(work / NAME), "folder": str(work), "threads": settings.CHILD_THREADS,
        "level": session.level_loudness,
    }  # fmt: skip
    seconds = settings.CHILD_SECONDS + WORK_SECONDS_PER_SECOND * _seconds_of(clips)
    try:
        finished = context.run_child(
            WORK, stdin=json.dumps(request).encode(), limits=limits(seconds), share=(FETCHED_PERCENT, MERGED_PERCENT),
            access=Access(reads=paths, writes=[work]),
        )  # fmt: skip
    except ChildError as exc:
        raise_if_machine_fault(exc)
        kind = {ChildError.TIMEOUT: "timeout", ChildError.MEMORY: "out_of_memory"}.get(exc.kind, "merge_crashed")
        raise JobFailed(kind, f"The merge crashed or took too long. {exc}") from exc
    answer = finished.messages[-1] if finished.messages else {}
    if error := answer.get("error"):
        kind = "clip_unreadable" if error["type"] in MEDIA_ERRORS else error["type"]
        raise (TransientFault if kind in MACHINE_FAULTS else JobFailed)(kind, error["message"])
    found: dict[str, Any] = answer["result"]
    untrusted_files.move_out(work, NAME).rename(folder / NAME)
    return found


def _seconds_of(clips: Sequence[MergeClip]) -> float:
    """Return the clips' total seconds. Durations that were not measured are estimated from the clips' bytes."""
    durations = [(clip.upload.metadata if clip.upload else {}).get(merges.SECONDS) for clip in clips]
    seconds = [clip.size / SLOW_BYTES if own is None else own for clip, own in zip(clips, durations, strict=True)]
    return float(min(sum(seconds), settings.MAX_VIDEO_SECONDS * len(clips)))


def _keep(context: JobContext, session: MergeSession, folder: Path, found: dict[str, Any], begun: float) -> None:
    path = folder / NAME
    facts = facts_of(context, path)
    key, size = key_of(session.pk, NAME), path.stat().st_size
    store.put_file(key, path, "video/mp4", checking(context))
    context.progress(STORED_PERCENT, "Creating the poster image")
    try:
        with context.lock_lease():
            _note(session, key, size, facts, found | {"took": time.monotonic() - begun})
    except (LeaseLost, JobFailed):
        # The video's row was not saved, so delete the file. After any other error, the row may refer to the file.
        store.delete(key)
        raise
    delete_other_files(session.pk, key)


def _draw(context: JobContext, session: MergeSession, folder: Path) -> None:
    video = Video.objects.filter(pk=session.pk).first()
    if video is None:
        raise LeaseLost
    path = local_playable_path(video, folder, checking(context), viewer=None)
    make_poster(context, video, path, folder, share=(STORED_PERCENT, 100))
    if not video.renditions.filter(kind=RenditionKind.HLS).exists():
        plan_rungs(context, video, {"width": video.width, "height": video.height}, source=True)


def _note(session: MergeSession, key: str, size: int, facts: dict[str, Any], found: dict[str, Any]) -> None:
    with transaction.atomic():
        video = create_in_state(
            Video, TRANSITIONS, VideoStatus.READY, pk=session.pk, owner_id=session.owner_id,
            title=session.title or "Merged video", place=VideoScope.SESSION, source=VideoSource.STORED, location=key,
            file_size=size, mime_type="video/mp4", **columns_of(facts),
        )  # fmt: skip
        is_there = merges.store_result(
            session.pk, video=video, segments=_rounded(found["segments"]),
            compression_applied="encoded" in (found["picture"], found["sound"]),
            took_seconds=round(found["took"], 3), source_seconds=found["duration"],
        )  # fmt: skip
        if not is_there:
            raise JobFailed("merge_not_found", GONE)


def _rounded(segments: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Round to microseconds, so that each segment ends where the next one starts."""
    return [{name: round(one[name], 6) for name in ("start", "end")} for one in segments]
