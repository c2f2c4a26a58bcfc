"""A session as the API, the pages and the commands show it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from jobs_app.models import JobStatus
from media_app.delivery.addresses import made_url, source_of, url_of
from media_app.videos.models import RenditionKind, VideoStatus
from sessions_app.analysis.models import AnalysisSession, AnalysisType, SessionStatus
from vodplatform.base.errors import DomainError

# Below this share an estimate of the time left says nothing.
LEAST_PROGRESS = 3.0
MESSAGES = {
    SessionStatus.QUEUED: "Waiting for its turn",
    SessionStatus.COMPLETED: "Analysis completed",
    SessionStatus.CANCELLED: "Cancelled",
    SessionStatus.EXPIRED: "The results are not kept any longer",
}
# What tables of results hold, by the word in the address, for those who want a spreadsheet.
TABLES = {
    "segments": ("index", "start_time", "end_time", "score", "description"),
    "highlights": ("start_time", "end_time", "score", "description"),
    "repetitions": ("exercise", "repetition", "start", "turn", "end", "seconds"),
}
TABLES_OF = {AnalysisType.HIGHLIGHTS: ("highlights", "segments"), AnalysisType.WORKOUT: ("repetitions",)}
# What a spreadsheet takes for a formula where a cell begins with it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def present(session: AnalysisSession) -> dict[str, Any]:
    """Where a session is; it comes from ``with_state``."""
    status, job = session.status, session.job
    is_running = status in (SessionStatus.QUEUED, SessionStatus.PROCESSING)
    message = (job.message if job and job.message and is_running else "") or MESSAGES.get(status, "")
    error = None
    if status == SessionStatus.FAILED and job:
        error = {"type": str((job.error or {}).get("type", "server_error")), "message": _reason(session)}
        message = error["message"]
    return {
        "sessionId": str(session.pk),
        "status": str(status),
        "progress": 100.0 if status == SessionStatus.COMPLETED else round(job.progress, 1) if job else 0.0,
        "message": message,
        "analysis_type": session.analysis_type,
        "name": session.name,
        "params": session.params,
        "warnings": session.warnings,
        "error": error,
        "created_at": _instant(session.created_at),
        "updated_at": _instant(_updated(session)),
        "expires_at": _instant(session.expires_at),
        "job_id": str(job.pk) if job else None,
        "job_status": str(job.status) if job else None,
        "eta_seconds": _seconds_left(session),
        "source": _source(session),
    }


def _reason(session: AnalysisSession) -> str:
    return str(((session.job.error if session.job else None) or {}).get("message", "The analysis failed."))


def _updated(session: AnalysisSession) -> datetime:
    job = session.job
    moments = [session.created_at, session.expired_at]
    if job is not None:
        moments += [job.started_at, job.finished_at]
    return max(moment for moment in moments if moment is not None)


def _seconds_left(session: AnalysisSession) -> float | None:
    """By how quickly it went so far; None where nobody can tell yet, and while it stands."""
    job = session.job
    if job is None or job.status != JobStatus.PROCESSING or session.is_over or session.running is None:
        return None
    if job.progress < LEAST_PROGRESS:
        return None
    return round(session.running.total_seconds() * (100 - job.progress) / job.progress, 1)


def _source(session: AnalysisSession) -> dict[str, Any] | None:
    """What can be shown of the video itself."""
    video = session.video
    if video is None or session.is_over or video.status != VideoStatus.READY or video.deleted_at is not None:
        return None
    return {**source_of(video), "video_id": None if session.owns_video else str(video.pk)}


def results(session: AnalysisSession) -> dict[str, Any]:
    """``{sessionId, status, analysis_type, name, data}`` of a session that is completed, read whole.

    Raises ``session_expired`` (410), ``analysis_failed`` (422), ``results_not_ready`` (400).
    """
    check_ready(session)
    data = {**session.data} if session.data else {}
    video = session.video
    made = {}
    if video is not None:
        for row in video.renditions.all():
            if row.name == session.rendition_name:
                made[row.kind] = url_of(row, video)
    if session.analysis_type == AnalysisType.HIGHLIGHTS:
        thumbnails = [made_url(key) if key else None for key in session.thumbnails]
        data["highlight_video_url"] = made.get(RenditionKind.REEL)
        data["thumbnails"] = [address for address in thumbnails if address]
        data["highlights"] = [
            {**one, "thumbnail_url": thumbnails[index] if index < len(thumbnails) else None}
            for index, one in enumerate(data.get("highlights", []))
        ]
    else:
        data["preview_url"] = made.get(RenditionKind.PREVIEW)
    return {
        "sessionId": str(session.pk),
        "status": str(SessionStatus.COMPLETED),
        "analysis_type": session.analysis_type,
        "name": session.name,
        "data": data,
    }


def check_ready(session: AnalysisSession) -> None:
    """Raises what :func:`results` says for a session without results."""
    status, name = session.status, str(session.pk)
    if status == SessionStatus.EXPIRED:
        raise DomainError("session_expired", sessionId=name)
    if status == SessionStatus.FAILED:
        reason = str(((session.job.error if session.job else None) or {}).get("type", "server_error"))
        raise DomainError("analysis_failed", sessionId=name, message=_reason(session), reason=reason)
    if status != SessionStatus.COMPLETED:
        progress = round(session.job.progress, 1) if session.job else 0.0
        raise DomainError("results_not_ready", sessionId=name, status=str(status), progress=progress)


def table(session: AnalysisSession, kind: str) -> str:
    """A table of results as CSV (RFC 4180). Raises as :func:`results`; ``KeyError`` for a kind that it has not."""
    if kind not in TABLES_OF[AnalysisType(session.analysis_type)]:
        raise KeyError(kind)
    check_ready(session)
    data = session.data or {}
    rows = _repetitions(data) if kind == "repetitions" else data.get(kind, [])
    return _csv(TABLES[kind], rows)


def _repetitions(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for exercise in data.get("exercises", []):
        for number, one in enumerate(exercise["rep_times"], start=1):
            seconds = round(one["end"] - one["start"], 3)
            yield {"exercise": exercise["name"], "repetition": number, "seconds": seconds, **one}


def _csv(columns: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
