"""A pro job as the API, the pages and the admin show it."""

from __future__ import annotations

from typing import Any

from jobs_app.models import JobStatus
from media_app.delivery.addresses import source_of, url_of
from media_app.videos.models import RenditionKind, VideoStatus
from sessions_app.prosync.models import Engine, ProJob

MESSAGES = {
    JobStatus.QUEUED: "Waiting for its turn",
    JobStatus.COMPLETED: "The video is ready",
    JobStatus.CANCELLED: "Cancelled",
}


def begun(row: ProJob, max_segments: int) -> dict[str, Any]:
    """The answer to whoever has sent it."""
    return {
        "ok": True,
        "job_id": str(row.pk),
        "status": str(row.job.status),
        "is_pro_job": True,
        "segments_count": len(row.job.segments_data or []),
        "max_segments": max_segments,
        "audio_refs": sound_urls(row),
    }


def present(row: ProJob) -> dict[str, Any]:
    """Where it is; it comes from ``with_state``."""
    job = row.job
    error = None
    if job.status == JobStatus.FAILED:
        given = job.error or {}
        error = {"type": str(given.get("type", "server_error")), "message": str(given.get("message", "It failed."))}
    shown = {
        "job_id": str(row.pk),
        "status": str(job.status),
        "progress": 100.0 if job.status == JobStatus.COMPLETED else round(job.progress, 1),
        "message": error["message"] if error else (MESSAGES.get(JobStatus(job.status)) or job.message),
        "is_pro_job": True,
        "segments_data": row.segments,
        "engine": row.engine,
        "result_url": url_of(row.result, row.video),
        "error": error,
        "name": row.name,
        "options": row.options,
        "outcome": row.outcome,
        "audio_refs": sound_urls(row),
        "sounds": [
            {"refId": sound["ref"], "filename": sound["filename"], "duration": sound["seconds"],
             "peaks": sound["peaks"]}
            for sound in row.sounds
        ],
        "source": _source(row),
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    if row.engine == Engine.SYNCSO:
        shown["generation_id"] = row.generation_id or None
    return shown


def sound_urls(row: ProJob) -> dict[str, str]:
    """Where each sound can be heard, by its name."""
    return {ref: address for ref, made in row.sound_files.items() if (address := url_of(made, row.video))}


def _source(row: ProJob) -> dict[str, Any] | None:
    """What can be shown of the video as it was sent; None until it has been taken in."""
    video = row.video
    if video.status != VideoStatus.READY:
        return None
    made = {one.kind: one for one in video.renditions.all()}
    return {
        **source_of(video),
        "peaks_url": url_of(made.get(RenditionKind.PEAKS), video),
        "sprite_vtt_url": url_of(made.get(RenditionKind.SPRITE), video),
    }
