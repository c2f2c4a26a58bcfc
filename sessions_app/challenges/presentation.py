"""Merges and challenges as the API and the pages show them, each to whom it is shown; changes nothing.

What tells the lie leaves this module in :func:`_show` alone, behind :func:`knows_lie`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from jobs_app.models import JobStatus
from media_app.delivery.addresses import stream_url, url_of
from media_app.uploads.states import percent, status_of
from media_app.videos.models import RenditionKind, Video
from sessions_app.challenges.models import Challenge, Guess, MergeClip, MergeSession, MergeStatus
from vodplatform.accounts.models import User

CHUNK_ADDRESS = "/api/v1/challenge-videos/upload/{}/chunk"
UPLOADS_SHARE = 50.0  # percent of the way, the merge being the rest
MESSAGES = {
    MergeStatus.INITIATED: "Waiting for the clips",
    MergeStatus.UPLOADING: "The clips are coming",
    MergeStatus.QUEUED: "Waiting for its turn",
    MergeStatus.COMPLETED: "Merged",
    MergeStatus.CANCELLED: "Cancelled",
    MergeStatus.EXPIRED: "Its time is over",
}
MICROSECOND = 6  # decimals of a second
NOT_KEPT = "Its time is over, and what had come of the clips is deleted. Send them again."


def begun(session: MergeSession) -> dict[str, Any]:
    """The answer to whoever has just begun a merge; it comes from ``with_state``."""
    return {
        "merge_session_id": str(session.pk),
        "upload_sessions": [
            {
                "video_index": clip.index,
                "session_id": str(clip.pk),
                "filename": clip.filename,
                "upload_url": CHUNK_ADDRESS.format(clip.pk),
                "chunk_size": clip.upload.chunk_size,
                "total_chunks": clip.upload.total_chunks,
            }
            for clip in session.clips.all()
            if clip.upload is not None
        ],
        "estimated_merge_time_seconds": session.estimated_seconds,
        "status": str(session.status),
        "job_id": str(session.job_id) if session.job_id else None,
        "expires_at": instant(session.expires_at),
    }


def present(session: MergeSession) -> dict[str, Any]:
    """Where a merge is; it comes from ``with_state``."""
    status, job = session.status, session.job
    error = _error(session, status)
    running = job is not None and status in (MergeStatus.QUEUED, MergeStatus.PROCESSING)
    said = job.message if running and job else ""
    challenge = getattr(session, "challenge", None)
    return {
        "merge_session_id": str(session.pk),
        "title": session.title,
        "overall_status": str(status),
        "progress": _progress(session, status),
        "message": said or (error["error_message"] if error else MESSAGES.get(status, "")),
        "uploads": [_clip(clip, status) for clip in session.clips.all()],
        "job_id": str(session.job_id) if session.job_id else None,
        "merged_video": _merged(session),
        "estimated_merge_time_seconds": session.estimated_seconds,
        "error_message": error["error_message"] if error else None,
        "error_type": error["error_type"] if error else None,
        "failed_at": error["failed_at"] if error else None,
        "retry_available": session.is_retryable,
        "created_at": instant(session.created_at),
        "expires_at": instant(session.expires_at),
        "challenge_id": str(challenge.pk) if challenge else None,
    }


def _clip(clip: MergeClip, status: MergeStatus) -> dict[str, Any]:
    """One clip as its upload is. status: of the merge, which outlives the upload's row."""
    about = {"video_index": clip.index, "filename": clip.filename, "size": clip.size}
    upload = clip.upload
    if upload is None:
        # The merge outlives the uploads' rows.
        state = "completed" if status == MergeStatus.COMPLETED else str(clip.state)
        gone = {
            "session_id": str(clip.pk), "status": state, "uploaded_chunks": [], "remaining_chunks": [],
            "total_chunks": 0, "progress_percent": 0.0, "expires_at": None,
        }  # fmt: skip
        return {**about, **gone, "upload_url": None, "chunk_size": None, "error": None}
    is_live = clip.state in ("initiated", "uploading")
    # Nobody goes on with one that has ended: its thousands of numbers are left out.
    chunks: dict[str, Any] = {} if is_live else {"uploaded_chunks": [], "remaining_chunks": []}
    return {
        **about,
        **status_of(upload),
        **chunks,
        "status": str(clip.state),
        "upload_url": CHUNK_ADDRESS.format(clip.pk) if is_live else None,
        "chunk_size": upload.chunk_size,
        "error": {"type": upload.error_type, "message": upload.error_message} if upload.error_type else None,
    }


def _progress(session: MergeSession, status: MergeStatus) -> float:
    if status == MergeStatus.COMPLETED:
        return 100.0
    if session.job is not None:
        return round(UPLOADS_SHARE + session.job.progress * (100 - UPLOADS_SHARE) / 100, 1)
    total = sum(clip.size for clip in session.clips.all())
    come = sum(clip.size * percent(clip.upload) / 100 for clip in session.clips.all() if clip.upload)
    return round(UPLOADS_SHARE * come / total, 1) if total else 0.0


