"""Messages of the WebSocket ``ws/sessions/{id}/``: the session after a change, and its clock between changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sessions_app.comparison.models import ComparisonSession, ComparisonVod, PlaybackState, SyncMode
from sessions_app.comparison.serializers import SessionSerializer, SessionSnapshot
from sessions_app.comparison.timeline import Placement
from sessions_app.comparison.vod_cache import cache


def session_message(
    session: ComparisonSession, by: str, *, now: datetime, vods: list[ComparisonVod] | None = None
) -> dict[str, Any]:
    vods = cache.vods(session) if vods is None else vods
    return {
        "type": "session",
        "revision": session.revision,
        "by": by,
        "at": now.timestamp(),
        "session": SessionSerializer.show(SessionSnapshot.of(session, now=now, vods=vods)),
        # Before a VOD's start, the position is negative, but the VOD's `current_time` is 0.
        "positions": [track.position for track in session.clock(vods, now).tracks],
    }


def clock_message(message: dict[str, Any], elapsed: float) -> dict[str, Any]:
    """Return the ``clock`` message that is right ``elapsed`` seconds after ``message``, a session message. It needs
    no database query.

    The message omits ``ui_state`` and events, which may be large.
    """
    session = message["session"]
    playing = session["global_playback_state"] == PlaybackState.PLAYING
    step = elapsed * session["rate"] if playing else 0.0
    end = end_of(session)
    global_time = max(session["global_time"], min(session["global_time"] + step, end))
    vods = [
        {
            **{name: value for name, value in vod.items() if name != "events"},
            "current_time": max(0.0, min(position + _step_of(vod, elapsed), vod["duration"])),
        }
        for vod, position in zip(session["vods"], message["positions"], strict=True)
    ]
    moved = {
        **{name: value for name, value in session.items() if name != "ui_state"},
        "global_time": global_time,
        "vods": vods,
    }
    server_time = message["at"] + elapsed
    each = [
        {
            "vod_id": vod["vod_id"],
            "time": vod["current_time"],
            "playing": vod["playback_state"] == PlaybackState.PLAYING,
            "rate": vod["rate"],
        }
        for vod in vods
    ]
    return {
        **({"vods": each} if session["sync_mode"] == SyncMode.INDEPENDENT else {}),
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


def _step_of(vod: dict[str, Any], elapsed: float) -> float:
    return elapsed * vod["rate"] * placement_of(vod).rate if vod["playback_state"] == PlaybackState.PLAYING else 0.0


def is_playing(session: dict[str, Any]) -> bool:
    states = [session["global_playback_state"], *(vod["playback_state"] for vod in session["vods"])]
    return PlaybackState.PLAYING in states


def has_moving_vods(session: dict[str, Any]) -> bool:
    playing = session["global_playback_state"] == PlaybackState.PLAYING
    return (playing and session["global_time"] < end_of(session)) or any(
        vod["playback_state"] == PlaybackState.PLAYING and vod["current_time"] < vod["duration"]
        for vod in session["vods"]
    )


def end_of(session: dict[str, Any]) -> float:
    return float(max(placement_of(vod).global_time(vod["duration"]) for vod in session["vods"]))


def placement_of(vod: dict[str, Any]) -> Placement:
    return Placement(vod["offset"], vod["drift_ppm"], vod["drift_anchor"])
