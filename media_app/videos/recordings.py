"""Notes for users about losses and changes in a recording."""

from __future__ import annotations

from typing import Any

from media_app.videos.models import Video
from vodplatform.core.formatting import clock, duration

NAMES = {"video": "Its picture", "audio": "Its sound"}
MANY_BREAKS = 10
MIN_TRACK_GAP_SECONDS = 1.0  # minimum noted seconds between the ends of picture and sound


def notes_of(video: Video) -> list[str]:
    """Return a sentence for each loss, break and change in the recording."""
    recording: dict[str, Any] = video.recording
    notes = [_break(found) for found in recording.get("breaks", ())]
    if len(notes) > MANY_BREAKS:
        notes = [*notes[:MANY_BREAKS], f"It was interrupted {len(notes) - MANY_BREAKS} times more."]
    if promised := recording.get("claimed_duration"):
        notes.append(f"Its end is missing: {duration(recording['duration'])} of {duration(promised)} are there.")
    elif "cut" in recording.get("reasons", ()):
        notes.append("It breaks off at its end. All that is whole is shown.")
    if outlasting := _outlasting(recording):
        other = "picture" if outlasting == "sound" else "sound"
        notes.append(f"Its {other} ends at {duration(recording[f'{other}_end'])}, its {outlasting} goes on.")
    if begin := recording.get("clock_start"):
        notes.append(f"Its own clock begins at {clock(begin)}; here it begins at 0:00.")
    if len(sizes := recording.get("sizes", ())) > 1:
        width, height = max(sizes, key=lambda size: size[0] * size[1])
        notes.append(f"Its picture changes its size. It is shown at {width}×{height} throughout.")
    return notes


def is_notable(recording: dict[str, Any]) -> bool:
    """Return whether a copy or a note needs the recording's facts."""
    return bool(recording.get("reasons") or _outlasting(recording))


def _outlasting(recording: dict[str, Any]) -> str:
    picture, sound = recording.get("picture_end"), recording.get("sound_end")
    if (
        not picture
        or not sound
        or not recording.get("is_complete", True)
        or abs(sound - picture) <= MIN_TRACK_GAP_SECONDS
    ):
        return ""
    return "sound" if sound > picture else "picture"


def _break(found: dict[str, Any]) -> str:
    what, at = NAMES.get(found["track"], "The recording"), clock(found["at"])
    if found["jump"] is None:
        return f"{what} was interrupted at {at}, for an unknown time."
    return f"{what} was interrupted at {at}. By its clock {duration(found['jump'])} are missing; they are left out."
