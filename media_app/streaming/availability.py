"""Permission to send a video's bytes."""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings

from media_app.storage import files as store
from media_app.videos.models import Video, VideoStatus

MALWARE = "malware_found"
# Errors that occur only after the virus scan, so the file is clean.
AFTER_SCAN = frozenset({
    "vod_unreadable", "vod_codec_unsupported", "no_video", "video_too_long", "work_limit",
    "checksum_mismatch", "vod_file_not_found",
})  # fmt: skip


class Use(StrEnum):
    """Permitted use of a video's file: play, only download, nothing yet, nothing ever."""

    PLAY = "play"
    SAVE = "save"
    LATER = "later"
    NEVER = "never"


def use_of(video: Video) -> Use:
    if video.deleted_at is not None:
        return Use.NEVER
    # A location that ends with a slash is a folder of parts that are not joined yet.
    has_file = bool(video.location) and not video.location.endswith("/")
    if video.status == VideoStatus.READY:
        return Use.PLAY if has_file else Use.LATER
    video = Video.objects.with_state().get(pk=video.pk)
    if not has_file or video.state == VideoStatus.UPLOADING:
        return Use.LATER
    if video.state == VideoStatus.PROCESSING:
        # Do not send the file yet if it must be scanned for viruses first, or if it is on S3, where its parts may still
        # be separate.
        return Use.PLAY if settings.CLAMD is None and store.is_local() else Use.LATER
    return _of_failed(video)


def _of_failed(video: Video) -> Use:
    job_error = str((video.job.error or {}).get("type", "")) if video.job else ""
    # If the video's status is FAILED, `error_type` describes an error of the video's present file. With any other
    # status, `error_type` may describe a file that was replaced or discarded; then use only the ingest job's error.
    reason = (video.error_type or job_error) if video.status == VideoStatus.FAILED else job_error
    if MALWARE in (reason, job_error):
        return Use.NEVER
    return Use.SAVE if settings.CLAMD is None or reason in AFTER_SCAN else Use.NEVER
