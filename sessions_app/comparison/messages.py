"""What ``ws/sessions/{id}/`` sends: the session after a change, and its clock in between."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sessions_app.comparison.models import ComparisonSession, ComparisonVod, PlaybackState
from sessions_app.comparison.serializers import SessionSerializer, SessionSnapshot
from sessions_app.comparison.timeline import Placement
from sessions_app.comparison.vod_cache import cache


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
        "session": SessionSerializer.show(SessionSnapshot.of(session, now=now, vods=vods)),
        # Unclamped: a VOD that waits for its moment and one that stands at its beginning both show 0.
        "positions": [track.position for track in session.clock(vods, now).tracks],
    }


def clock_message(message: dict[str, Any], elapsed: float) -> dict[str, Any]:
    """A session message as it would read ``elapsed`` seconds later, as a ``clock`` message; asks no database.

    Without ``ui_state``, which may be large and does not move.
    """
    session = message["session"]
    playing = session["global_playback_state"] == PlaybackState.PLAYING
    step = elapsed * session["rate"] if playing else 0.0
    end = end_of(session)
    rates = [placement_of(vod).rate for vod in session["vods"]]
    global_time = max(session["global_time"], min(session["global_time"] + step, end))
    moved = {
        **{name: value for name, value in session.items() if name != "ui_state"},
        "global_time": global_time,
        "vods": [
            {**vod, "current_time": max(0.0, min(position + step * rate, vod["duration"]))}
            for vod, position, rate in zip(session["vods"], message["positions"], rates, strict=True)
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
    return float(max(placement_of(vod).global_time(vod["duration"]) for vod in session["vods"]))


def placement_of(vod: dict[str, Any]) -> Placement:
    """Where a VOD as it is shown lies on the clock."""
    return Placement(vod["offset"], vod["drift_ppm"], vod["drift_anchor"])
