"""Whether the bytes of a video may go out, and how: one predicate for the stream door and for device choice."""

from __future__ import annotations

from enum import StrEnum

from django.conf import settings

from media_app.storage import files as store
from media_app.videos.models import Video, VideoStatus

MALWARE = "malware_found"
# How a video can fail after the scanner has read all of it and found nothing.
AFTER_SCAN = frozenset({
    "vod_unreadable", "vod_codec_unsupported", "no_video", "video_too_long", "work_limit",
    "checksum_mismatch", "vod_file_not_found",
})  # fmt: skip


class Use(StrEnum):
    """What a video's bytes are there for: to be played, to be given back as a file, not yet, or not at all."""

    PLAY = "play"
    SAVE = "save"
    LATER = "later"
    NEVER = "never"


def use_of(video: Video) -> Use:
    """What may be done with the bytes as the video stands; ready ones, nearly all, need no further query."""
    if video.deleted_at is not None:
        return Use.NEVER
    # A folder in its place: the pieces have not been joined yet.
    has_file = bool(video.location) and not video.location.endswith("/")
    if video.status == VideoStatus.READY:
        return Use.PLAY if has_file else Use.LATER
    video = Video.objects.with_state().get(pk=video.pk)
    if not has_file or video.state == VideoStatus.UPLOADING:
        return Use.LATER
    if video.state == VideoStatus.PROCESSING:
        # A bucket has the file only once its parts are joined, and the scanner speaks only after that.
        return Use.PLAY if settings.CLAMD is None and store.is_local() else Use.LATER
    return _of_failed(video)


def _of_failed(video: Video) -> Use:
    """What could not be taken in is its owner's to have back, unless a scanner is there that has not called it clean.

    Without its job nobody can tell how far it came.
    """
    job_error = str((video.job.error or {}).get("type", "")) if video.job else ""
    # What stands on a row that is not failed is of an earlier file.
    reason = (video.error_type or job_error) if video.status == VideoStatus.FAILED else job_error
    if MALWARE in (reason, job_error):
        return Use.NEVER
    return Use.SAVE if settings.CLAMD is None or reason in AFTER_SCAN else Use.NEVER
