"""Jobs of videos: ingest, normalised copies, renditions."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed, TransientFault
from jobs_app.kinds import JobHooks, JobSummary, label_of
from jobs_app.models import Job
from media_app.storage import files as store
from media_app.uploads.models import Upload
from media_app.videos import rendition_quota
from media_app.videos.ingest import (
    DELETED,
    MACHINE_FAULTS,
    check_rendition_room,
    checking,
    digest_of,
    ingest,
    limits,
    locked_for_write,
    make_copy,
    make_ready,
    map_storage_errors,
    plan_rungs,
    raise_if_machine_fault,
    store_rendition,
)
from media_app.videos.models import IN_BIN, TRANSITIONS, Rendition, RenditionKind, Video, VideoStatus
from media_app.videos.serializers import (
    ImportResultSerializer,
    PlayableCopyResultSerializer,
    RenditionsResultSerializer,
)
from media_app.videos.services import (
    NORMALIZE_KIND,
    RENDER_KIND,
    columns_of,
    copy_name,
    delete_other_files,
    local_original_path,
    local_playable_path,
    restore_previous_file,
)
from media_app.videos.upload_handlers import INGEST_KIND
from vodplatform.core.logs import event
from vodplatform.core.processes.process import Access, ChildError
from vodplatform.core.records.transitions import transition

WORK = [sys.executable, "-m", "media_app.av.ingest"]
ENCODES = ("hls", "proxy")
# Renditions of every video, made at its ingest in this order.
MADE_AT_ONCE: list[dict[str, Any]] = [
    {"do": "poster"}, {"do": "hls", "rung": "source"}, {"do": "sprite"}, {"do": "peaks"},
]  # fmt: skip


class VideoJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        previous = job.params.get("previous") or {}
        rows = Video.objects.exclude(IN_BIN).exclude(location=previous.get("location", ""))
        return rows.filter(pk=job.params["video_id"]).exists()

    def subjects(self, jobs: Sequence[Job]) -> dict[uuid.UUID, JobSummary]:
        rows = Video.objects.exclude(IN_BIN).filter(pk__in={job.params["video_id"] for job in jobs})
        titles = {str(pk): title for pk, title in rows.values_list("pk", "title")}
        found = {}
        for job in jobs:
            title = titles.get(job.params["video_id"])
            wanted = " and ".join(sorted({str(task.get("rung") or task["do"]) for task in job.params.get("tasks", [])}))
            href = "" if title is None else f"/watch/{job.params['video_id']}"
            found[job.pk] = JobSummary(f"{label_of(job.kind)} of {title or 'a deleted video'}", wanted, href)
        return found


@job_actor(INGEST_KIND, queue="ingest", label="Import", icon="upload", hooks=VideoJobs(), result=ImportResultSerializer)
def ingest_video(context: JobContext) -> dict[str, Any]:
    """Ingest an uploaded file: join its parts, scan and probe it, then make pictures and HLS.

    The job parameter ``previous`` contains the columns of a replaced file, which are restored if the ingest fails.
    """
    video = _video(context)
    upload_id = context.params.get("upload_id")
    upload = Upload.objects.filter(pk=upload_id).first() if upload_id else None
    purpose = upload.purpose if upload else ""
    with context.scratch() as folder:
        with _failure_written(context, video, purpose), map_storage_errors():
            if video.status == VideoStatus.FAILED:
                with locked_for_write(context, video, purpose):
                    failed = Video.objects.filter(pk=video.pk, status=VideoStatus.FAILED)
                    transition(failed, TRANSITIONS, VideoStatus.PROCESSING, error_type="", error_message="")
            taken = ingest(context, video, upload, folder)
            with locked_for_write(context, video, purpose):
                make_ready(video, taken.columns)
                if context.params.get("previous"):
                    _drop_former(context, video)
        with map_storage_errors():
            context.progress(25, "Ready to play. Checking the complete file")
            # Use the hash from the upload if there is one; else compute it now.
            digest = taken.sha256 or (upload.sha256 if upload else "") or digest_of(context, taken.original)
            with context.lock_lease():
                Video.objects.filter(pk=video.pk).update(sha256=digest)
            video.refresh_from_db()
            left_out = _make(context, video, taken.path, folder, MADE_AT_ONCE, purpose=purpose, share=(30, 100))
    is_streamed = all(item["kind"] != "hls" for item in left_out)
    plan_rungs(context, video, taken.facts, full=not is_streamed, purpose=purpose)
    return {"duration": taken.facts["duration"], "sha256": digest, "left_out": left_out}


# Users wait for the playable copy, so its job avoids the slow queue of renditions.
@job_actor(
    NORMALIZE_KIND,
    queue="ingest",
    label="Playable copy",
    icon="film",
    hooks=VideoJobs(),
    result=PlayableCopyResultSerializer,
)
def normalize_video(context: JobContext) -> dict[str, Any]:
    video = _video(context)
    with context.scratch() as folder, map_storage_errors():
        original = local_original_path(video, folder, checking(context))
        _, facts = make_copy(context, video, original, folder)
        with context.lock_lease():
            Video.objects.filter(pk=video.pk).update(**columns_of(facts), updated_at=Now())
    return {"duration": facts["duration"]}


@job_actor(
    RENDER_KIND,
    queue="render",
    label="Renditions",
    icon="library",
    pausable=True,
    hooks=VideoJobs(),
    result=RenditionsResultSerializer,
)
def make_renditions(context: JobContext) -> dict[str, Any]:
    video = _video(context)
    tasks = context.params["tasks"]
    if any(task["do"] in rendition_quota.UNCOUNTED for task in tasks):
        check_rendition_room(video)
    with context.scratch() as folder, map_storage_errors():
        path = local_playable_path(video, folder, checking(context), viewer=None)
        wanted = [task for task in tasks if not _is_made(video, task)]
        left_out = _make(context, video, path, folder, wanted, purpose=context.params.get("purpose", ""))
    if left_out and len(left_out) == len(tasks):
        raise JobFailed("vod_unreadable", left_out[0]["reason"])
    return {"left_out": left_out}


def _video(context: JobContext) -> Video:
    video = Video.objects.filter(pk=context.params["video_id"]).first()
    if video is None:
        raise JobFailed("not_found", DELETED)
    previous = context.params.get("previous")
    if previous and video.location == previous["location"]:
        raise JobFailed(
            "not_found", "The new file was discarded, and the video shows the previous one. Upload the new file again."
        )
    return video


@contextmanager
def _failure_written(context: JobContext, video: Video, purpose: str) -> Iterator[None]:
    try:
        yield
    except JobFailed as exc:
        # Record no failure for a deleted video or a job that will be retried.
        is_last = not (isinstance(exc, TransientFault) and context.has_tries_left())
        if is_last and Video.objects.filter(pk=video.pk).exists():
            with locked_for_write(context, video, purpose):
                _write_failure(context, video, exc)
        raise


def _write_failure(context: JobContext, video: Video, why: JobFailed) -> None:
    if previous := context.params.get("previous"):
        restore_previous_file(video.pk, previous, why.type, str(why))
        return
    transition(
        Video.objects.filter(pk=video.pk), TRANSITIONS, VideoStatus.FAILED,
        error_type=why.type, error_message=str(why), updated_at=Now(),
    )  # fmt: skip


def _drop_former(context: JobContext, video: Video) -> None:
    # Drop ``previous``: a later attempt must not restore the former file.
    left = {name: value for name, value in context.params.items() if name != "previous"}
    Job.objects.filter(pk=context.job_id).update(params=left)
    made = Rendition.with_lost.filter(video=video).exclude(kind=RenditionKind.THUMBNAIL)
    made = made.exclude(kind=RenditionKind.NORMALIZED, name=copy_name(video))
    folders = list(made.values_list("folder", flat=True))
    made.delete()
    transaction.on_commit(lambda: _delete_former_files(video, folders))


def _delete_former_files(video: Video, folders: list[str]) -> None:
    try:
        for folder in folders:
            store.delete_folder(folder)
    except store.StoreUnavailable as exc:
        event("video.left", video=str(video.pk), reason=exc.reason)
    delete_other_files(video.pk, video.location)


def _make(
    context: JobContext, video: Video, path: Path, folder: Path, tasks: list[dict[str, Any]], *, purpose: str = "",
    share: tuple[float, float] = (0, 100),
) -> list[dict[str, Any]]:  # fmt: skip
    left_out: list[dict[str, Any]] = []
    if error := rendition_quota.refusal(video.owner):
        left_out = [
            {"kind": task["do"], "name": str(task.get("rung", "")), "reason": error.message}
            for task in tasks if task["do"] in rendition_quota.UNCOUNTED
        ]  # fmt: skip
        tasks = [task for task in tasks if task["do"] not in rendition_quota.UNCOUNTED]
    while tasks:
        out = folder / f"made-{uuid.uuid4().hex[:8]}"
        out.mkdir()
        answered: list[dict[str, Any]] = []

        def hear(message: dict[str, Any], out: Path = out, answered: list[dict[str, Any]] = answered) -> None:
            if made := message.get("made"):
                store_rendition(context, video, out, made, purpose)
                context.mark_checkpointed()
            answered.extend(message[key] for key in ("made", "left_out") if key in message)
            left_out.extend(message[key] for key in ("left_out",) if key in message)

        request = {"source": str(path), "folder": str(out), "tasks": tasks, "threads": settings.CHILD_THREADS}
        seconds = 600 + video.duration * sum(10 if task["do"] in ENCODES else 1 for task in tasks)
        try:
            finished = context.run_child(
                WORK, stdin=json.dumps(request).encode(), limits=limits(seconds), share=share, on_message=hear,
                access=Access(reads=[path], writes=[out]),
            )  # fmt: skip
        except ChildError as exc:
            if context.attempt == 1:
                raise_if_machine_fault(exc)
            elif exc.kind not in (ChildError.CRASHED, ChildError.TIMEOUT, ChildError.MEMORY):
                raise
            broken = tasks[len(answered)] if len(answered) < len(tasks) else tasks[-1]
            left_out.append({"kind": broken["do"], "name": str(broken.get("rung", "")), "reason": str(exc)})
            tasks = tasks[len(answered) + 1 :]
            continue
        if error := (finished.messages[-1] if finished.messages else {}).get("error"):
            raise (TransientFault if error["type"] in MACHINE_FAULTS else JobFailed)(error["type"], error["message"])
        break
    return left_out


def _is_made(video: Video, task: dict[str, Any]) -> bool:
    return "at" not in task and video.renditions.filter(kind=task["do"], name=str(task.get("rung", ""))).exists()
