from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from jobs_app.actors import job_actor
from jobs_app.context import JobContext, JobFailed
from jobs_app.kinds import JobHooks, JobSummary
from jobs_app.models import Job, JobStatus
from media_app.uploads.models import Upload
from media_app.videos.ingest import (
    facts_of,
    ingest,
    locked_for_write,
    make_ready,
    make_stills,
    map_storage_errors,
    scan_file,
    store_rendition,
)
from media_app.videos.models import RenditionKind, VideoStatus
from media_app.videos.services import mime_type_of
from sessions_app.prosync import services
from sessions_app.prosync.models import Engine, ProJob
from sessions_app.prosync.providers import local, syncso_engine
from sessions_app.prosync.providers.work import Made, Work
from sessions_app.prosync.serializers import ProResultSerializer
from vodplatform.core.formatting import counted

TAKEN_IN_PERCENT, STILLS_PERCENT, DUBBED_PERCENT = 15.0, 20.0, 95.0
STILLS = ("poster", "peaks", "sprite")
DELETED = "The pro job was deleted."


class ProSyncJobs(JobHooks):
    def inputs_exist(self, job: Job) -> bool:
        return ProJob.objects.filter(pk=job.pk).exists()

    def subjects(self, jobs: Sequence[Job]) -> dict[UUID, JobSummary]:
        rows = {row.pk: row for row in ProJob.objects.filter(pk__in=[job.pk for job in jobs]).only("pk", "name")}
        found = {}
        for job in jobs:
            row = rows.get(job.pk)
            if row is None:
                found[job.pk] = JobSummary("Pro segments of a deleted run")
            else:
                count = len(job.segments_data or [])
                detail = counted(count, "segment")
                found[job.pk] = JobSummary(f"Pro segments of {row.name}", detail, f"/pro?job={job.pk}", in_use=True)
        return found

    def ended(self, job: Job) -> None:
        syncso_engine.ended(job)


@job_actor(
    services.PRO_KIND,
    queue="prosync",
    label="Pro segments",
    icon="pro",
    hooks=ProSyncJobs(),
    result=ProResultSerializer,
)
def dub_segments(context: JobContext) -> dict[str, Any]:
    row = ProJob.objects.with_state().filter(pk=context.job_id).first()
    if row is None:
        raise JobFailed("job_not_found", DELETED)
    with context.scratch() as folder, map_storage_errors():
        work = Work(context, row, folder, share=(STILLS_PERCENT, DUBBED_PERCENT))
        if row.video.status != VideoStatus.READY:
            _ingest_video(work)
        made = (local if row.engine == Engine.LOCAL else syncso_engine).replace_speech(work)
        _store_result(work, made)
    return {"job_id": str(row.pk), "segments": len(work.segments)}


def _ingest_video(work: Work) -> None:
    context, video = work.context, work.row.video
    for path in work.bring_sounds().values():
        scan_file(context, path)
    upload = Upload.objects.filter(pk=context.params["upload_id"]).first()
    taken = ingest(context, video, upload, work.folder)
    if not taken.facts["width"]:
        raise JobFailed("no_video", "This file has no video track.")
    make_stills(context, video, taken.path, work.folder, STILLS, share=(TAKEN_IN_PERCENT, STILLS_PERCENT))
    with locked_for_write(context, video, upload.purpose if upload else ""):
        make_ready(video, taken.columns)
        services.set_segment_status(context.job_id, JobStatus.PROCESSING)
    video.refresh_from_db()


def _store_result(work: Work, made: Made) -> None:
    context, row, folder = work.context, work.row, work.folder
    context.progress(DUBBED_PERCENT, "Saving the video")
    facts = facts_of(context, made.path)
    out = folder / "kept" / RenditionKind.DUB
    out.mkdir(parents=True, exist_ok=True)
    path = made.path.rename(out / f"dub{made.path.suffix}")
    described = {
        "kind": RenditionKind.DUB, "name": "", "files": {"video": path.name}, "codecs": "",
        "mime_type": mime_type_of(path, "video/mp4"),
        "width": facts["width"], "height": facts["height"], "bit_rate": 0, "size": path.stat().st_size,
    }  # fmt: skip
    store_rendition(context, row.video, folder / "kept", described, "")
    with context.lock_lease():
        if not ProJob.objects.filter(pk=row.pk).update(outcome=made.outcome):
            raise JobFailed("job_not_found", DELETED)
        services.set_segment_status(row.pk, JobStatus.COMPLETED)
