"""What a comparison session looks like to its viewers (contract section 1), and a small memory of its fixed parts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from media_app.delivery.addresses import made_url, rendition_url, stream_url
from media_app.videos.models import Rendition, RenditionKind
from sessions_app.comparison.models import Alignment, ComparisonSession, ComparisonVod, OffsetChange, PlaybackState
from vodplatform.accounts.models import User
from vodplatform.base.errors import DomainError


class VodCache:
    """The VODs of the sessions used last in this process, valid for one revision and anchor of each.

    The anchor is part of it because saving a playing position moves anchor and positions, and no revision.
    """

    def __init__(self) -> None:
        self._rows: OrderedDict[str, tuple[tuple[int, datetime], list[ComparisonVod]]] = OrderedDict()
        self._lock = threading.Lock()

    def vods(self, session: ComparisonSession) -> list[ComparisonVod]:
        """The session's VODs with their videos and latest offset changes, in order.

        They are of one state with ``session``, which is read again when somebody has written in between. Raises
        ``session_not_found`` when it has been deleted meanwhile.
        """
        while True:
            version = (session.revision, session.anchored_at)
            with self._lock:
                found = self._rows.get(session.pk)
                if found and found[0] == version:
                    self._rows.move_to_end(session.pk)
                    return found[1]
            vods = list(session.vods.select_related("video"))
            for vod in vods:
                _changes_of(vod)
            rows = ComparisonSession.objects.filter(pk=session.pk)
            present = rows.values_list("revision", "anchored_at").first()
            if present is None:
                raise DomainError("session_not_found")
            if present == version:
                break
            session.refresh_from_db()
        with self._lock:
            self._rows[session.pk] = (version, vods)
            self._rows.move_to_end(session.pk)
            while len(self._rows) > settings.MULTI_VOD_MAX_SESSIONS_CACHED:
                self._rows.popitem(last=False)
        return vods


cache = VodCache()


def present_session(
    session: ComparisonSession, *, now: datetime | None = None, vods: list[ComparisonVod] | None = None
) -> dict[str, Any]:
    """The session as it is at ``now`` (the database's clock; asked for when it is not given)."""
    now = now or database_now(session)
    vods = cache.vods(session) if vods is None else vods
    clock = session.clock(vods, now)
    return {
        "session_id": session.session_id,
        "name": session.name,
        "description": session.description,
        "created_at": session.created_at.timestamp(),
        "updated_at": session.updated_at.timestamp(),
        "created_by": str(session.owner_id),
        "vods": [
            {
                "vod_id": vod.vod_id,
                "name": vod.name,
                "path": vod.path or None,
                "video_id": str(vod.video_id),
                "stream_url": stream_url(vod.video, as_shown=True),
                "duration": vod.video.duration,
                "fps": float(vod.video.fps),
                "fps_fraction": [vod.video.fps_numerator, vod.video.fps_denominator],
                "is_variable_frame_rate": vod.video.is_variable_frame_rate,
                "resolution": vod.video.resolution,
                "codec": vod.video.codec,
                "audio_tracks": vod.video.audio_tracks,
                "offset": vod.offset,
                "offset_source": vod.offset_source,
                "offset_confidence": vod.offset_confidence,
                "offset_history": [present_change(change, vod) for change in _changes_of(vod)],
                "current_time": track.current_time,
                "playback_state": session.playback_state,
                "events": [],
            }
            for vod, track in zip(vods, clock.tracks, strict=True)
        ],
        "sync_mode": session.sync_mode,
        "global_time": clock.global_time,
        "global_playback_state": session.playback_state,
        "rate": session.rate,
        "ui_state": session.ui_state,
        "sync_config": session.sync_config,
        "auto_sync_result": session.auto_sync_result,
        "revision": session.revision,
    }


def present_copies(session: ComparisonSession, viewer: User) -> list[dict[str, Any]]:
    """Where each VOD's copies for quick seeking and without sound are, and whether ``viewer`` may have them made."""
    vods = cache.vods(session)
    rows = Rendition.objects.filter(video__in=[vod.video_id for vod in vods], kind__in=COPIES)
    made = {(row.video_id, row.kind): row for row in rows.select_related("video")}

    def url(vod: ComparisonVod, kind: str) -> str | None:
        row = made.get((vod.video_id, kind))
        return rendition_url(row, as_shown=True) if row else None

    return [
        {
            "vod_id": vod.vod_id,
            "video_id": str(vod.video_id),
            "mine": vod.video.can_change(viewer),
            "is_gone": vod.video.deleted_at is not None,
            "stream_url": stream_url(vod.video, as_shown=True),
            "proxy_url": url(vod, RenditionKind.PROXY),
            "silent_url": url(vod, RenditionKind.SILENT),
        }
        for vod in vods
    ]


COPIES = (RenditionKind.PROXY, RenditionKind.SILENT)
HISTORY_SHOWN = 50


def _changes_of(vod: ComparisonVod) -> list[OffsetChange]:
    """The VOD's latest offset changes, kept on the cached row: a revision's history never changes."""
    shown: list[OffsetChange] | None = getattr(vod, "_shown_changes", None)
    if shown is None:
        shown = list(vod.offset_changes.all()[:HISTORY_SHOWN])
        vod._shown_changes = shown  # type: ignore[attr-defined]
    return shown


def present_change(change: OffsetChange, vod: ComparisonVod) -> dict[str, Any]:
    """One row of the offset history."""
    return {
        "timestamp": change.at.timestamp(),
        "vod_id": vod.vod_id,
        "vod_name": vod.name,
        "old_offset": change.old_offset,
        "new_offset": change.new_offset,
        "source": change.source,
        "confidence": change.confidence,
        "changed_by": change.changed_by,
        "changed_by_name": change.changed_by_name,
    }


def present_listed(session: ComparisonSession) -> dict[str, Any]:
    """One row of the list; needs the annotation ``vod_count``."""
    return {
        "session_id": session.session_id,
        "name": session.name,
        "created_at": session.created_at.timestamp(),
        "updated_at": session.updated_at.timestamp(),
        "vod_count": session.vod_count,  # type: ignore[attr-defined]
        "created_by": str(session.owner_id),
    }


def session_message(
    session: ComparisonSession, by: str, *, now: datetime, vods: list[ComparisonVod] | None = None
) -> dict[str, Any]:
    """The realtime message of a change: the whole state, its revision, who and when."""
    vods = cache.vods(session) if vods is None else vods
    return {
        "type": "session",
        "revision": session.revision,
        "by": by,
        "at": now.timestamp(),
        "session": present_session(session, now=now, vods=vods),
        # Unclamped: a VOD that waits for its moment and one that stands at its beginning both show 0.
        "positions": [track.position for track in session.clock(vods, now).tracks],
    }


def present_alignment(alignment: Alignment, vods: list[ComparisonVod]) -> dict[str, Any]:
    """An alignment as it stands: the job's state, and the proposals on the session's present clock."""
    job, result = alignment.job, alignment.result
    refused = result.get("refused") or []
    return {
        "job_id": str(job.pk),
        "status": job.status,
        "progress": round(job.progress, 1),
        "message": job.message,
        "method": alignment.method,
        "reference": result.get("reference"),
        "proposals": [
            {
                **{
                    name: found[name]
                    for name in ("vod_id", "confidence", "error_bound", "agreeing", "samples", "note", "readings")
                },
                "offset": offset,
                "evidence_urls": [made_url(item["key"]) for item in found["evidence"]],
                "evidence": _with_urls(found["evidence"]),
            }
            for found, offset in zip(result.get("proposals", []), proposed_offsets(result, vods), strict=True)
        ],
        "refused": {
            "reason": refused[0]["reason"],
            "message": " ".join(dict.fromkeys(item["message"] for item in refused)),
            "vod_ids": [item["vod_id"] for item in refused],
            "details": [{**item, "evidence": _with_urls(item.get("evidence", []))} for item in refused],
        }
        if refused
        else None,
        "error": job.error,
    }


def proposed_offsets(result: dict[str, Any], vods: list[ComparisonVod]) -> list[float]:
    """The proposals' offsets in seconds; the aligner counts from its reference, the session from its clock."""
    base = next((vod.offset for vod in vods if vod.vod_id == result.get("reference")), 0.0)
    return [round(found["offset"] + base, 6) for found in result.get("proposals", [])]


def _with_urls(evidence: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"vod_id": item["vod_id"], "time": item["time"], "text": item["text"], "url": made_url(item["key"])}
        for item in evidence
    ]