def _error(session: MergeSession, status: MergeStatus) -> dict[str, Any] | None:
    """Why it came to nothing."""
    job = session.job
    if job is not None and job.status == JobStatus.FAILED:
        said = job.error or {}
        return {
            "error_type": str(said.get("type", "server_error")),
            "error_message": str(said.get("message", "The merge failed.")),
            "failed_at": instant(job.finished_at),
        }
    told = [clip.upload for clip in session.clips.all() if clip.upload and clip.upload.error_type]
    if status == MergeStatus.EXPIRED and not told:
        return {"error_type": "upload_expired", "error_message": NOT_KEPT, "failed_at": instant(session.expires_at)}
    if status not in (MergeStatus.FAILED, MergeStatus.EXPIRED) or not told:
        return None
    # The one that is at fault; the others went with it.
    first = min(told, key=lambda upload: upload.error_type == "merge_failed")
    return {
        "error_type": first.error_type, "error_message": first.error_message, "failed_at": instant(first.updated_at)
    }  # fmt: skip


def _merged(session: MergeSession) -> dict[str, Any] | None:
    video = session.video
    if session.status != MergeStatus.COMPLETED or video is None or not session.segments:
        return None
    return {
        "video_file_id": str(video.pk),
        "merged_video_url": stream_url(video),
        "poster_url": _poster(video),
        "segments": segments_of(session),
        "total_duration": total_of(session),
        "file_size": video.file_size,
        "compression_applied": session.compression_applied,
    }


def segments_of(session: MergeSession) -> list[dict[str, Any]]:
    """Where each clip begins and ends in the merged video, seconds."""
    return [
        {
            "statement_index": index,
            "start_time": one["start"],
            "end_time": one["end"],
            "duration": round(one["end"] - one["start"], MICROSECOND),
        }
        for index, one in enumerate(session.segments)
    ]


def total_of(session: MergeSession) -> float:
    """Seconds of a completed merge: where its last segment ends."""
    return float(session.segments[-1]["end"])


def _poster(video: Video) -> str | None:
    row = next((row for row in video.renditions.all() if row.kind == RenditionKind.POSTER), None)
    return url_of(row, video)


# Challenges


def knows_lie(challenge: Challenge, user: User) -> bool:
    """Whether the lie is told to ``user``: its owner's it is, and a player's who has guessed. Nobody else's."""
    return challenge.owner_id == user.pk or bool(own_guess(challenge))


def own_guess(challenge: Challenge) -> Guess | None:
    """What the user guessed for whom ``shown_to`` has read the challenge."""
    return challenge.own_guesses[0] if challenge.own_guesses else None


def show(challenges: Sequence[Challenge], user: User) -> list[dict[str, Any]]:
    """Challenges as ``user`` may see them; they come from ``shown_to``."""
    told = [challenge for challenge in challenges if knows_lie(challenge, user)]
    counts: dict[UUID, Counter[int]] = {challenge.pk: Counter() for challenge in told}
    rows = Guess.objects.filter(challenge__in=told).order_by().values_list("challenge", "statement_index")
    for challenge_id, index, count in rows.annotate(count=Count("pk")) if told else ():
        counts[challenge_id][index] = count
    return [_show(challenge, user, counts.get(challenge.pk)) for challenge in challenges]


def _show(challenge: Challenge, user: User, counts: Counter[int] | None) -> dict[str, Any]:
    """counts: how often each statement was guessed, for who is told the lie."""
    merge, guess = challenge.merge, own_guess(challenge)
    video, is_own = merge.video, challenge.owner_id == user.pk
    segments = segments_of(merge)
    return {
        "id": str(challenge.pk),
        "title": challenge.title,
        "owner": {
            "id": str(challenge.owner_id),
            "username": challenge.owner.username,
            "full_name": challenge.owner.get_full_name(),
        },
        "is_own": is_own,
        "status": str(challenge.status),
        "statements": [
            {
                "index": index,
                "media_file_id": one["media_file_id"],
                "text": one["text"],
                "duration_seconds": segments[index]["duration"],
            }
            for index, one in enumerate(challenge.statements)
        ],
        "is_merged_video": True,
        "video_file_id": str(video.pk) if video else None,
        "total_duration": total_of(merge),
        "segments": segments,
        "stream_url": stream_url(video) if video else None,
        "poster_url": _poster(video) if video else None,
        "width": video.width if video else None,
        "height": video.height if video else None,
        "lie_statement_index": None if counts is None else challenge.lie_index,
        "my_guess": None
        if guess is None
        else {
            "statement_index": guess.statement_index,
            "correct": guess.is_correct,
            "created_at": instant(guess.created_at),
        },
        "can_guess": not is_own and guess is None and challenge.status == "published",
        "guess_count": challenge.guess_count,
        "results": None
        if counts is None
        else {
            "correct": counts[challenge.lie_index],
            "by_statement": [counts[index] for index in range(len(challenge.statements))],
        },
        "created_at": instant(challenge.created_at),
        "published_at": instant(challenge.published_at),
    }


def instant(value: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return value.isoformat().replace("+00:00", "Z") if value else None