def project(message: dict[str, Any], elapsed: float) -> dict[str, Any]:
    """A session message as it would read ``elapsed`` seconds later, as a ``clock`` message; asks no database."""
    session = message["session"]
    playing = session["global_playback_state"] == PlaybackState.PLAYING
    step = elapsed * session["rate"] if playing else 0.0
    end = end_of(session)
    global_time = max(session["global_time"], min(session["global_time"] + step, end))
    moved = {
        **session,
        "global_time": global_time,
        "vods": [
            {**vod, "current_time": max(0.0, min(position + step, vod["duration"]))}
            for vod, position in zip(session["vods"], message["positions"], strict=True)
        ],
    }
    server_time = message["at"] + elapsed
    return {
        "type": "clock",
        "revision": message["revision"],
        "by": message["by"],
        "at": server_time,
        "session": moved,
        "global_time": global_time,
        "rate": session["rate"],
        "playing": playing,
        "server_time": server_time,
    }


def end_of(session: dict[str, Any]) -> float:
    """When the last VOD of a session as it is shown ends, in seconds of the shared clock."""
    return float(max(vod["offset"] + vod["duration"] for vod in session["vods"]))


def database_now(session: ComparisonSession) -> datetime:
    """The database's clock, as the session was read at it where it was, else asked for."""
    known = getattr(session, "db_now", None)
    return known or ComparisonSession.objects.annotate(moment=Now()).values_list("moment", flat=True).get(pk=session.pk)
